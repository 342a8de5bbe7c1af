namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class RegularFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void An_open_file_keeps_its_position_and_flags()
    {
        string path = _directory.Write("data", "0123456789");
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDWR | Linux.Files.O_APPEND);
        Kernel.Call("lseek", Syscall.lseek, original.Number, 4, 0);
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new RegularFile(), dump, dump.Add(original));

        byte[] next = new byte[2];
        Linux.Files.Read(restored.Number, next);
        Assert.Equal("45"u8, next);
        ProcFields info = ProcFields.Read($"/proc/self/fdinfo/{restored.Number}");
        Assert.Equal(Linux.Files.O_RDWR | Linux.Files.O_APPEND, info.Octal("flags") & (Linux.Files.O_ACCMODE | Linux.Files.O_APPEND));
        Assert.False(Kcmp.SameFile(Environment.ProcessId, original.Number, Environment.ProcessId, restored.Number));
    }

    [Fact]
    public void A_file_that_differs_on_the_target_is_told_by_name()
    {
        string path = _directory.Write("data", "0123456789");
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDONLY);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        var restore = new TestRestore(dump);
        File.WriteAllText(path, "0123456789+");

        EngineException e = Assert.Throws<EngineException>(() => restore.Survive(new RegularFile(), file));

        Assert.Equal(EngineError.FileMismatch, e.Error);
        Assert.Contains(path, e.Message);
    }

    [Fact]
    public void A_file_whose_first_name_is_gone_is_found_under_its_other_one()
    {
        string path = _directory.Write("new", "text");
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDONLY);
        Shell.Link(path, _directory.Path + "/final");
        File.Delete(path);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);

        Assert.Null(new RegularFile().Refuses(file, dump.Context));
        using FileDescriptor restored = TestRestore.Alone(new RegularFile(), dump, file);

        Assert.Equal(_directory.Path + "/final", Linux.Files.ReadLink($"/proc/self/fd/{restored.Number}"));
    }

    [Fact]
    public void A_file_without_a_name_in_the_container_is_refused_with_a_remedy()
    {
        string path = _directory.Write("a", "text");
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDONLY);
        Directory.CreateDirectory(_directory.Path + "/elsewhere");
        Shell.Link(path, _directory.Path + "/elsewhere/b");
        File.Delete(path);
        var dump = new TestDump();

        (string Reason, string Remedy)? refusal = new RegularFile().Refuses(dump.Add(original), dump.Context);

        Assert.NotNull(refusal);
        Assert.Contains("no name", refusal.Value.Reason);
    }
}
