using CsCheck;

namespace ContainerGrains.Grains.Tests;

public sealed class ContainerLifecycleTests
{
    private static readonly ContainerPhase[] Phases = Enum.GetValues<ContainerPhase>();
    private static readonly ContainerEvent[] Events = Enum.GetValues<ContainerEvent>();

    [Theory]
    [InlineData(ContainerPhase.None, ContainerEvent.Create, ContainerPhase.Created)]
    [InlineData(ContainerPhase.Created, ContainerEvent.Start, ContainerPhase.Running)]
    [InlineData(ContainerPhase.Running, ContainerEvent.BeginMove, ContainerPhase.Moving)]
    [InlineData(ContainerPhase.Moving, ContainerEvent.CommitMove, ContainerPhase.Running)]
    [InlineData(ContainerPhase.Moving, ContainerEvent.AbortMove, ContainerPhase.Running)]
    [InlineData(ContainerPhase.Moving, ContainerEvent.Exec, ContainerPhase.Moving)]
    [InlineData(ContainerPhase.Running, ContainerEvent.Suspend, ContainerPhase.Suspended)]
    [InlineData(ContainerPhase.Suspended, ContainerEvent.Restore, ContainerPhase.Running)]
    [InlineData(ContainerPhase.Exited, ContainerEvent.Start, ContainerPhase.Running)]
    [InlineData(ContainerPhase.Exited, ContainerEvent.Exit, ContainerPhase.Exited)]
    public void An_allowed_event_leads_to_the_next_phase(ContainerPhase from, ContainerEvent what, ContainerPhase to) =>
        Assert.Equal(to, ContainerLifecycle.Next("web", from, what));

    [Theory]
    [InlineData(ContainerPhase.None, ContainerEvent.Start, ContainerErrorCode.NotFound)]
    [InlineData(ContainerPhase.Running, ContainerEvent.Create, ContainerErrorCode.NameTaken)]
    [InlineData(ContainerPhase.Running, ContainerEvent.Start, ContainerErrorCode.WrongPhase)]
    [InlineData(ContainerPhase.Running, ContainerEvent.Delete, ContainerErrorCode.WrongPhase)]
    [InlineData(ContainerPhase.Moving, ContainerEvent.BeginMove, ContainerErrorCode.AlreadyMoving)]
    [InlineData(ContainerPhase.Moving, ContainerEvent.Suspend, ContainerErrorCode.AlreadyMoving)]
    [InlineData(ContainerPhase.Exited, ContainerEvent.Exec, ContainerErrorCode.WrongPhase)]
    public void A_forbidden_event_says_why(ContainerPhase from, ContainerEvent what, ContainerErrorCode code)
    {
        ContainerException e = Assert.Throws<ContainerException>(() => ContainerLifecycle.Next("web", from, what));
        Assert.Equal(code, e.Code);
        Assert.Contains("'web'", e.Message);
    }

    [Fact]
    public void Whatever_happens_a_container_can_always_be_removed_and_its_processes_are_where_the_phase_says() =>
        Gen.OneOfConst(Events).List[0, 60].Sample(events =>
        {
            ContainerPhase phase = ContainerPhase.None;
            foreach (ContainerEvent what in events)
            {
                bool allowed = ContainerLifecycle.Allows(phase, what);
                bool hadProcesses = phase is ContainerPhase.Running or ContainerPhase.Moving;
                try
                {
                    phase = ContainerLifecycle.Next("web", phase, what);
                    Assert.True(allowed);
                }
                catch (ContainerException)
                {
                    Assert.False(allowed);
                    continue;
                }
                bool hasProcesses = phase is ContainerPhase.Running or ContainerPhase.Moving;
                // Processes come from a start or a restore, and from nothing else.
                Assert.True(!hasProcesses || hadProcesses || what is ContainerEvent.Start or ContainerEvent.Restore);
                Assert.True(phase == ContainerPhase.None || ContainerLifecycle.Allows(phase, ContainerEvent.ForceDelete));
            }
        });

    [Fact]
    public void Every_phase_but_none_can_be_left()
    {
        foreach (ContainerPhase phase in Phases.Where(p => p != ContainerPhase.None))
            Assert.Contains(Events, what => ContainerLifecycle.Allows(phase, what) && ContainerLifecycle.Next("web", phase, what) != phase);
    }
}
