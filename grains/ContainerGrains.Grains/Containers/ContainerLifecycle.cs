using System.Collections.Frozen;
using static ContainerGrains.ContainerPhase;
using static ContainerGrains.Grains.ContainerEvent;

namespace ContainerGrains.Grains;

/// <summary>The life of a container as a table: which event is allowed in which phase, and the phase after it. Pure.</summary>
public static class ContainerLifecycle
{
    private static readonly FrozenDictionary<(ContainerPhase, ContainerEvent), ContainerPhase> Transitions =
        new Dictionary<(ContainerPhase, ContainerEvent), ContainerPhase>
        {
            [(None, Create)] = Created,

            [(Created, Start)] = Running,
            [(Created, Restore)] = Running,
            [(Created, Delete)] = None,
            [(Created, ForceDelete)] = None,

            [(Running, Exec)] = Running,
            [(Running, Signal)] = Running,
            [(Running, Stop)] = Exited,
            [(Running, Exit)] = Exited,
            [(Running, Checkpoint)] = Running,
            [(Running, Suspend)] = Suspended,
            [(Running, BeginMove)] = Moving,
            [(Running, ForceDelete)] = None,

            // While it moves it still runs; only what would pull the ground from under the move is refused.
            [(Moving, Exec)] = Moving,
            [(Moving, Signal)] = Moving,
            [(Moving, Stop)] = Exited,
            [(Moving, Exit)] = Exited,
            [(Moving, CommitMove)] = Running,
            [(Moving, AbortMove)] = Running,
            [(Moving, ForceDelete)] = None,

            [(Suspended, Restore)] = Running,
            [(Suspended, Delete)] = None,
            [(Suspended, ForceDelete)] = None,

            [(Exited, Start)] = Running,
            [(Exited, Restore)] = Running,
            [(Exited, Delete)] = None,
            [(Exited, ForceDelete)] = None,
            // A second stop, or the exit told twice, changes nothing.
            [(Exited, Stop)] = Exited,
            [(Exited, Exit)] = Exited,
        }.ToFrozenDictionary();

    public static bool Allows(ContainerPhase phase, ContainerEvent what) => Transitions.ContainsKey((phase, what));

    /// <summary>The phase after <paramref name="what"/>.</summary>
    /// <exception cref="ContainerException">NotFound, NameTaken, AlreadyMoving or WrongPhase.</exception>
    public static ContainerPhase Next(string name, ContainerPhase phase, ContainerEvent what)
    {
        if (Transitions.TryGetValue((phase, what), out ContainerPhase next))
            return next;
        throw (phase, what) switch
        {
            (None, _) => new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{name}' in the cluster; 'cg ps -a' lists those that are there."),
            (_, Create) => new ContainerException(ContainerErrorCode.NameTaken, $"The name '{name}' is taken; choose another or remove that container."),
            (Moving, _) => new ContainerException(ContainerErrorCode.AlreadyMoving,
                $"Container '{name}' is moving: {Word(what)} is not possible now; wait for the move's end or cancel it."),
            (Running, Delete) => new ContainerException(ContainerErrorCode.WrongPhase, $"Container '{name}' runs; stop it first, or remove it with force."),
            (Running, Start) => new ContainerException(ContainerErrorCode.WrongPhase, $"Container '{name}' runs already."),
            _ => new ContainerException(ContainerErrorCode.WrongPhase,
                $"Container '{name}' is {phase.ToString().ToLowerInvariant()}: {Word(what)} is not possible{Remedy(phase)}."),
        };
    }

    private static string Word(ContainerEvent what) => what switch
    {
        BeginMove => "a move",
        ForceDelete => "removing it",
        Delete => "removing it",
        _ => what.ToString().ToLowerInvariant(),
    };

    private static string Remedy(ContainerPhase phase) => phase switch
    {
        Created or Exited => "; start it first",
        Suspended => "; restore it first",
        _ => "",
    };
}
