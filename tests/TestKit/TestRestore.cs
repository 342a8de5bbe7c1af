using System.Text.Json;
using ContainerGrains.Engine;
using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>Restores what a <see cref="TestDump"/> holds, through JSON as an image does, into descriptors of this process.</summary>
public sealed class TestRestore
{
    private readonly TestDump _dump;
    private readonly List<Action> _finish = [];

    /// <param name="initPid">Whose root and namespaces are the new container's; this process's unless told.</param>
    public TestRestore(TestDump dump, IEnumerable<TaskRestore>? tasks = null, string? directory = null, int? initPid = null)
    {
        _dump = dump;
        Context = new RestoreContext(dump.Context.Config, directory ?? dump.Directory, initPid ?? Environment.ProcessId, dump.Context.Blobs);
        Context.Tasks.AddRange(tasks ?? []);
    }

    public RestoreContext Context { get; }

    /// <summary>Dumps and restores one description; position and status flags as the engine does it for all kinds.</summary>
    public FileDescriptor Survive<TRecord>(FileResource<TRecord> room, OpenFile file) where TRecord : class => Prepare(room, file)();

    /// <summary>As <see cref="Survive"/>, but only dumps now; the result restores when it is called.</summary>
    public Func<FileDescriptor> Prepare<TRecord>(FileResource<TRecord> room, OpenFile file) where TRecord : class
    {
        if (!room.Owns(file)) throw new InvalidOperationException($"{room.Kind} does not own {file.Title}");
        JsonElement data = JsonSerializer.Deserialize<JsonElement>(JsonSerializer.SerializeToUtf8Bytes(room.Dump(file, _dump.Context), RecordJson.Options));
        DescriptorRecord[] users = [.. _dump.Context.Tasks.SelectMany(t => t.Descriptors.Values.Where(d => d.File == file).Select(d => new DescriptorRecord(t.VirtualPid, d.Number, d.CloseOnExec)))];
        var record = new FileRecord(file.Id, room.Kind, file.Flags, file.Position, null, users, data);
        return () => Restore(room, file, data, record);
    }

    private FileDescriptor Restore<TRecord>(FileResource<TRecord> room, OpenFile file, JsonElement data, FileRecord record) where TRecord : class
    {
        FileDescriptor restored = room.Restore(RecordJson.Read<TRecord>(data, room.Kind), record, Context);
        if ((file.Flags & Files.O_PATH) == 0)
        {
            const int F_SETFL = 4;
            Kernel.Call("fcntl(F_SETFL)", Syscall.fcntl, restored.Number, F_SETFL, file.Flags);
            if (file.Position != 0) Kernel.Call("lseek", Syscall.lseek, restored.Number, file.Position, 0);
        }
        Context.SetFile(file.Id, restored);
        _finish.Add(() => room.Finish(RecordJson.Read<TRecord>(data, room.Kind), record, restored, Context));
        return restored;
    }

    /// <summary>The last stage, after everything has survived.</summary>
    public void Finish()
    {
        foreach (Action finish in _finish) finish();
        _finish.Clear();
    }

    /// <summary>One description alone, finished.</summary>
    public static FileDescriptor Alone<TRecord>(FileResource<TRecord> room, TestDump dump, OpenFile file, int? initPid = null) where TRecord : class
    {
        var restore = new TestRestore(dump, initPid: initPid);
        FileDescriptor restored = restore.Survive(room, file);
        restore.Finish();
        return restored;
    }
}
