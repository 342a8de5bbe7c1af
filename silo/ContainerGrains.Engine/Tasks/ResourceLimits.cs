using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Resource limits: getrlimit(2). A hard limit above this host's own needs CAP_SYS_RESOURCE; without it the limit is set as high
/// as it may be, and <see cref="RestoreContext.Warnings"/> names it.
/// </summary>
public sealed class ResourceLimits : TaskResource<ResourceLimits.Record>
{
    /// <param name="Limits">By number of the limit (RLIMIT_CPU is 0); null stands for no limit.</param>
    public sealed record Record(IReadOnlyList<Limit> Limits);
    public sealed record Limit(ulong? Soft, ulong? Hard);

    /// <summary>In the order of their numbers, which is that of /proc/PID/limits.</summary>
    private static readonly string[] Names =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS",
        "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ];

    /// <summary>Column of the soft limit in /proc/PID/limits; the hard one follows 21 later.</summary>
    private const int SoftColumn = 26, HardColumn = 47, ColumnWidth = 20;

    public override string Kind => "resource-limits";
    public override RestoreStage Stage => RestoreStage.Credentials;

    public override Record Dump(TaskDump task, DumpContext context) => new(Parse(Files.ReadText($"/proc/{task.Pid}/limits")));

    internal static List<Limit> Parse(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var limits = new List<Limit>();
        foreach (string line in lines.Skip(1).Take(ResourceLimit.Count))
            limits.Add(new Limit(Value(line, SoftColumn), Value(line, HardColumn)));
        return limits;
    }

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        string stage = $"restore: process {task.VirtualPid}, {Kind}";
        if (record.Limits.Count != ResourceLimit.Count)
            throw new EngineException(EngineError.BadImage, stage, $"{record.Limits.Count} limits, not {ResourceLimit.Count}; the image is damaged");
        for (int i = 0; i < ResourceLimit.Count; i++)
        {
            var wanted = new ResourceLimit(record.Limits[i].Soft ?? ResourceLimit.Infinity, record.Limits[i].Hard ?? ResourceLimit.Infinity);
            long result = ResourceLimit.TrySet(task.Pid, i, wanted);
            if (result == -Errno.EPERM)
            {
                ulong hard = Math.Min(wanted.Hard, ResourceLimit.Get(task.Pid, i).Hard);
                context.Warnings.Add($"process {task.VirtualPid}: {Names[i]} is {hard} instead of {wanted.Hard}; the silo lacks CAP_SYS_RESOURCE to raise it");
                result = ResourceLimit.TrySet(task.Pid, i, new ResourceLimit(Math.Min(wanted.Soft, hard), hard));
            }
            Result.Check(result, $"prlimit64({Names[i]})", task.Pid);
        }
    }

    private static ulong? Value(string line, int column)
    {
        string text = line.AsSpan(column, Math.Min(ColumnWidth, line.Length - column)).Trim().ToString();
        return text == "unlimited" ? null : ulong.Parse(text, CultureInfo.InvariantCulture);
    }
}
