namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class MemfdTests
{
    [Fact]
    public void Name_contents_and_seals_survive()
    {
        const int F_SEAL_SHRINK = 2, F_SEAL_WRITE = 8;
        using FileDescriptor original = MemoryFiles.Create("buffer 1");
        Linux.Files.WriteAllAt(original.Number, "data"u8, 1 << 20);
        MemoryFiles.AddSeals(original.Number, F_SEAL_SHRINK | F_SEAL_WRITE);
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new Memfd(), dump, dump.Add(original));

        Assert.Equal("/memfd:buffer 1 (deleted)", Linux.Files.ReadLink($"/proc/self/fd/{restored.Number}"));
        Assert.Equal(F_SEAL_SHRINK | F_SEAL_WRITE, MemoryFiles.Seals(restored.Number));
        Assert.Equal((1 << 20) + 4, Linux.Files.Stat(restored.Number).st_size);
        byte[] text = new byte[4];
        Linux.Files.ReadAt(restored.Number, text, 1 << 20);
        Assert.Equal("data"u8, text);
        Assert.True(Linux.Files.Stat(restored.Number).st_blocks * 512 <= 8192, "the hole was written out");
    }
}
