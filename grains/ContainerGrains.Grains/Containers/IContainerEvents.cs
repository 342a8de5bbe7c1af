namespace ContainerGrains.Grains;

/// <summary>What a host tells a container's grain.</summary>
[Alias("ContainerGrains.IContainerEvents")]
public interface IContainerEvents : IGrainWithStringKey
{
    /// <summary>Init has exited on <paramref name="host"/>; ignored when the container has another home by now.</summary>
    [Alias("ProcessesExited")] Task ProcessesExitedAsync(string host, ExitStatus exit);
}
