"""
Half of the time something waits in every queue that cannot be carried: inotify events, TCP and unix connections to accept, descriptors in a
message, answers of the kernel. Beside it waits of all kinds, none of which may be interrupted or cut short.
"""
import ctypes, os, select, socket, struct, threading, time
from survivor import *

HALF_SECONDS = 0.002
begin()
libc = ctypes.CDLL(None, use_errno=True)

os.makedirs('/tmp/watched', exist_ok=True)
watch = libc.inotify_init1(os.O_NONBLOCK)
check(libc.inotify_add_watch(watch, b'/tmp/watched', 0x100) > 0, 'inotify_add_watch')
tcp = socket.create_server(('127.0.0.1', 5555))
unix = socket.socket(socket.AF_UNIX)
unix.bind('\0moments')
unix.listen()
one, two = socket.socketpair()
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
netlink.bind((0, 0))


def sleeper(name, seconds, call):
    while True:
        start = time.monotonic()
        result = call()
        took = time.monotonic() - start
        check(result == 0, f'{name} returned {result}, errno {ctypes.get_errno()}')
        check(took >= seconds, f'{name} of {seconds} s ended after {took} s')


SECONDS = 0.03
empty, events = os.pipe(), ctypes.create_string_buffer(64)
epoll = select.epoll()
epoll.register(empty[0], select.EPOLLIN)
pollfd = ctypes.create_string_buffer(struct.pack('ihh', empty[0], 1, 0), 8)
request = ctypes.create_string_buffer(struct.pack('qq', 0, int(SECONDS * 1e9)), 16)
for name, call in (
        ('nanosleep', lambda: libc.nanosleep(request, None)),
        ('poll', lambda: libc.poll(pollfd, 1, int(SECONDS * 1000))),
        ('epoll_wait', lambda: libc.epoll_wait(epoll.fileno(), events, 4, int(SECONDS * 1000)))):
    threading.Thread(target=sleeper, args=(name, SECONDS, call), daemon=True).start()

while running():
    os.close(os.open('/tmp/watched/new', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    client = socket.create_connection(('127.0.0.1', 5555))
    client.sendall(b'tcp')
    local = socket.socket(socket.AF_UNIX)
    local.connect('\0moments')
    local.sendall(b'unix')
    socket.send_fds(one, [b'x'], [empty[0]])
    netlink.send(struct.pack('IHHIIBxH', 20, 18, 0x301, 1, 0, 0, 0)[:20])  # RTM_GETLINK, a dump
    rest(HALF_SECONDS)

    equal(2, struct.unpack_from('iIII', os.read(watch, 4096))[1] >> 7, 'an inotify event')
    os.unlink('/tmp/watched/new')
    accepted = tcp.accept()[0]
    equal(b'tcp', accepted.recv(10), 'what came over TCP')
    accepted.close(), client.close()
    accepted = unix.accept()[0]
    equal(b'unix', accepted.recv(10), 'what came over a unix socket')
    accepted.close(), local.close()
    message, descriptors, _, _ = socket.recv_fds(two, 10, 4)
    equal(b'x', message, 'a message with a descriptor')
    os.close(descriptors[0])
    while struct.unpack_from('IH', netlink.recv(1 << 16))[1] != 3: pass  # NLMSG_DONE
    tick()
    rest(HALF_SECONDS)
end()
