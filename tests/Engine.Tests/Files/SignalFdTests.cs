namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class SignalFdTests
{
    [Fact]
    public void The_mask_survives_up_to_the_last_real_time_signal()
    {
        using FileDescriptor original = SignalFds.Create(0x8000000000004201, Linux.Files.O_NONBLOCK);
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new SignalFd(), dump, dump.Add(original));

        ProcFields info = ProcFields.Read($"/proc/self/fdinfo/{restored.Number}");
        Assert.Equal(0x8000000000004201ul & ~0x40100ul, info.Hex("sigmask"));
        Assert.Equal(Linux.Files.O_NONBLOCK, info.Octal("flags") & Linux.Files.O_NONBLOCK);
    }
}
