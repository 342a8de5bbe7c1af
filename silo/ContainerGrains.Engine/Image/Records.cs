using System.Text.Json;

namespace ContainerGrains.Engine;

/// <summary>What an image is; its first frame.</summary>
/// <param name="Version">Of the format; <see cref="Current"/> is what this engine writes and reads.</param>
public sealed record ManifestRecord(int Version, string Name, string Kernel, DateTimeOffset Created, ContainerConfig Config)
{
    public const int Current = 1;
}

/// <summary>The processes and their address spaces.</summary>
/// <param name="Frozen">Read in the freeze: this is how it stays; else at the start of a round.</param>
public sealed record TreeRecord(bool Frozen, IReadOnlyList<ProcessRecord> Processes, IReadOnlyList<MemoryObjectRecord> Objects);

/// <summary>A process's place in the tree.</summary>
/// <param name="Pids">Its pid in the container and in every container nested around it, outermost first; the host's pid is not part of it.</param>
/// <param name="Parent">Virtual pid of the parent; 0: outside (init and execs).</param>
/// <param name="Name">What ps shows, for a zombie, which nobody can ask any more; the living have it in the records of their threads.</param>
/// <param name="ExitCode">Wait status of a zombie; null for the living.</param>
public sealed record ProcessRecord(IReadOnlyList<int> Pids, int Parent, int Session, int Group, string Name, int? ExitCode, AddressSpaceRecord? Space)
{
    public int VirtualPid => Pids[^1];
}

/// <summary>All that is neither memory nor file system.</summary>
public sealed record ContainerRecord(IReadOnlyList<TaskRecord> Tasks, IReadOnlyList<FileRecord> Files);

/// <summary>A living process.</summary>
/// <param name="Auxv">Bytes of /proc/PID/auxv.</param>
/// <param name="Stopped">It was stopped by a signal (job control).</param>
/// <param name="Resources">Records of the task rooms, by kind.</param>
public sealed record TaskRecord(
    int VirtualPid, MmLayout Layout, byte[] Auxv, string Executable, string WorkingDirectory, bool Stopped, IReadOnlyList<ulong> Guards, IReadOnlyDictionary<string, JsonElement> Resources, IReadOnlyList<ThreadRecord> Threads);

/// <summary>A thread; the first of a process is its main thread.</summary>
/// <param name="Registers">struct user_regs_struct.</param>
/// <param name="XState">XSAVE area, as PTRACE_GETREGSET NT_X86_XSTATE gives it.</param>
public sealed record ThreadRecord(int VirtualTid, byte[] Registers, byte[] XState, ulong SignalMask, IReadOnlyDictionary<string, JsonElement> Resources);
