namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class DeviceTests
{
    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/zero")]
    [InlineData("/dev/full")]
    [InlineData("/dev/urandom")]
    public void A_stateless_device_is_opened_again(string path)
    {
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDWR);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        Assert.Null(new Device().Refuses(file, dump.Context));

        using FileDescriptor restored = TestRestore.Alone(new Device(), dump, file);

        Assert.Equal(Linux.Files.Stat(original.Number).st_rdev, Linux.Files.Stat(restored.Number).st_rdev);
    }

    [Fact]
    public void A_device_of_the_host_is_refused_by_its_numbers()
    {
        using FileDescriptor original = Linux.Files.Open("/dev/kmsg", Linux.Files.O_RDONLY);
        var dump = new TestDump();

        Assert.Contains("1:11", new Device().Refuses(dump.Add(original), dump.Context)!.Value.Reason);
    }
}
