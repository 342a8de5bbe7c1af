using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>How likely a process is killed when memory is short: proc_pid_oom_score_adj(5). Less likely than the silo itself needs CAP_SYS_RESOURCE.</summary>
public sealed class OomScore : TaskResource<OomScore.Record>
{
    public sealed record Record(int Adjustment);

    public override string Kind => "oom-score";
    public override RestoreStage Stage => RestoreStage.Process;

    public override Record Dump(TaskDump task, DumpContext context) => new(int.Parse(Files.ReadText(PathOf(task.Pid)), CultureInfo.InvariantCulture));

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        try
        {
            Files.WriteText(PathOf(task.Pid), record.Adjustment.ToString(CultureInfo.InvariantCulture));
        }
        catch (LinuxException e) when (e.Errno == Errno.EACCES)
        {
            context.Warnings.Add($"process {task.VirtualPid}: oom_score_adj stays {Files.ReadText(PathOf(task.Pid)).Trim()} instead of {record.Adjustment}; the silo lacks CAP_SYS_RESOURCE to lower it");
        }
    }

    private static string PathOf(int pid) => $"/proc/{pid}/oom_score_adj";
}
