using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Actions that wait for the thaw; each runs once.</summary>
internal sealed class ThawActions
{
    private readonly List<Action> _actions = [];

    public void Add(Action action) => _actions.Add(action);

    /// <exception cref="AggregateException">Some failed; the others ran nevertheless.</exception>
    public void Run(bool lastFirst)
    {
        Action[] actions = [.. _actions];
        _actions.Clear();
        if (lastFirst) Array.Reverse(actions);
        List<Exception> failures = [];
        foreach (Action action in actions)
        {
            try
            {
                action();
            }
            catch (Exception e) when (e is LinuxException or EngineException)
            {
                failures.Add(e);
            }
        }
        if (failures.Count > 0) throw new AggregateException("some resources did not thaw", failures);
    }
}
