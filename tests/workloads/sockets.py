"""Sockets of every kind, both ends inside: each carries a count to and fro, strictly plus one; some hold unread data until SIGUSR1."""
import os
import signal
import socket
import struct
import sys
import threading
import time

os.makedirs("/run/s", exist_ok=True)
counts = {}
gaps = {}
failed = []


def fail(name, what):
    failed.append(name)
    print("error", name, repr(what), flush=True)


def echo(name, sock, stream):
    """The other end: sends back what it gets, plus one."""
    try:
        while True:
            data, sender = sock.recvfrom(8) if not stream else (receive(sock), None)
            if not data:
                return fail(name, "echo: end")
            reply = struct.pack("q", struct.unpack("q", data)[0] + 1)
            sock.sendto(reply, sender) if sender else sock.sendall(reply)
    except Exception as e:
        fail(name, e)


def receive(sock):
    data = b""
    while len(data) < 8:
        more = sock.recv(8 - len(data))
        if not more:
            return b""
        data += more
    return data


def count(name, sock, stream):
    """This end: each reply is exactly what was sent, plus one."""
    try:
        n = 0
        while True:
            begin = time.monotonic()
            sock.send(struct.pack("q", n))
            reply = struct.unpack("q", receive(sock) if stream else sock.recv(8))[0]
            if reply != n + 1:
                return fail(name, f"{reply} after {n}")
            n = counts[name] = reply
            gaps[name] = max(gaps.get(name, 0), time.monotonic() - begin)
            time.sleep(0.0005)
    except Exception as e:
        fail(name, e)


def run(name, mine, other, stream=True):
    counts[name] = 0
    for target, sock in ((echo, other), (count, mine)):
        threading.Thread(target=target, args=(name, sock, stream), daemon=True).start()


def connected(family, kind, address):
    listener = socket.socket(family, kind)
    listener.bind(address)
    listener.listen(4)
    client = socket.socket(family, kind)
    client.connect(listener.getsockname())
    return listener, client, listener.accept()[0]


def pair_of_datagrams(family, address, client_address):
    server, client = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    server.bind(address)
    client.bind(client_address)
    client.connect(server.getsockname())
    return client, server


kept = []
for name, family, kind, address in (
    ("tcp4", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
    ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
    ("unix-path", socket.AF_UNIX, socket.SOCK_STREAM, "/run/s/stream"),
    ("unix-abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0stream"),
    ("unix-seqpacket", socket.AF_UNIX, socket.SOCK_SEQPACKET, "/run/s/seqpacket"),
):
    listener, client, accepted = connected(family, kind, address)
    kept.append(listener)
    run(name, client, accepted)

run("pair", *socket.socketpair())
run("udp4", *pair_of_datagrams(socket.AF_INET, ("127.0.0.1", 0), ("127.0.0.1", 0)), stream=False)
run("udp6", *pair_of_datagrams(socket.AF_INET6, ("::1", 0), ("::1", 0)), stream=False)
run("unix-datagram", *pair_of_datagrams(socket.AF_UNIX, "/run/s/log", "/run/s/client"), stream=False)

# A pair over a fork.
mine, other = socket.socketpair()
if os.fork() == 0:
    mine.close()
    threading.Thread(target=echo, args=("fork", other, True), daemon=True).start()
    while True:
        signal.pause()
other.close()
counts["fork"] = 0
threading.Thread(target=count, args=("fork", mine, True), daemon=True).start()

# What nobody reads for now.
big = os.urandom(150_000)
_, sender, reader = connected(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
sender.setblocking(False)
sent = sender.send(big)
messages_in, messages_out = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
for text in (b"one", b"", b"three"):
    messages_out.send(text)
udp_out, udp_in = pair_of_datagrams(socket.AF_INET, ("127.0.0.1", 0), ("127.0.0.1", 0))
for text in (b"four", b"five"):
    udp_out.send(text)
_, half_client, half_server = connected(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
half_client.sendall(b"last words")
half_client.shutdown(socket.SHUT_WR)
names = [s.getsockname() for s in kept] + [reader.getpeername(), udp_in.getsockname()]


def check(what, condition):
    if not condition:
        fail(what, "not as it was")


def finish():
    sender.close()
    data = b""
    while chunk := reader.recv(65536):
        data += chunk
    check("big", data == big[:sent])
    check("messages", [messages_in.recv(100) for _ in range(3)] == [b"one", b"", b"three"])
    check("datagrams", [udp_in.recvfrom(100) for _ in range(2)] == [(b"four", udp_out.getsockname()), (b"five", udp_out.getsockname())])
    check("half", half_server.recv(100) == b"last words" and half_server.recv(100) == b"")
    half_server.sendall(b"and an answer")
    half_server.close()
    check("half back", half_client.recv(100) == b"and an answer" and half_client.recv(100) == b"")
    check("names", names == [s.getsockname() for s in kept] + [names[-2], udp_in.getsockname()] and sender.fileno() == -1)
    for listener in kept:
        fresh = socket.socket(listener.family, listener.type)
        fresh.connect(listener.getsockname())
        accepted = listener.accept()[0]
        fresh.send(b"new")
        check("listener", accepted.recv(3) == b"new")
    uid = struct.unpack("3i", messages_in.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    check("credentials", uid == (os.getpid(), os.getuid(), os.getgid()))


asked = []
signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
print("ready", flush=True)
while not asked:
    print("counts", min(counts.values()), flush=True)
    time.sleep(0.02)
finish()
print("gaps", {name: round(gap * 1000) for name, gap in gaps.items()}, flush=True)
print("done", len(failed), flush=True)
while True:
    signal.pause()
