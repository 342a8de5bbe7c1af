namespace ContainerGrains.Engine;

/// <summary>Shadow stacks of user programs (Intel CET), as /proc/PID/status tells of them.</summary>
public sealed class ShadowStack : RefusedTaskState
{
    private const string Field = "x86_Thread_features";

    public override string Kind => "shadow-stack";

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        if (task.Status.Has(Field) && task.Status[Field].Contains("shstk", StringComparison.Ordinal))
            yield return task.Obstacle("shadow stack", "it runs with a shadow stack, which is not carried yet", "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off");
    }
}
