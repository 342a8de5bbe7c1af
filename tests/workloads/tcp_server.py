"""Serves TCP on port 7000: 'count' replies with each number plus one; 'pour' sends back all that it gets, through buffers that fill."""
import socket
import struct
import threading


def serve(sock):
    kind = sock.recv(1)
    if kind == b"c":
        while data := sock.recv(8, socket.MSG_WAITALL):
            sock.sendall(struct.pack("q", struct.unpack("q", data)[0] + 1))
    else:
        while data := sock.recv(65536):
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    sock.close()


listener = socket.create_server(("", 7000), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
