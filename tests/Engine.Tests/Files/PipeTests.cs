namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class PipeTests
{
    [Fact]
    public void Unread_bytes_survive_and_the_original_keeps_them()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(0);
        Linux.Files.WriteAll(write.Number, "hello "u8);
        Linux.Files.WriteAll(write.Number, "world"u8);
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile r = dump.Add(read), w = dump.Add(write);

        FileDescriptor read2 = restore.Survive(new Pipe(), r), write2 = restore.Survive(new Pipe(), w);
        restore.Finish();

        Linux.Files.WriteAll(write2.Number, "!"u8);
        Assert.Equal("hello world!", ReadText(read2));
        Assert.Equal("hello world", ReadText(read));
    }

    [Fact]
    public void A_full_pipe_of_another_capacity_survives()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(Linux.Files.O_NONBLOCK);
        Assert.True(Pipes.TrySetCapacity(write.Number, 1 << 18) > 0);
        byte[] bytes = new byte[1 << 18];
        new Random(1).NextBytes(bytes);
        Linux.Files.WriteAll(write.Number, bytes);
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile r = dump.Add(read), w = dump.Add(write);

        FileDescriptor write2 = restore.Survive(new Pipe(), w), read2 = restore.Survive(new Pipe(), r);
        restore.Finish();

        Assert.Equal(1 << 18, Pipes.Capacity(write2.Number));
        Assert.Equal(1 << 18, Pipes.Unread(read2.Number));
        byte[] got = new byte[1 << 18];
        Assert.Equal(got.Length, Linux.Files.Read(read2.Number, got));
        Assert.Equal(bytes, got);
    }

    [Fact]
    public void Packets_stay_packets()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(Linux.Files.O_DIRECT);
        Linux.Files.WriteAll(write.Number, "one"u8);
        Linux.Files.WriteAll(write.Number, "three"u8);
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile r = dump.Add(read), w = dump.Add(write);

        FileDescriptor read2 = restore.Survive(new Pipe(), r);
        restore.Survive(new Pipe(), w);
        restore.Finish();

        Assert.Equal("one", ReadText(read2));
        Assert.Equal("three", ReadText(read2));
    }

    [Fact]
    public void A_pipe_without_a_writer_ends_after_its_unread_bytes()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(0);
        Linux.Files.WriteAll(write.Number, "last words"u8);
        write.Dispose();
        var dump = new TestDump();
        OpenFile r = dump.Add(read);
        Assert.Null(new Pipe().Refuses(r, dump.Context));

        FileDescriptor read2 = TestRestore.Alone(new Pipe(), dump, r);

        Assert.Equal("last words", ReadText(read2));
        Assert.Equal("", ReadText(read2));
    }

    [Fact]
    public void A_writer_without_a_reader_still_gets_EPIPE()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(Linux.Files.O_NONBLOCK);
        read.Dispose();
        var dump = new TestDump();

        FileDescriptor write2 = TestRestore.Alone(new Pipe(), dump, dump.Add(write));

        Assert.True(Pipes.OtherSideGone(write2.Number));
    }

    [Fact]
    public void A_pipe_whose_other_end_is_outside_is_refused()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(0);
        var dump = new TestDump();

        (string Reason, string Remedy)? refusal = new Pipe().Refuses(dump.Add(read), dump.Context);

        Assert.Contains("outside", refusal!.Value.Reason);
        GC.KeepAlive(write);
    }

    [Fact]
    public void Several_descriptions_of_one_end_share_the_bytes()
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(Linux.Files.O_NONBLOCK);
        using FileDescriptor second = Linux.Files.Open($"/proc/self/fd/{read.Number}", Linux.Files.O_RDONLY);
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile a = dump.Add(read), b = dump.Add(write), c = dump.Add(second);
        Linux.Files.WriteAll(write.Number, "ab"u8);

        FileDescriptor read2 = restore.Survive(new Pipe(), a);
        restore.Survive(new Pipe(), b);
        FileDescriptor second2 = restore.Survive(new Pipe(), c);
        restore.Finish();

        byte[] one = new byte[1];
        Linux.Files.Read(read2.Number, one);
        Assert.Equal("a"u8, one);
        Linux.Files.Read(second2.Number, one);
        Assert.Equal("b"u8, one);
    }

    private static string ReadText(FileDescriptor fd)
    {
        byte[] buffer = new byte[65536];
        return System.Text.Encoding.UTF8.GetString(buffer, 0, (int)Linux.Files.Read(fd.Number, buffer));
    }
}
