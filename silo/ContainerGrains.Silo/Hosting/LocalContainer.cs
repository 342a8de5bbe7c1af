using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>What this host remembers of a container, also when its processes have ended: where its output is, and how it ended.</summary>
internal sealed class LocalContainer(IEngineContainer container)
{
    private volatile ExitStatus? _exit;

    public IEngineContainer Container { get; } = container;
    public long Generation { get; } = container.Config.Generation;

    /// <summary>Set before the processes are ended on purpose (moved away, suspended, deleted): their end is then nobody's news.</summary>
    public bool IsLeaving { get; set; }

    public ExitStatus? Exit
    {
        get => _exit;
        set => _exit = value;
    }

    public RunningState ToState() => new(
        Exit is null ? Container.InitPid : 0,
        Container.Pidspace,
        Container.StartedAt,
        Exit is null ? [.. Container.Processes().Select(p => p.ToInfo(Container.Pidspace))] : [],
        Exit,
        Container.Warnings);
}
