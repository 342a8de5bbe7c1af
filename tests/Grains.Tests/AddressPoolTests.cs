namespace ContainerGrains.Grains.Tests;

public sealed class AddressPoolTests
{
    private static readonly AddressPool Pool = new(new NetworkOptions());

    [Fact]
    public void Low_addresses_are_kept_and_odd_looking_ones_are_skipped()
    {
        Assert.Equal("10.88.1.1/16", Pool.Format(Pool.Next(0, new HashSet<int>())));
        Assert.Equal("10.88.2.1/16", Pool.Format(Pool.Next(256 + 254, new HashSet<int>())));
    }

    [Fact]
    public void An_address_rests_before_it_is_given_again()
    {
        int first = Pool.Next(0, new HashSet<int>());
        Assert.NotEqual(first, Pool.Next(first, new HashSet<int>()));
    }

    [Fact]
    public void Every_address_is_given_once_and_then_none()
    {
        var small = new AddressPool(new NetworkOptions { Subnet = "192.168.7.0/28", FirstOffset = 2 });
        var used = new HashSet<int>();
        for (int previous = 0, i = 0; i < 13; i++)
            Assert.True(used.Add(previous = small.Next(previous, used)));
        Assert.Equal("192.168.7.14/28", small.Format(used.Max()));
        Assert.Equal(ContainerErrorCode.NoCapacity, Assert.Throws<ContainerException>(() => small.Next(5, used)).Code);
        used.Remove(9);
        Assert.Equal(9, small.Next(14, used));
    }
}
