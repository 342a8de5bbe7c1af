namespace ContainerGrains.Engine.Tests.Tree;

public sealed class LastingProcessesTests
{
    private static readonly AddressSpaceRecord Space = new([], []);

    [Fact]
    public void Nothing_lasts_before_the_first_tree() => Assert.Empty(LastingProcesses.Of(null, Tree(Living(1, 0, 1))));

    [Fact]
    public void Who_stays_in_its_place_lasts_also_when_it_makes_its_own_session() =>
        Assert.Equal([1, 2, 3], Lasting(Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 2, 1)), Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 2, 3))));

    [Fact]
    public void An_orphan_lasts_when_its_parent_is_gone_or_a_zombie()
    {
        TreeRecord before = Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 2, 1));
        Assert.Equal([1, 3], Lasting(before, Tree(Living(1, 0, 1), Living(3, 1, 1))));
        Assert.Equal([1, 2, 3], Lasting(before, Tree(Living(1, 0, 1), Zombie(2, 1, 1), Living(3, 1, 1))));
    }

    [Fact]
    public void Who_was_left_out_once_does_not_last() =>
        Assert.Equal([1], Lasting(Tree(Living(1, 0, 1)), Tree(Living(1, 0, 1), Living(2, 1, 1))));

    [Fact]
    public void Another_parent_while_the_old_one_lives_ends_it_and_all_below_it() =>
        Assert.Equal([1, 2], Lasting(Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 1, 1), Living(4, 3, 1)), Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 2, 1), Living(4, 3, 1))));

    [Fact]
    public void An_orphan_whose_new_parent_does_not_last_goes_with_it() =>
        Assert.Equal([1, 2], Lasting(
            Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 1, 1), Living(4, 3, 1), Living(5, 4, 1)),
            Tree(Living(1, 0, 1), Living(2, 1, 1), Living(3, 2, 1), Living(5, 3, 1))));

    [Fact]
    public void Another_session_another_life_or_a_parent_where_there_was_none_ends_it()
    {
        Assert.Equal([1], Lasting(Tree(Living(1, 0, 1), Living(2, 1, 2)), Tree(Living(1, 0, 1), Living(2, 1, 1))));
        Assert.Equal([1], Lasting(Tree(Living(1, 0, 1), Zombie(2, 1, 1)), Tree(Living(1, 0, 1), Living(2, 1, 1))));
        Assert.Equal([1], Lasting(Tree(Living(1, 0, 1), Living(2, 0, 2)), Tree(Living(1, 0, 1), Living(2, 1, 2))));
    }

    private static int[] Lasting(TreeRecord before, TreeRecord after) => [.. LastingProcesses.Of(before, after).Order()];

    private static TreeRecord Tree(params ProcessRecord[] processes) => new(false, processes, []);

    private static ProcessRecord Living(int virtualPid, int parent, int session) => new([virtualPid], parent, session, session, "", null, Space);

    private static ProcessRecord Zombie(int virtualPid, int parent, int session) => new([virtualPid], parent, session, session, "", 0, null);
}
