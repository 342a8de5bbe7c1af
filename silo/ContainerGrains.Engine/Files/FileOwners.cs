using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Who gets SIGIO of a description: F_SETOWN_EX and F_SETSIG of fcntl(2). Read and set from the engine, in real pids.</summary>
internal static class FileOwners
{
    private const int F_OWNER_PGRP = 2;

    public static FileOwner? Read(OpenFile file, DumpContext context)
    {
        (int type, int pid) = FileOwnership.Get(file.Fd.Number);
        int signal = FileOwnership.GetSignal(file.Fd.Number);
        if (pid == 0) return signal == 0 ? null : new FileOwner(0, 0, signal);
        int? virtualPid = type == F_OWNER_PGRP
            ? context.Tasks.Where(t => t.Stat.ProcessGroup == pid).Select(t => (int?)t.Status.Int32s("NSpgid")[^1]).FirstOrDefault()
            : context.VirtualPid(pid) ?? context.Tasks.SelectMany(t => t.Threads).Where(t => t.Tid == pid).Select(t => (int?)t.VirtualTid).FirstOrDefault();
        // An owner that is gone gets nothing any more, here or there.
        return virtualPid is null ? null : new FileOwner(type, virtualPid.Value, signal);
    }

    /// <param name="realPid">Real pid of a virtual pid, thread or group on this host; null when it is gone.</param>
    public static void Set(FileOwner owner, FileDescriptor file, Func<FileOwner, int?> realPid)
    {
        if (owner.Signal != 0) FileOwnership.SetSignal(file.Number, owner.Signal);
        if (owner.VirtualPid != 0 && realPid(owner) is int pid) FileOwnership.Set(file.Number, owner.Type, pid);
    }
}
