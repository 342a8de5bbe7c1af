namespace ContainerGrains.Survival.Tests;

/// <summary>What is not carried is refused before anything is frozen, by process, object and reason; the container runs on, and moves when it has let go of it.</summary>
public sealed class RefusalTests
{
    private const int SIGUSR2 = 12;

    [Theory]
    [InlineData("userfaultfd", "userfaultfd")]
    [InlineData("io_uring", "io_uring")]
    [InlineData("shared_sysv", "SYSV")]
    [InlineData("semaphore", "System V semaphore set 0")]
    [InlineData("message_queue", "message queue /queue")]
    [InlineData("namespace", "uts namespace")]
    [InlineData("chroot", "root directory")]
    [InlineData("traced", "tracer")]
    [InlineData("landlock", "Landlock domain of thread 3")]
    [InlineData("landlock_thread", "Landlock domain of thread 2")]
    [InlineData("unread_events", "inotify")]
    [InlineData("unaccepted", "socket:")]
    public void Is_told_by_name_and_harms_nothing(string kind, string what)
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/stubborn.py", kind));
        mover.WaitForLines(2);

        EngineException refusal = Assert.Throws<EngineException>(mover.Move);

        Assert.Equal(EngineError.NotCarried, refusal.Error);
        Assert.Contains("(python3)", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(what, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(mover.Container.Preflight(), o => o.Object.Contains(what, StringComparison.Ordinal) && o.Reason.Length > 0 && o.Remedy.Length > 0);
        trio.AssertNothingOn(mover.Next);
        Journey.AssertContinuous(mover.Lines);
        mover.WaitForLines(3);

        mover.Container.Signal(1, SIGUSR2);
        mover.WaitFor(() => mover.Lines.Any(l => l.EndsWith("free", StringComparison.Ordinal)), "the end of what stood in the way");
        mover.Move();
        mover.WaitForLines(3);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }
}
