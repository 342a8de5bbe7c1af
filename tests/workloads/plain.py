"""Counts, and knows who it is."""
import os, pwd
from survivor import *

begin()
who = os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd(), os.uname().nodename, dict(os.environ)
while running():
    equal(who, (os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd(), os.uname().nodename, dict(os.environ)), 'identity')
    with open(os.path.expanduser('/tmp/own'), 'a') as f: f.write('x')
    rest(0.01)
    tick(os.getuid())
end()
