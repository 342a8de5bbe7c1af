using System.Globalization;

namespace ContainerGrains.Engine.Tests.TaskRooms;

/// <summary>
/// A python3 program as a child of this process that nobody traces yet. It has <c>call(number, *args)</c>, which makes one system call and
/// writes its result, errno and duration for <see cref="Outcome"/>.
/// </summary>
public sealed class PythonProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly TemporaryDirectory _directory = new();

    private const string Prelude = """
        import ctypes, os, select, signal, socket, struct, sys, threading, time
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        kept = []
        def mem(data):
            kept.append(ctypes.create_string_buffer(data, len(data)))
            return ctypes.addressof(kept[-1])
        def ts(seconds):
            return mem(struct.pack('qq', int(seconds), int(round(seconds % 1 * 1e9))))
        def call(number, *args):
            begin = time.monotonic()
            result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in args])
            errno = ctypes.get_errno() if result < 0 else 0
            say(f'{result} {errno} {time.monotonic() - begin}')
        def say(text):
            with open(sys.argv[1] + '.new', 'w') as f: f.write(text)
            os.rename(sys.argv[1] + '.new', sys.argv[1])

        """;

    public PythonProcess(string program)
    {
        string script = _directory.Write("program.py", Prelude + program);
        Puppet puppet = Puppet.Spawn();
        Pid = puppet.Tid;
        ulong[] argv = [puppet.Put("python3").Value, puppet.Put(script).Value, puppet.Put(ResultPath).Value, 0];
        RemoteAddress arguments = puppet.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(argv));
        Regs regs = puppet.Regs;
        regs.rip = (puppet.StubAddress + Stub.SyscallOffset).Value;
        regs.rax = Syscall.execve;
        regs.orig_rax = ulong.MaxValue;
        regs.rdi = puppet.Put("/usr/bin/python3").Value;
        regs.rsi = arguments.Value;
        regs.rdx = puppet.Put(0ul).Value;
        puppet.Regs = regs;
        puppet.Detach();
    }

    public int Pid { get; }
    private string ResultPath => $"{_directory.Path}/result";

    /// <summary>Waits until a thread (the main one, or the only other) sleeps in this call.</summary>
    public int WaitUntilIn(int syscall, bool mainThread = true, char state = 'S')
    {
        int tid = 0;
        bool there = SpinWait.SpinUntil(() =>
        {
            foreach (int candidate in ProcessTree.Threads(Pid).Where(t => (t == Pid) == mainThread))
                if (ThreadIds.TryRead($"/proc/{Pid}/task/{candidate}/syscall") is { } line && line.StartsWith($"{syscall} ", StringComparison.Ordinal)
                    && ProcStat.Read(Pid, candidate).State == state) tid = candidate;
            Thread.Sleep(1);
            return tid != 0 || state == 'S' && File.Exists(ResultPath);
        }, Patience);
        if (tid == 0) Assert.Fail(there ? $"the call came back at once: {File.ReadAllText(ResultPath)}" : $"python3 never slept in syscall {syscall}");
        return tid;
    }

    /// <summary>What the program said, waited for.</summary>
    public string Said()
    {
        Assert.True(SpinWait.SpinUntil(() => { Thread.Sleep(1); return File.Exists(ResultPath); }, Patience), "the program said nothing");
        return File.ReadAllText(ResultPath);
    }

    public bool HasSaid => File.Exists(ResultPath);

    public (long Result, int Errno, double Seconds) Outcome()
    {
        string[] parts = Said().Split(' ');
        return (long.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture), double.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    public void Signal(int signal) => Assert.Equal(0, Kernel.Raw(Syscall.kill, Pid, signal));

    public void Dispose()
    {
        _ = Kernel.Raw(Syscall.kill, Pid, Signals.SIGKILL);
        WaitStatus.Wait(Pid);
        _directory.Dispose();
    }
}
