using System.Diagnostics;
using System.Net.Sockets;
using ContainerGrains.Linux;

namespace ContainerGrains.Survival.Tests.SocketRooms;

/// <summary>A server in a container that moves between two hosts on one bridge, and clients beside them that never learn of it.</summary>
public sealed class ConnectionsFromOutsideTests : IDisposable
{
    private const string Address = "10.88.0.5";
    private const int Port = 7000, Moves = 10;
    private readonly TemporaryDirectory _state = new();
    private readonly TestNetwork _network = new();
    private readonly ContainerEngine[] _hosts;
    private readonly ContainerConfig _config;
    private IEngineContainer _container;
    private int _at;

    public ConnectionsFromOutsideTests()
    {
        _network.Ip("link add br0 type bridge forward_delay 0 mcast_snooping 0");
        _network.Ip("link set br0 address 02:00:00:00:88:fe");
        _network.Ip("link set br0 up");
        _network.Ip("addr add 10.88.0.254/16 dev br0");
        string id = Guid.NewGuid().ToString("N")[..8];
        _hosts = [.. new[] { "a", "b" }.Select(h => _network.Run(() => new ContainerEngine(new EngineOptions { StateDirectory = $"{_state.Path}/{h}", HostName = $"sockets-{id}-{h}", Bridge = "br0" })))];
        _config = new ContainerConfig
        {
            Name = $"server-{id}", Args = ["/usr/bin/python3", "-u", "/workloads/tcp_server.py"], Env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], Address = $"{Address}/16",
            Volumes = [new VolumeConfig($"{AppContext.BaseDirectory}/workloads", "/workloads", ReadOnly: true)],
        };
        _container = _network.Run(() => _hosts[0].Start(_config, TestContext.Current.CancellationToken));
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText(_container.StdoutPath).Contains("ready", StringComparison.Ordinal), TimeSpan.FromSeconds(20)), File.ReadAllText(_container.StderrPath));
    }

    public void Dispose()
    {
        _network.Run(() =>
        {
            foreach (ContainerEngine host in _hosts)
            {
                host.Delete(_config.Name);
                host.Dispose();
            }
        });
        _network.Dispose();
        _state.Dispose();
    }

    private Socket Connect(byte kind) => _network.Run(() =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 20_000, SendTimeout = 20_000 };
        socket.Connect(Address, Port);
        socket.Send([kind]);
        return socket;
    });

    // The engine's threads are children of the calling one, and so in its network namespace.
    private void Move() => _network.Run(() =>
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using var wire = new MemoryStream();
        using IMoveSource source = _container.BeginMove(wire, new MoveSettings(TimeSpan.FromSeconds(10)));
        source.Round(token);
        CutOverResult cut = source.CutOver(token);
        wire.Position = 0;
        using IMoveTarget target = _hosts[_at = 1 - _at].BeginReceive(wire, _config);
        ReceiveResult received;
        do received = target.Receive(token);
        while (!received.IsCutOver);
        // All in one thread: what arrives from here on is lost, and sent again.
        _container = target.Commit(source.TakeHeldFrames());
        source.Discard();
        TestContext.Current.TestOutputHelper!.WriteLine($"freeze {cut.FreezeMs:F1} ms, dump {cut.DumpMs:F1} ms, send {cut.SendMs:F1} ms, restore {received.RestoreMs:F1} ms");
    });

    [Fact]
    public async Task A_client_counts_on_through_ten_moves_over_one_connection()
    {
        using Socket client = Connect((byte)'c');
        long count = 0;
        double longestMs = 0;
        bool stop = false;
        Task counting = Task.Run(() =>
        {
            byte[] buffer = new byte[8];
            while (!Volatile.Read(ref stop))
            {
                long begin = Stopwatch.GetTimestamp();
                client.Send(BitConverter.GetBytes(count));
                for (int got = 0; got < 8;)
                {
                    int more = client.Receive(buffer, got, 8 - got, SocketFlags.None);
                    Assert.NotEqual(0, more);
                    got += more;
                }
                Assert.Equal(count + 1, BitConverter.ToInt64(buffer));
                count++;
                longestMs = Math.Max(longestMs, Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }
        }, TestContext.Current.CancellationToken);

        for (int i = 0; i < Moves; i++)
        {
            long before = Volatile.Read(ref count);
            Move();
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref count) > before + 10 || counting.IsCompleted, TimeSpan.FromSeconds(20)), $"nothing after move {i + 1}");
        }
        Volatile.Write(ref stop, true);
        await counting;
        TestContext.Current.TestOutputHelper!.WriteLine($"{count} replies, longest gap {longestMs:F0} ms");
    }

    [Fact]
    public async Task Bytes_that_fill_both_directions_arrive_once_and_in_order_through_ten_moves()
    {
        using Socket client = Connect((byte)'p');
        byte[] data = new byte[1 << 20];
        new Random(7).NextBytes(data);
        long sent = 0, received = 0;
        bool stop = false;
        Task sending = Task.Run(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                int at = (int)(sent % data.Length);
                sent += client.Send(data, at, Math.Min(data.Length - at, 50_000), SocketFlags.None);
            }
            client.Shutdown(SocketShutdown.Send);
        }, TestContext.Current.CancellationToken);
        Task receiving = Task.Run(() =>
        {
            byte[] buffer = new byte[65536];
            while (client.Receive(buffer) is > 0 and var got)
            {
                for (int done = 0; done < got;)
                {
                    int at = (int)(received % data.Length), part = Math.Min(got - done, data.Length - at);
                    Assert.True(buffer.AsSpan(done, part).SequenceEqual(data.AsSpan(at, part)), $"other bytes at {received}");
                    received += part;
                    done += part;
                }
            }
        }, TestContext.Current.CancellationToken);

        for (int i = 0; i < Moves; i++)
        {
            long before = Volatile.Read(ref received);
            Move();
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref received) > before + 1_000_000 || receiving.IsCompleted, TimeSpan.FromSeconds(20)), $"nothing after move {i + 1}");
        }
        Volatile.Write(ref stop, true);
        await sending;
        await receiving;
        Assert.Equal(sent, received);
    }
}
