using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Which mappings a core dump holds: core(5), /proc/PID/coredump_filter.</summary>
public sealed class CoredumpFilter : TaskResource<CoredumpFilter.Record>
{
    public sealed record Record(uint Bits);

    public override string Kind => "coredump-filter";
    public override RestoreStage Stage => RestoreStage.Process;

    public override Record? Dump(TaskDump task, DumpContext context) =>
        Files.TryStat(PathOf(task.Pid)) is null ? null : new Record(uint.Parse(Files.ReadText(PathOf(task.Pid)).AsSpan().Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    public override void Restore(Record record, TaskRestore task, RestoreContext context) => Files.WriteText(PathOf(task.Pid), $"0x{record.Bits:x}");

    private static string PathOf(int pid) => $"/proc/{pid}/coredump_filter";
}
