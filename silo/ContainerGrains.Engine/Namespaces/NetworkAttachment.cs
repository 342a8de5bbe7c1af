using System.Net;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>The container's end of the network: lo, and eth0 on the host's bridge when it has an address.</summary>
internal sealed class NetworkAttachment : IDisposable
{
    private readonly NetworkNamespace _namespace;
    private readonly ContainerInterface? _interface;

    private NetworkAttachment(NetworkNamespace @namespace, ContainerInterface? @interface)
    {
        _namespace = @namespace;
        _interface = @interface;
    }

    /// <param name="silent">Nothing passes until <see cref="Open"/>: the container still lives elsewhere.</param>
    public static NetworkAttachment Attach(EngineOptions options, ContainerConfig config, int initPid, bool silent)
    {
        NetworkNamespace inside = NetworkNamespace.OfProcess(initPid);
        try
        {
            if (options.Bridge is not null && config.Address is not null)
                return new NetworkAttachment(inside, ContainerInterface.Attach(config.Name, inside, options.Bridge, InterfaceAddress.Parse(config.Address), config.Gateway is null ? null : IPAddress.Parse(config.Gateway), silent));
            ContainerInterface.RaiseLoopback(inside);
            return new NetworkAttachment(inside, null);
        }
        catch
        {
            inside.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The end of a container that an earlier engine has attached; its gate stays as that one left it, until <see cref="Reopen"/>. A link
    /// that has gone meanwhile is not made anew.
    /// </summary>
    /// <param name="linkName">Of <see cref="LinkName"/>.</param>
    public static NetworkAttachment TakeBack(ContainerConfig config, int initPid, string? linkName)
    {
        NetworkNamespace inside = NetworkNamespace.OfProcess(initPid);
        try
        {
            return new NetworkAttachment(inside, linkName is null || config.Address is null ? null : ContainerInterface.TakeBack(linkName, config.Name, inside, InterfaceAddress.Parse(config.Address)));
        }
        catch (Linux.LinuxException e) when (e.Errno == Linux.Errno.ENODEV)
        {
            return new NetworkAttachment(inside, null);
        }
        catch
        {
            inside.Dispose();
            throw;
        }
    }

    /// <summary>Name of the host's end; null without an interface.</summary>
    public string? LinkName => _interface?.HostLinkName;

    /// <summary>A container that was taken back goes on here: frames pass, also when the earlier engine had shut its gate.</summary>
    public void Reopen() => _interface?.OpenGate(_namespace);

    /// <summary>For a copy that was taken back and is to vanish: not even a reset leaves it.</summary>
    public void Cut() => _interface?.Cut();

    /// <summary>Makes the lock ready, before a freeze.</summary>
    public void PrepareLock() => _interface?.PrepareLock(_namespace);

    /// <summary>No frame reaches the container from here on; they are kept.</summary>
    public void Lock() => _interface?.Lock?.Engage();

    /// <summary>The container goes on here: what was kept is given to it.</summary>
    public void Unlock()
    {
        if (_interface?.Lock is not { } gate) return;
        gate.Release();
        gate.Replay(gate.TakeFrames());
    }

    /// <summary>Frames kept so far.</summary>
    public IReadOnlyList<byte[]> TakeFrames() => _interface?.Lock?.TakeFrames() ?? [];

    /// <summary>For a copy that is to vanish: not even a reset leaves it.</summary>
    public void Silence() => _interface?.Lock?.Silence();

    /// <summary>The container lives here now: opens the gate, says so to the network, and gives it what was kept elsewhere.</summary>
    /// <param name="thaw">
    /// What the resources do at the thaw, between the two: what sockets send then (a probe, unsent bytes, a SYN) must pass the gate, and what
    /// was kept must find them thawed (the answer to a SYN).
    /// </param>
    public void Open(IReadOnlyList<byte[]> heldFrames, Action thaw)
    {
        _interface?.Lock?.Release();
        thaw();
        if (_interface is null) return;
        _interface.Announce(_namespace);
        _interface.Lock?.Replay(heldFrames);
    }

    /// <summary>Bytes received and sent by the container.</summary>
    public (long Received, long Sent) Counters() => _interface?.Statistics() ?? (0, 0);

    public void Dispose()
    {
        _interface?.Detach();
        _interface?.Dispose();
        _namespace.Dispose();
    }
}
