using System.Buffers.Binary;
using ContainerGrains.Linux;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>
/// Makes calls as the process that made them once: the kernel tells the other end who called (SO_PEERCRED). When that process is
/// in the container its puppet calls, with its ids; else the engine itself does, with the ids alone.
/// </summary>
internal sealed class UnixActors(RestoreContext context)
{
    private const int SCM_CREDENTIALS = 2;

    public void Listen(UnixCredentials? who, int fd, int backlog)
    {
        if (TryInPuppet(who, Syscall.listen, fd, backlog, null)) return;
        using (EffectiveIds(who)) Linux.Sockets.Listen(fd, backlog);
    }

    /// <param name="root">Below which a path is to be found; null for abstract names.</param>
    public void Connect(UnixCredentials? who, int fd, byte[] name, FileDescriptor? root, string? directory)
    {
        // In an attic only the engine finds the way; so for a relative path.
        bool reachable = !UnixAddress.IsPath(name) || root == context.Root && name[2] == '/';
        if (reachable && TryInPuppet(who, Syscall.connect, fd, name.Length, name)) return;
        if (root is null)
        {
            using (EffectiveIds(who)) Linux.Sockets.Connect(fd, name);
        }
        else
        {
            Result.Check(UnixNames.TryConnect(fd, name, root, directory, who?.Uid ?? 0, who?.Gid ?? 0), "connect", path: UnixAddress.Path(name));
        }
    }

    public (FileDescriptor, FileDescriptor) Pair(UnixCredentials? who, SocketKind kind)
    {
        if (who is null || context.Task(who.VirtualPid) is not { } task)
        {
            using (EffectiveIds(who)) return Linux.Sockets.Pair(kind.Domain, kind.Type, kind.Protocol);
        }
        task.Agent.ResetScratch();
        RemoteAddress pair = task.Agent.Reserve(8);
        Span<RemoteCall> calls = [new(Syscall.socketpair, kind.Domain, kind.Type | Linux.Sockets.SOCK_CLOEXEC, kind.Protocol, pair)];
        As(task.Agent, who, calls);
        ulong numbers = RemoteMemory.Read<ulong>(task.Pid, pair);
        int first = (int)(uint)numbers, second = (int)(numbers >> 32);
        using var pidfd = new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, task.Pid, 0));
        (FileDescriptor, FileDescriptor) ends = (Borrow(first), Borrow(second));
        task.Agent.Run([new(Syscall.close, first), new(Syscall.close, second)], "close");
        return ends;

        FileDescriptor Borrow(int number) => new(Kernel.Call("pidfd_getfd", Syscall.pidfd_getfd, pidfd.Number, number, 0));
    }

    /// <summary>Ancillary data that says who sends; empty when nobody did.</summary>
    public byte[] Control(UnixCredentials? who)
    {
        if (who is null) return [];
        // struct cmsghdr {length, level, type}, struct ucred {pid, uid, gid}, padded to 32.
        byte[] control = new byte[32];
        BinaryPrimitives.WriteInt64LittleEndian(control, 28);
        BinaryPrimitives.WriteInt32LittleEndian(control.AsSpan(8), Linux.Sockets.SOL_SOCKET);
        BinaryPrimitives.WriteInt32LittleEndian(control.AsSpan(12), SCM_CREDENTIALS);
        BinaryPrimitives.WriteInt32LittleEndian(control.AsSpan(16), context.Task(who.VirtualPid)?.Pid ?? Environment.ProcessId);
        BinaryPrimitives.WriteUInt32LittleEndian(control.AsSpan(20), who.Uid);
        BinaryPrimitives.WriteUInt32LittleEndian(control.AsSpan(24), who.Gid);
        return control;
    }

    // listen(fd, number) or connect(fd, address, number) in the puppet of the process. False: it is not there.
    private bool TryInPuppet(UnixCredentials? who, int call, int fd, int number, byte[]? address)
    {
        if (who is null || context.Task(who.VirtualPid) is not { } task) return false;
        Puppet agent = task.Agent;
        agent.ResetScratch();
        long copy = agent.TryCall(Syscall.pidfd_getfd, SeedImage.EnginePidFd, fd, 0);
        if (copy < 0) return false;
        long result = 0;
        try
        {
            Span<RemoteCall> calls = [address is null ? new(call, copy, number) : new(call, copy, agent.Put(address), number)];
            As(agent, who, calls);
        }
        catch (LinuxException e)
        {
            result = e.Errno;
        }
        agent.Call("close", Syscall.close, copy);
        return result == 0;
    }

    // A caller that is gone had an id at least; without it whoever asks would take the other end for root.
    private static EffectiveUser? EffectiveIds(UnixCredentials? who) => who is null or { Uid: 0, Gid: 0 } ? null : new EffectiveUser(who.Uid, who.Gid);

    // Effective ids only; they come back because the real and saved ones stay.
    private static void As(Puppet agent, UnixCredentials who, Span<RemoteCall> calls)
    {
        if (who is { Uid: 0, Gid: 0 })
        {
            agent.Run(calls, "unix socket call");
            return;
        }
        RemoteCall[] all =
        [
            new(Syscall.setresgid, -1, who.Gid, -1), new(Syscall.setresuid, -1, who.Uid, -1), .. calls, new(Syscall.setresuid, -1, 0, -1), new(Syscall.setresgid, -1, 0, -1),
        ];
        agent.RunBatch(all, goOnAfterErrors: true);
        foreach (RemoteCall call in all)
            if (call.Result is < 0 and >= -4095) throw new LinuxException($"unix socket call {call.Number} as user {who.Uid} in puppet", (int)-call.Result, agent.Tid);
    }
}
