namespace ContainerGrains.Engine.Tests.Memory;

public sealed class AddressSpaceTests
{
    private const int PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_FIXED = 0x10, EPERM = 1;
    private const ulong Address = 0x1234_5670_0000;

    [Theory]
    [InlineData("7f0000000000-7f0000001000 rw-p 00000000 00:00 0                          [anon:a name: of [sorts]]", "a name: of [sorts]")]
    [InlineData("7f0000000000-7f0000001000 rw-s 00000000 00:01 5                          [anon_shmem:shared]", "shared")]
    [InlineData("7f0000000000-7f0000001000 rw-p 00000000 00:00 0                          [heap]", null)]
    [InlineData("7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ", null)]
    public void Names_of_anonymous_mappings_are_read(string line, string? name) => Assert.Equal(name, MapEntry.Parse(line).AnonymousName);

    [Fact]
    public void Names_go_through_the_record_and_are_given_again_or_missed_aloud()
    {
        using var target = new PuppetTask();
        AddressSpaceRecord space = Record(target, new MappingRecord(Address, Address + (ulong)Kernel.PageSize, PROT_READ | PROT_WRITE, MappingFlags.None, Backing.Anonymous, Name: "survivor"));
        var warnings = new List<string>();

        Restore(target, space, warnings.Add);

        // This kernel may be built without them (CONFIG_ANON_VMA_NAME).
        if (warnings.Count == 0) Assert.Equal("survivor", MapEntry.Read(target.Pid).Single(m => m.Start == Address).AnonymousName);
        else Assert.Equal(["the names of 1 anonymous mappings are lost; this kernel cannot give any"], warnings);
    }

    [Fact]
    public void Keys_keep_their_numbers_and_seals_hold()
    {
        using PuppetTask source = new(), target = new();
        Map(source, Address);
        Map(source, Address + 0x10_0000);
        Assert.SkipUnless(source.Puppet.TryCall(Syscall.pkey_alloc) == 1, "This CPU has no memory protection keys.");
        Assert.Equal(2, source.Puppet.Call("pkey_alloc", Syscall.pkey_alloc));
        source.Puppet.Call("pkey_mprotect", Syscall.pkey_mprotect, (long)Address, Kernel.PageSize, PROT_READ, 2);
        Assert.SkipUnless(source.Puppet.TryCall(Syscall.mseal, (long)Address + 0x10_0000, Kernel.PageSize, 0) == 0, "This kernel has no mseal(2).");
        var refused = new List<string>();
        using var objects = new MemoryObjects();
        AddressSpaceRecord space = new AddressSpaceReader(objects, running: false).Read(source.Pid, (what, _, _) => refused.Add(what));
        Assert.Empty(refused);
        Assert.Equal((2, PROT_READ), space.Mappings.Where(m => m.Start == Address).Select(m => (m.Key, m.Protection)).Single());

        Restore(target, Record(target, [.. space.Mappings.Where(m => m.Start is Address or Address + 0x10_0000)]), _ => { });

        AddressSpaceRecord restored = new AddressSpaceReader(objects, running: false).Read(target.Pid, (what, _, _) => refused.Add(what));
        Assert.Equal((2, PROT_READ), restored.Mappings.Where(m => m.Start == Address).Select(m => (m.Key, m.Protection)).Single());
        // The first one was not in use, and is free again.
        Assert.Equal(1, target.Puppet.Call("pkey_alloc", Syscall.pkey_alloc));
        Assert.Equal(-EPERM, target.Puppet.TryCall(Syscall.mprotect, (long)Address + 0x10_0000, Kernel.PageSize, PROT_READ));
    }

    private static void Map(PuppetTask task, ulong address) =>
        task.Puppet.Call("mmap", Syscall.mmap, (long)address, Kernel.PageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    private static AddressSpaceRecord Record(PuppetTask task, params MappingRecord[] mappings) =>
        new(mappings, [.. MapEntry.Read(task.Pid).Where(m => m.Path is "[vvar]" or "[vvar_vclock]" or "[vdso]").Select(m => new VdsoPart(m.Path, m.Start, m.End))]);

    private static void Restore(PuppetTask target, AddressSpaceRecord space, Action<string> warn)
    {
        using var files = new MappedFiles(() => throw new InvalidOperationException("no file is mapped"), target.Puppet, "test");
        using var restore = new AddressSpaceRestore(target.Puppet, files);
        restore.Prepare(space);
        restore.Reconcile(space, withFiles: true);
        restore.Finish(space, [], warn);
    }
}
