using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>An exec: a process of the container whose parent is outside. Its state is a few small files that move with the logs.</summary>
internal sealed class ExecSession : IExecSession
{
    private readonly TaskCompletionSource<ProcessExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _prefix;

    public ExecSession(ContainerDirectory directory, string id, int virtualPid)
    {
        Id = id;
        VirtualPid = virtualPid;
        _prefix = $"{directory.Logs}/exec-{id}";
        if (File.Exists(ExitPath) && File.ReadAllText(ExitPath).Split(' ') is [var code, var signal])
            _exited.TrySetResult(new ProcessExit(int.Parse(code), int.Parse(signal)));
    }

    public string Id { get; }
    public int VirtualPid { get; private set; }
    public string StdinPath => _prefix + ".in";
    public string StdoutPath => _prefix + ".out";
    public string StderrPath => _prefix + ".err";
    private string PidPath => _prefix + ".pid";
    private string ExitPath => _prefix + ".exit";
    public Task<ProcessExit> Exited => _exited.Task;

    public void Started(int virtualPid)
    {
        VirtualPid = virtualPid;
        File.WriteAllText(PidPath, virtualPid.ToString());
    }

    public void Ended(ProcessExit exit)
    {
        // The container, and its directory with it, may be gone by now.
        if (File.Exists(PidPath)) File.WriteAllText(ExitPath, $"{exit.Code} {exit.Signal}");
        _exited.TrySetResult(exit);
    }

    /// <summary>All execs that a container's directory knows, by id.</summary>
    public static IEnumerable<ExecSession> Load(ContainerDirectory directory)
    {
        foreach (string path in System.IO.Directory.GetFiles(directory.Logs, "exec-*.pid"))
        {
            string id = Path.GetFileNameWithoutExtension(path)["exec-".Length..];
            if (int.TryParse(File.ReadAllText(path), out int pid)) yield return new ExecSession(directory, id, pid);
        }
    }
}
