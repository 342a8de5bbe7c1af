namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class FifoTests : IDisposable
{
    private readonly TemporaryDirectory _source = new();

    public void Dispose() => _source.Dispose();

    [Fact]
    public void Unread_bytes_and_both_ends_survive()
    {
        string path = Make();
        FileDescriptor read = Linux.Files.Open(path, Linux.Files.O_RDONLY | Linux.Files.O_NONBLOCK), write = Linux.Files.Open(path, Linux.Files.O_WRONLY);
        Linux.Files.WriteAll(write.Number, "hello"u8);
        var dump = new TestDump();
        OpenFile r = dump.Add(read), w = dump.Add(write);
        var restore = new TestRestore(dump);
        Func<FileDescriptor> restoreRead = restore.Prepare(new Fifo(), r), restoreWrite = restore.Prepare(new Fifo(), w);
        ChangeHost(path);
        FileDescriptor read2 = restoreRead(), write2 = restoreWrite();
        restore.Finish();

        Assert.Equal("hello", ReadText(read2));
        Linux.Files.WriteAll(write2.Number, "again"u8);
        Assert.Equal("again", ReadText(read2));
        write2.Dispose();
        Assert.Equal("", ReadText(read2));
        GC.KeepAlive(read);
        GC.KeepAlive(write);
    }

    [Fact]
    public void A_reader_that_waits_for_its_first_writer_is_not_told_of_an_end()
    {
        using FileDescriptor read = Linux.Files.Open(Make(), Linux.Files.O_RDONLY | Linux.Files.O_NONBLOCK);
        Assert.False(Pipes.OtherSideGone(read.Number));
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new Fifo(), dump, dump.Add(read));

        Assert.False(Pipes.OtherSideGone(restored.Number));
    }

    [Fact]
    public void A_reader_whose_writer_has_left_reads_the_rest_and_the_end()
    {
        string path = Make();
        using FileDescriptor read = Linux.Files.Open(path, Linux.Files.O_RDONLY | Linux.Files.O_NONBLOCK);
        using (FileDescriptor write = Linux.Files.Open(path, Linux.Files.O_WRONLY)) Linux.Files.WriteAll(write.Number, "rest"u8);
        var dump = new TestDump();
        OpenFile file = dump.Add(read);
        var restore = new TestRestore(dump);

        Func<FileDescriptor> restoreRead = restore.Prepare(new Fifo(), file);
        ChangeHost(path);
        using FileDescriptor restored = restoreRead();
        restore.Finish();

        Assert.Equal("rest", ReadText(restored));
        Assert.Equal("", ReadText(restored));
    }

    private string Make()
    {
        string path = _source.Path + "/fifo";
        Shell.MakeFifo(path);
        return path;
    }

    // The path is that of a fifo which nobody has open.
    private static void ChangeHost(string path)
    {
        File.Move(path, path + ".source");
        Shell.MakeFifo(path);
    }

    private static string ReadText(FileDescriptor fd)
    {
        byte[] buffer = new byte[65536];
        return System.Text.Encoding.UTF8.GetString(buffer, 0, (int)Linux.Files.Read(fd.Number, buffer));
    }
}
