namespace ContainerGrains.Linux.Net;

/// <summary>
/// A gate at a container's interface. Held, no frame but ARP and neighbour discovery reaches the container's stack or leaves
/// it, and the frames that arrive are kept, to be replayed where the container goes on: a lost one would wait for its sender's
/// retransmission timer, 200 ms and more. Prepare it before a freeze; inside, every change is a system call or two.
/// </summary>
/// <remarks>
/// A tc program at both directions of eth0 drops, and a tap on the host's end of the pair, where frames for the container are
/// outgoing, keeps. The tap's switch is turned on first and off last: a frame in between may arrive twice, never not at all.
/// </remarks>
public sealed class NetworkLock : IDisposable
{
    /// <summary>Bounds of what is kept.</summary>
    public const int MaxFrames = 8192, MaxBytes = 16 << 20;
    private const int MaxFrameLength = 70_000, MinFrameLength = PacketSocket.VnetHeaderLength + 14;

    private readonly FileDescriptor _switches;
    private readonly PacketSocket _tap;

    private NetworkLock(FileDescriptor switches, PacketSocket tap)
    {
        _switches = switches;
        _tap = tap;
    }

    /// <summary>Puts the programs to their places, the gate open, or silent for a container that is not to be seen yet.</summary>
    internal static NetworkLock Prepare(int hostIndex, RouteSocket container, int containerIndex, bool silent)
    {
        FileDescriptor switches = Bpf.CreateArray(2);
        PacketSocket? tap = null;
        try
        {
            if (silent) Bpf.Update(switches, LockPrograms.GateKey, LockPrograms.Silent);
            using FileDescriptor gate = LockPrograms.LoadGate(switches);
            container.AttachPrograms(containerIndex, gate, gate);
            using FileDescriptor capture = LockPrograms.LoadCapture(switches);
            tap = PacketSocket.Open(hostIndex);
            tap.Listen(capture, MaxBytes);
            return new NetworkLock(switches, tap);
        }
        catch
        {
            tap?.Dispose();
            switches.Dispose();
            throw;
        }
    }

    /// <summary>From now on frames for the container are kept, and none leaves it.</summary>
    public void Engage()
    {
        Bpf.Update(_switches, LockPrograms.CaptureKey, LockPrograms.Held);
        Bpf.Update(_switches, LockPrograms.GateKey, LockPrograms.Held);
    }

    /// <summary>Opens the gate; what was kept stays to be taken.</summary>
    public void Release()
    {
        Bpf.Update(_switches, LockPrograms.GateKey, LockPrograms.Open);
        Bpf.Update(_switches, LockPrograms.CaptureKey, LockPrograms.Open);
    }

    /// <summary>
    /// Nothing passes any more, no ARP either: for a copy that is to vanish without a word (its sockets would say RST), and for
    /// one that does not live yet. Frames for it are kept while the lock was engaged before.
    /// </summary>
    public void Silence() => Bpf.Update(_switches, LockPrograms.GateKey, LockPrograms.Silent);

    /// <summary>The frames kept so far, oldest first; each can be taken once.</summary>
    public IReadOnlyList<byte[]> TakeFrames()
    {
        var frames = new List<byte[]>();
        byte[] buffer = new byte[MaxFrameLength];
        int bytes = 0;
        while (frames.Count < MaxFrames && bytes < MaxBytes)
        {
            int length = _tap.Receive(buffer);
            if (length == 0) break;
            frames.Add(buffer.AsSpan(0, length).ToArray());
            bytes += length;
        }
        return frames;
    }

    /// <summary>Gives kept frames to the container's stack, as if they arrived now. The gate must be open.</summary>
    /// <returns>How many were given; malformed ones are not.</returns>
    public int Replay(IReadOnlyList<byte[]> frames)
    {
        int replayed = 0;
        foreach (byte[] frame in frames)
            if (frame.Length is >= MinFrameLength and <= MaxFrameLength && _tap.Send(frame)) replayed++;
        return replayed;
    }

    /// <summary>The programs stay with the interface; the tap closes in the background.</summary>
    public void Dispose()
    {
        _tap.DisposeLater();
        _switches.Dispose();
    }
}
