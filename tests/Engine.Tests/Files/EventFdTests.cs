namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class EventFdTests
{
    private const int EFD_SEMAPHORE = 1;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0x7000000000000001, 0)]
    [InlineData(3, EFD_SEMAPHORE)]
    public void A_counter_keeps_its_value_and_kind(long count, int flags)
    {
        using var original = new FileDescriptor(Kernel.Call("eventfd2", Syscall.eventfd2, 0, flags));
        if (count > 0) Linux.Files.WriteAll(original.Number, BitConverter.GetBytes(count));
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new EventFd(), dump, dump.Add(original));

        ProcFields info = ProcFields.Read($"/proc/self/fdinfo/{restored.Number}");
        Assert.Equal((ulong)count, info.Hex("eventfd-count"));
        Assert.Equal(flags & EFD_SEMAPHORE, info.Int32("eventfd-semaphore"));
    }
}
