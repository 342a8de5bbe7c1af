"""A child that counts up in a file and is stopped: prints its state and whether it has counted, at every SIGUSR2; continues it at the tenth."""
import os, signal, time

path = '/tmp/count'
child = os.fork()
if child == 0:
    count = 0
    while True:
        count += 1
        with open(path + '.new', 'w') as f: f.write(str(count))
        os.rename(path + '.new', path)
        time.sleep(0.001)

reader, writer = os.pipe()
signal.signal(signal.SIGUSR2, lambda *_: os.write(writer, b'x'))


def state():
    with open(f'/proc/{child}/stat') as f: return f.read().rsplit(')', 1)[1].split()[0]


def count():
    with open(path) as f: return int(f.read())


while not os.path.exists(path): time.sleep(0.001)
os.kill(child, signal.SIGSTOP)
os.waitpid(child, os.WUNTRACED)
last = count()
asked = 0
while True:
    print(state(), 'counted' if count() != last else 'stood still')
    os.read(reader, 1)
    asked += 1
    if asked == 10:
        os.kill(child, signal.SIGCONT)
        while count() == last: time.sleep(0.001)
