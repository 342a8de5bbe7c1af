using System.Runtime.InteropServices;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Takes a throw-away container through start, rounds, freeze, dump and restore, so that no code is compiled inside the first
/// real freeze. Its one process is made to hold something of every common kind, or half of the rooms would stay cold.
/// </summary>
internal static class WarmUp
{
    public const string Name = "cg-warm-up";
    private const int Rounds = 4;
    private const int AF_UNIX = 1, AF_INET = 2, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_NONBLOCK = 0x800;

    public static void Run(ContainerEngine engine)
    {
        var config = new ContainerConfig { Name = Name, Args = ["sleep", "60"] };
        engine.Delete(Name);
        try
        {
            for (int i = 0; i < Rounds; i++) Once(engine, config);
        }
        finally
        {
            engine.Delete(Name);
        }
    }

    private static void Once(ContainerEngine engine, ContainerConfig config)
    {
        using var image = new MemoryStream();
        var container = (EngineContainer)engine.Start(config, CancellationToken.None);
        OperationThread.RunOnce("warm-up", () => GiveDescriptors(container.InitPid));
        using (var source = new MoveSource(engine, container, image, new MoveSettings(TimeSpan.FromSeconds(10))))
        {
            for (int round = 0; round < 2; round++) source.Round(CancellationToken.None);
            source.CutOver(CancellationToken.None);
            source.Discard();
        }
        image.Position = 0;
        engine.Restore(image, config, CancellationToken.None).Kill();
        engine.Delete(Name);
    }

    // The sleeping program is stopped, makes these calls, and sleeps on.
    private static bool GiveDescriptors(int pid)
    {
        var task = new TaskDump(ProcessTree.PidsOf(pid) ?? [pid], ProcStat.Read(pid), ProcFields.Read($"/proc/{pid}/status"));
        Tracee main = Tracee.Seize(pid);
        main.InterruptAndWait();
        var thread = new ThreadDump(task, main, task.VirtualPid, main.Regs);
        SyscallRestart.Prepare(thread, Clocks.MonotonicNs());
        List<MapEntry> maps = MapEntry.Read(pid);
        RemoteAddress instruction = VdsoCode.FindSyscall(pid, maps);
        Puppet agent = Puppet.Infest(main, instruction, StubPlacement.Choose(maps.Select(m => (m.Start, m.End))));
        Make(agent);
        agent.Leave(instruction);
        main.Regs = thread.ResumeRegs;
        main.Park();
        main.Detach();
        return true;
    }

    private static void Make(Puppet agent)
    {
        // struct sockaddr_in: 127.0.0.1, port 9 (network byte order).
        RemoteAddress address = agent.Put(MemoryMarshal.AsBytes<ulong>([0x0100007F_0900_0002, 0]));
        RemoteAddress pair = agent.Reserve(16), text = agent.Put("cg");
        long listener = agent.Call("socket", Syscall.socket, AF_INET, SOCK_STREAM, 0);
        long client = agent.Call("socket", Syscall.socket, AF_INET, SOCK_STREAM, 0);
        agent.Run([new(Syscall.bind, listener, address, 16), new(Syscall.listen, listener, 8), new(Syscall.connect, client, address, 16)], "warm-up");
        long accepted = agent.Call("accept4", Syscall.accept4, listener, 0, 0, SOCK_NONBLOCK);
        long epoll = agent.Call("epoll_create1", Syscall.epoll_create1, 0);
        RemoteAddress interest = agent.Put(MemoryMarshal.AsBytes<uint>([1, (uint)accepted, 0]));
        agent.Run(
        [
            new(Syscall.write, client, text, 2),
            new(Syscall.epoll_ctl, epoll, 1, accepted, interest),
            new(Syscall.eventfd2, 1, 0),
            new(Syscall.pipe2, pair, 0),
            new(Syscall.socketpair, AF_UNIX, SOCK_STREAM, 0, pair),
            new(Syscall.socket, AF_INET, SOCK_DGRAM, 0),
            new(Syscall.timerfd_create, 1, 0),
            new(Syscall.open, agent.Put("/tmp"), Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY),
            new(Syscall.open, agent.Put("/etc/passwd"), Linux.Files.O_RDONLY),
            new(Syscall.open, agent.Put("/dev/urandom"), Linux.Files.O_RDONLY),
        ], "warm-up");
    }
}
