namespace ContainerGrains.Grains.Tests;

public sealed class MoveIdentityTests
{
    private static readonly MoveIdentity Move = new("m", "web", "host-a", "host-b", 5);
    private static readonly ContainerRecord Begun = new()
    {
        Name = "web", Home = "host-a", Generation = 4, Phase = ContainerPhase.Moving, Move = new MoveIntent("m", "host-a", "host-b", 5),
    };

    [Fact] public void As_long_as_the_intent_stands_it_is_undecided() => Assert.Equal(MoveVerdict.Undecided, Move.Judge(Begun));

    [Fact] public void The_targets_commit_decides_for_the_target() =>
        Assert.Equal(MoveVerdict.Target, Move.Judge(Begun with { Home = "host-b", Generation = 5, Phase = ContainerPhase.Running, Move = null }));

    [Fact] public void The_sources_claim_decides_for_the_source() =>
        Assert.Equal(MoveVerdict.Source, Move.Judge(Begun with { Generation = 5, Phase = ContainerPhase.Running, Move = null }));

    [Fact] public void A_move_given_up_before_the_freeze_stays_with_the_source() =>
        Assert.Equal(MoveVerdict.Source, Move.Judge(Begun with { Phase = ContainerPhase.Running, Move = null }));

    [Fact] public void After_a_later_move_of_the_source_the_old_target_has_nothing_to_say() =>
        Assert.Equal(MoveVerdict.Neither, Move.Judge(Begun with { Home = "host-c", Generation = 6, Phase = ContainerPhase.Running, Move = null }));

    [Fact] public void A_removed_container_belongs_to_nobody()
    {
        Assert.Equal(MoveVerdict.Neither, Move.Judge(null));
        Assert.Equal(MoveVerdict.Neither, Move.Judge(new ContainerRecord()));
    }
}
