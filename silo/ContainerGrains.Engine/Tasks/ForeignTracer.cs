using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A process that a debugger holds: ptrace(2) has room for one tracer.</summary>
public sealed class ForeignTracer : RefusedTaskState
{
    public override string Kind => "foreign-tracer";

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        foreach (int tid in ProcessTree.Threads(task.Pid))
        {
            ProcFields? status = tid == task.Pid ? task.Status : ThreadIds.TryReadStatus(task.Pid, tid);
            if (status is null || status.Int32("TracerPid") is not (not 0 and var tracer) || IsOurs(tracer)) continue;
            yield return task.Obstacle($"tracer {tracer.ToString(CultureInfo.InvariantCulture)}", "it is traced by another process, a debugger or strace", "detach the tracer");
            yield break;
        }
    }

    /// <summary>Whether a tracer is a thread of this process: an exec that is being made, for instance.</summary>
    public static bool IsOurs(int tracer) => Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{tracer}"));
}
