using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Linux.Tests.Net;

public sealed class ContainerInterfaceTests(ITestOutputHelper output)
{
    private const string Address = "10.88.0.5/16";
    private static readonly IPEndPoint Echo = new(IPAddress.Parse("10.88.0.5"), 7);

    [Fact]
    public void An_attached_container_answers_a_client_on_no_host() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address);
        Assert.Matches("^cg[0-9a-f]{4}-[0-9a-f]{8}$", attached.HostLinkName);
        using (container.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            LinkInfo eth0 = socket.Find("eth0")!;
            Assert.Equal((MacAddress.FromName("web"), true), (eth0.Mac, eth0.IsUp));
            Assert.True(socket.Find("lo")!.IsUp);
        }
        using var server = new EchoServer(container, Echo);
        using Socket client = Connect(lan);
        Lan.RoundTrip(client);
        using (lan.HostA.Enter())
        {
            (long received, long sent) = Assert.NotNull(attached.Statistics());
            Assert.True(received > 100 && sent > 100, $"{received} {sent}");
            attached.Detach();
            attached.Detach();
            Assert.Null(attached.Statistics());
        }
    });

    [Fact]
    public void A_container_without_a_bridge_to_join_is_refused_and_leaves_nothing() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using (lan.HostA.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            int before = socket.Links().Count;
            LinuxException error = Assert.Throws<LinuxException>(() => ContainerInterface.Attach("web", container, "nobridge", InterfaceAddress.Parse(Address), null));
            Assert.Equal(Errno.ENODEV, error.Errno);
            // A gateway that is not on the segment: found out last, when the pair exists.
            Assert.Throws<LinuxException>(() => ContainerInterface.Attach("web", container, "br0", InterfaceAddress.Parse(Address), IPAddress.Parse("192.168.1.1")));
            Assert.Equal(before, socket.Links().Count);
        }
    });

    [Fact]
    public void While_locked_no_data_arrives_and_a_retransmission_is_not_needed_after_the_replay() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address);
        NetworkLock theLock;
        using (lan.HostA.Enter())
            theLock = attached.PrepareLock(container);
        using var server = new EchoServer(container, Echo);
        using Socket client = Connect(lan);
        Lan.RoundTrip(client);
        Assert.Empty(theLock.TakeFrames());

        var gaps = new List<double>();
        var costs = new List<double>();
        for (int i = 0; i < 20; i++)
        {
            long start = Stopwatch.GetTimestamp();
            theLock.Engage();
            costs.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            client.Send([1]);
            Assert.False(client.Poll(30_000, SelectMode.SelectRead));
            IReadOnlyList<byte[]> frames = theLock.TakeFrames();
            Assert.NotEmpty(frames);
            theLock.Release();
            Assert.Equal(frames.Count, theLock.Replay(frames));
            Assert.Equal(1, client.Receive(new byte[1]));
            gaps.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        output.WriteLine($"freeze 30 ms, client gap ms {gaps.Order().ElementAt(10):f1} (max {gaps.Max():f1}); engage µs {costs.Order().ElementAt(10):f1} (max {costs.Max():f1})");
        // Without the replay it is the retransmission timer's 200 ms and more.
        Assert.True(gaps.Order().ElementAt(10) < 60, string.Join(' ', gaps));
    });

    [Fact]
    public void Without_a_replay_the_client_waits_for_its_retransmission_timer() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address);
        NetworkLock theLock;
        using (lan.HostA.Enter())
            theLock = attached.PrepareLock(container);
        using var server = new EchoServer(container, Echo);
        using Socket client = Connect(lan);
        Lan.RoundTrip(client);
        theLock.Engage();
        client.Send([1]);
        Assert.False(client.Poll(30_000, SelectMode.SelectRead));
        theLock.Release();
        Assert.False(client.Poll(50_000, SelectMode.SelectRead));
        Assert.Equal(1, client.Receive(new byte[1]));
    });

    [Fact]
    public void Large_segments_and_datagrams_are_held_and_replayed_whole() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address);
        NetworkLock theLock;
        using (lan.HostA.Enter())
            theLock = attached.PrepareLock(container);
        using var server = new EchoServer(container, Echo);
        using Socket client = Connect(lan);
        Lan.RoundTrip(client);
        using Socket udpServer = Lan.NewSocket(container, SocketType.Dgram);
        udpServer.Bind(Echo);
        using Socket udpClient = Lan.NewSocket(lan.Client, SocketType.Dgram);
        theLock.Engage();
        byte[] data = new byte[12_000];
        new Random(1).NextBytes(data);
        client.Send(data);
        for (byte i = 0; i < 50; i++)
            udpClient.SendTo([i], Echo);
        var frames = new List<byte[]>();
        bool Complete() => frames.Sum(f => f.Length) > data.Length && frames.Count >= 51;
        for (long start = Stopwatch.GetTimestamp(); !Complete() && Stopwatch.GetElapsedTime(start).TotalSeconds < 5; Thread.Yield())
            frames.AddRange(theLock.TakeFrames());
        Assert.Contains(frames, f => f.Length > 3000);
        theLock.Release();
        theLock.Replay(frames);
        byte[] echoed = new byte[data.Length];
        for (int done = 0; done < echoed.Length;)
            done += client.Receive(echoed, done, echoed.Length - done, SocketFlags.None);
        Assert.Equal(data, echoed);
        byte[] one = new byte[1];
        for (byte i = 0; i < 50; i++)
        {
            Assert.Equal(1, udpServer.Receive(one));
            Assert.Equal(i, one[0]);
        }
    });

    [Fact]
    public void A_held_container_still_answers_arp_and_a_silent_one_does_not() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address);
        NetworkLock theLock;
        using (lan.HostA.Enter())
            theLock = attached.PrepareLock(container);
        theLock.Engage();
        byte[]? answer = Resolve(lan, TimeSpan.FromSeconds(10));
        Assert.NotNull(answer);
        Assert.Equal([8, 6], answer[22..24]);
        Assert.Equal((2, MacAddress.FromName("web")), (answer[31], new MacAddress(answer.AsSpan(32, 6))));
        theLock.Silence();
        Assert.Null(Resolve(lan, TimeSpan.FromMilliseconds(250)));
        theLock.Release();
    });

    [Fact]
    public void After_an_announcement_the_segment_sends_to_the_new_host() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace here = NetworkNamespace.Create(), there = NetworkNamespace.Create();
        using ContainerInterface source = Lan.Attach(lan.HostA, "web", here, Address);
        using Socket client = Lan.NewSocket(lan.Client, SocketType.Dgram);
        using Socket old = Lan.NewSocket(here, SocketType.Dgram);
        old.Bind(Echo);
        client.SendTo([1], Echo);
        byte[] one = new byte[1];
        Assert.Equal(1, old.Receive(one));

        using ContainerInterface target = Lan.Attach(lan.HostB, "web", there, Address, silent: true);
        using Socket @new = Lan.NewSocket(there, SocketType.Dgram);
        @new.Bind(Echo);
        // Complete and up, and yet the segment does not know of it.
        client.SendTo([2], Echo);
        Assert.Equal((1, 2), (old.Receive(one), one[0]));
        Assert.False(@new.Poll(20_000, SelectMode.SelectRead));

        using (lan.HostA.Enter())
            source.PrepareLock(here).Silence();
        target.Lock!.Release();
        target.Announce(there);
        client.SendTo([3], Echo);
        Assert.Equal((1, 3), (@new.Receive(one), one[0]));
        Assert.False(old.Poll(20_000, SelectMode.SelectRead));
    });

    [Fact]
    public void Frames_held_on_the_old_host_are_replayed_on_the_new_one() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace here = NetworkNamespace.Create(), there = NetworkNamespace.Create();
        using ContainerInterface source = Lan.Attach(lan.HostA, "web", here, Address);
        using ContainerInterface target = Lan.Attach(lan.HostB, "web", there, Address, silent: true);
        using Socket client = Lan.NewSocket(lan.Client, SocketType.Dgram);
        using Socket old = Lan.NewSocket(here, SocketType.Dgram);
        old.Bind(Echo);
        using Socket @new = Lan.NewSocket(there, SocketType.Dgram);
        @new.Bind(Echo);
        client.SendTo([0], Echo);
        byte[] one = new byte[1];
        Assert.Equal((1, 0), (old.Receive(one), one[0]));

        NetworkLock gate;
        using (lan.HostA.Enter())
            gate = source.PrepareLock(here);
        gate.Engage();
        for (byte i = 1; i <= 9; i++)
            client.SendTo([i], Echo);
        target.Lock!.Release();
        target.Announce(there);
        gate.Silence();
        client.SendTo([10], Echo);
        // A few may still be on their way to the old host, and a few may have found the new one by themselves.
        var arrived = new List<byte>();
        int replayed = 0;
        for (long start = Stopwatch.GetTimestamp(); arrived.Count < 10 && Stopwatch.GetElapsedTime(start).TotalSeconds < 5; Thread.Yield())
        {
            replayed += target.Lock.Replay(gate.TakeFrames());
            while (@new.Available > 0)
            {
                @new.Receive(one);
                arrived.Add(one[0]);
            }
        }
        Assert.Equal(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, arrived.Order());
        Assert.True(replayed > 0);
        Assert.Equal(0, old.Available);
    });

    [Fact]
    public void Frames_that_no_interface_would_send_are_not_replayed() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address, silent: true);
        Assert.Equal(0, attached.Lock!.Replay([[], new byte[5], new byte[100_000]]));
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_that_was_taken_back_is_shut_as_it_was_until_it_is_opened_or_locked_anew(bool isLocked) => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        using NetworkNamespace container = NetworkNamespace.Create();
        using var server = new EchoServer(container, Echo);
        ContainerInterface taken;
        Socket client;
        using (ContainerInterface attached = Lan.Attach(lan.HostA, "web", container, Address))
        {
            client = Connect(lan);
            Lan.RoundTrip(client);
            using (lan.HostA.Enter()) attached.PrepareLock(container).Engage();
            using (lan.HostA.Enter()) taken = ContainerInterface.TakeBack(attached.HostLinkName, "web", container, InterfaceAddress.Parse(Address));
        }
        using (client)
        using (taken)
        using (lan.HostA.Enter())
        {
            client.Send([1]);
            Assert.False(client.Poll(100_000, SelectMode.SelectRead));
            if (isLocked) taken.PrepareLock(container);
            else taken.OpenGate(container);
            Assert.Equal(1, client.Receive(new byte[1]));
            Lan.RoundTrip(client);
            // Its new lock does as any, and its end says nothing.
            taken.PrepareLock(container).Engage();
            client.Send([1]);
            Assert.False(client.Poll(100_000, SelectMode.SelectRead));
            taken.Lock!.Release();
            Assert.Equal(1, client.Receive(new byte[1]));
            taken.Cut();
            client.Send([1]);
            Assert.False(client.Poll(100_000, SelectMode.SelectRead));
            taken.Detach();
            Assert.Throws<LinuxException>(() => ContainerInterface.TakeBack(taken.HostLinkName, "web", container, InterfaceAddress.Parse(Address)));
        }
    });

    [Fact]
    public void Attaching_takes_milliseconds_at_most() => Dedicated.Run(() =>
    {
        using var lan = new Lan();
        var times = new List<double>();
        var silentTimes = new List<double>();
        var announceTimes = new List<double>();
        using (lan.HostA.Enter())
        {
            for (int i = 0; i < 30; i++)
            {
                using NetworkNamespace container = NetworkNamespace.Create();
                long start = Stopwatch.GetTimestamp();
                using ContainerInterface attached = ContainerInterface.Attach($"c{i}", container, "br0", InterfaceAddress.Parse("10.88.1.1/16"), IPAddress.Parse("10.88.255.1"), silent: i % 2 == 1);
                (i % 2 == 1 ? silentTimes : times).Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                start = Stopwatch.GetTimestamp();
                attached.Announce(container);
                announceTimes.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                attached.Detach();
            }
        }
        output.WriteLine($"attach ms p50 {times.Order().ElementAt(7):f2} min {times.Min():f2}, silent with lock p50 {silentTimes.Order().ElementAt(7):f2} min {silentTimes.Min():f2}, announce p50 {announceTimes.Order().ElementAt(15):f2}");
        Assert.True(times.Order().ElementAt(7) < 20, string.Join(' ', times));
    });

    private static Socket Connect(Lan lan)
    {
        Socket client = Lan.NewSocket(lan.Client);
        client.NoDelay = true;
        client.Connect(Echo);
        return client;
    }

    // Asks for the container's address in the client's namespace.
    private static byte[]? Resolve(Lan lan, TimeSpan patience)
    {
        using (lan.Client.Enter())
        using (RouteSocket route = RouteSocket.Open())
        {
            LinkInfo uplink = route.Find("up0")!;
            using var asker = new ArpAsker(uplink.Index, uplink.Mac);
            return asker.Ask(Lan.ClientAddress.Address, Echo.Address, patience);
        }
    }
}
