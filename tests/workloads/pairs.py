"""Unix socket pairs of all types with data on the way, a descriptor in flight, a named listener, and UDP over lo."""
import array, itertools, os, socket
from survivor import *

begin()
stream, dgram, seq = (socket.socketpair(socket.AF_UNIX, t) for t in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET))
listener = socket.socket(socket.AF_UNIX)
listener.bind('/tmp/named')
listener.listen(5)
abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
abstract.bind('\0abstract')
udp, udp_peer, connected = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
udp.bind(('127.0.0.1', 0))
udp_peer.bind(('127.0.0.1', 0))
connected.connect(udp.getsockname())

for s in (udp, udp_peer, connected, abstract, listener, *stream, *dgram, *seq): s.settimeout(20)
for i in itertools.count():
    if not running(): break
    message = f'message {i}'.encode()
    for near, far in stream, dgram, seq:
        near.send(message)
        far.send(message + b' back')
    udp.sendto(message, udp_peer.getsockname())
    connected.send(message + b' connected')
    client = socket.socket(socket.AF_UNIX)
    client.connect('/tmp/named')
    client.send(message)
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.sendto(message, '\0abstract')
    server, _ = listener.accept()
    # Everything above is on its way while this waits.
    rest(0.01)
    for near, far in stream, dgram, seq:
        equal(message, far.recv(100), 'there')
        equal(message + b' back', near.recv(100), 'back')
    data, address = udp_peer.recvfrom(100)
    equal((message, udp.getsockname()), (data, address), 'UDP')
    data, address = udp.recvfrom(100)
    equal((message + b' connected', connected.getsockname()), (data, address), 'connected UDP')
    equal(message, server.recv(100), 'the named listener')
    equal(message, abstract.recv(100), 'the abstract name')
    for s in client, server, sender: s.close()
    tick()
end()
