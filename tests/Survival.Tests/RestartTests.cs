using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ContainerGrains.Linux;

namespace ContainerGrains.Survival.Tests;

/// <summary>An engine that is killed leaves its containers running, and the next one of that host takes them back.</summary>
public sealed class RestartTests
{
    private const int SIGUSR1 = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void A_container_and_its_execs_go_on_and_can_do_all_that_they_could()
    {
        using var host = new MortalHost(EngineTrio.Config("python3", "/workloads/plain.py"));
        int pid = Start(host);
        string lasting = host.Tell("exec i=0; while [ ! -e /tmp/enough ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 7");
        string ended = host.Tell("exec exit 3"), lost = host.Tell("exec while [ ! -e /tmp/lost ]; do sleep 0.01; done");
        host.WaitFor(() => File.Exists($"{host.ContainerDirectory}/logs/exec-{ended}.exit"), "the end of the short one");
        // Writes are tracked by the engine that dies.
        host.Tell("rounds");
        int lostPid = RealPid(host, lost);
        host.Kill();
        host.WaitForLines(5);
        File.WriteAllText($"/proc/{pid}/root/tmp/lost", "");
        host.WaitFor(() => !Directory.Exists($"/proc/{lostPid}"), "the end of an exec that no engine sees");

        IEngineContainer container = host.TakeBack();
        Assert.Equal((pid, 1), (container.InitPid, container.Pidspace));
        Assert.True(container.StartedAt < DateTimeOffset.UtcNow && container.StartedAt > DateTimeOffset.UtcNow - Patience);
        Assert.Same(container, host.Engine.Find(container.Name));
        host.WaitForLines(5);
        Assert.Equal(new ProcessExit(3, 0), End(container.FindExec(ended)!.Exited));
        Assert.Equal(ProcessExit.Unknown, End(container.FindExec(lost)!.Exited));
        Assert.True(container.Stats().CpuSeconds > 0);
        Assert.Equal(2, container.Processes().Count(p => p.ParentVirtualPid == 0));
        IExecSession fresh = container.Exec(new ExecConfig(["sh", "-c", "exit 4"], [], null, null, []), Token);
        Assert.Equal(new ProcessExit(4, 0), End(fresh.Exited));

        using var next = new OtherHost();
        IEngineContainer moved = next.Move(container);
        Assert.Null(host.Engine.Find(container.Name));
        host.AssertNothingLeft();
        File.WriteAllText($"/proc/{moved.InitPid}/root/tmp/enough", "");
        Assert.Equal(new ProcessExit(7, 0), End(moved.FindExec(lasting)!.Exited));
        Journey.AssertContinuous(ContainerMover.WholeLines(moved.FindExec(lasting)!.StdoutPath));
        moved.Signal(1, SIGUSR1);
        Assert.Equal(new ProcessExit(0, 0), End(moved.Exited));
        Journey.AssertContinuous(ContainerMover.WholeLines(moved.StdoutPath));
    }

    [Theory]
    [InlineData("exit 5", 5, 0)]
    [InlineData("kill -15 $$", 0, 15)]
    public void How_it_ends_is_known_although_it_is_nobodys_child(string end, int code, int signal)
    {
        using var host = new MortalHost(EngineTrio.Config("sh", "-c", "i=0; while [ ! -e /tmp/enough ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 5"));
        int pid = Start(host);
        string exec = host.Tell($"exec while [ ! -e /tmp/enough-of-it ]; do sleep 0.01; done; {end}");
        host.Kill();
        IEngineContainer container = host.TakeBack();
        File.WriteAllText($"/proc/{pid}/root/tmp/enough-of-it", "");
        Assert.Equal(new ProcessExit(code, signal), End(container.FindExec(exec)!.Exited));
        File.WriteAllText($"/proc/{pid}/root/tmp/enough", "");
        Assert.Equal(new ProcessExit(5, 0), End(container.Exited));
        Assert.False(Directory.Exists(host.Cgroup));
    }

    [Fact]
    public void Connections_from_outside_go_on_and_with_it_to_another_host()
    {
        using var lan = new TestLan();
        ContainerConfig config = EngineTrio.Config("python3", "/workloads/tcp_server.py") with { Address = "10.88.0.20/16" };
        using var host = new MortalHost(config, lan.Hosts[0]);
        Start(host, lines: 1);
        using var next = new OtherHost(lan.Hosts[1]);
        using Socket socket = Connect(lan);
        using (var conversation = new Conversation(n => Count(socket, n)))
        {
            conversation.WaitForMore(20);
            host.Tell("rounds");
            host.Kill();
            conversation.WaitForMore(20);
            IEngineContainer container = host.TakeBack();
            conversation.WaitForMore(20);
            Assert.True(host.Run(container.Stats).ReceivedBytes > 0);
            next.Move(container, host.Run);
            conversation.WaitForMore(20);
        }
    }

    [Fact]
    public void What_stood_still_goes_on_when_it_is_told_to_and_not_before()
    {
        using var lan = new TestLan();
        ContainerConfig config = EngineTrio.Config("python3", "/workloads/tcp_server.py") with { Address = "10.88.0.20/16" };
        using var host = new MortalHost(config, lan.Hosts[0]);
        Start(host, lines: 1);
        using var next = new OtherHost(lan.Hosts[1]);
        using Socket socket = Connect(lan);
        Count(socket, 1);
        host.Tell("freeze");
        host.Kill();

        FoundContainer found = host.Adopt()!;
        Assert.Equal(FoundState.TakenBack, found.State);
        socket.Send(Number(2));
        Assert.False(socket.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead), "it answers");
        Assert.Contains("frozen 1", File.ReadAllText($"{host.Cgroup}/cgroup.events"), StringComparison.Ordinal);
        host.Run(found.Container!.Resume);
        Assert.Equal(3, Answer(socket));
        using (var conversation = new Conversation(n => Count(socket, n)))
        {
            conversation.WaitForMore(20);
            Assert.All(Threads(found.Container), tid => Assert.Equal(SchedAttr.SCHED_OTHER, Scheduling.GetAttr(tid).Policy));
            next.Move(found.Container, host.Run);
            conversation.WaitForMore(20);
        }
    }

    [Fact]
    public void One_whose_engine_died_before_it_did_anything_inside_of_it_goes_on_as_it_was()
    {
        using var lan = new TestLan();
        ContainerConfig config = EngineTrio.Config("python3", "/workloads/tcp_server.py") with { Address = "10.88.0.20/16" };
        using var host = new MortalHost(config, lan.Hosts[0]);
        Start(host, lines: 1);
        using Socket socket = Connect(lan);
        Count(socket, 1);
        Assert.Equal("stuck", host.Tell("freeze-first-half"));
        host.Kill();
        socket.Send(Number(2));
        Assert.False(socket.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead), "its network was not shut");
        IEngineContainer container = host.TakeBack();
        Assert.Equal(3, Answer(socket));
        Assert.All(Threads(container), tid => Assert.Equal(SchedAttr.SCHED_OTHER, Scheduling.GetAttr(tid).Policy));
        Count(socket, 3);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_copy_that_lives_elsewhere_goes_without_a_word(bool stoodStill)
    {
        using var lan = new TestLan();
        ContainerConfig config = EngineTrio.Config("python3", "/workloads/tcp_server.py") with { Address = "10.88.0.20/16" };
        using var host = new MortalHost(config, lan.Hosts[0]);
        Start(host, lines: 1);
        using Socket socket = Connect(lan);
        Count(socket, 1);
        if (stoodStill) host.Tell("freeze");
        host.Kill();
        FoundContainer found = host.Adopt()!;
        host.Run(found.Container!.Discard);
        Assert.Null(host.Engine.Find(config.Name));
        host.AssertNothingLeft();
        Assert.False(socket.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead), "its connections were closed");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_whose_engine_died_inside_of_it_is_killed(bool crashes)
    {
        using var host = new MortalHost(EngineTrio.Config("python3", "/workloads/plain.py"));
        Start(host);
        // As a rule it does not survive its tracer, who has left it in the middle of foreign code; but that is luck.
        if (crashes) Assert.Equal("stuck", host.Tell("freeze-half"));
        host.Kill();
        string mark = $"{host.ContainerDirectory}/in-hand";
        if (crashes) Assert.True(File.Exists(mark));
        else File.WriteAllText(mark, "");
        FoundContainer found = host.Adopt()!;
        Assert.Contains(found.State, crashes ? [FoundState.Killed, FoundState.Ended] : (FoundState[])[FoundState.Killed]);
        Assert.Null(host.Engine.Find(found.Name));
        Assert.False(Directory.Exists(host.Cgroup));
        Assert.True(File.Exists(host.StdoutPath), "its output is gone");
        // It can be started anew.
        Assert.False(File.Exists(mark));
        host.Engine.Start(EngineTrio.Config("python3", "/workloads/plain.py"), Token);
    }

    [Fact]
    public void One_that_ended_while_there_was_no_engine_is_over()
    {
        using var host = new MortalHost(EngineTrio.Config("python3", "/workloads/plain.py"));
        int pid = Start(host);
        host.Kill();
        host.WaitForLines(2);
        Kernel.Call("kill", Syscall.kill, pid, SIGUSR1);
        host.WaitFor(() => host.Lines[^1].EndsWith(" end", StringComparison.Ordinal) && !Directory.GetDirectories("/proc").Contains($"/proc/{pid}"), "its end");
        Assert.Equal(FoundState.Ended, host.Adopt()!.State);
        Assert.Empty(host.Engine.Containers);
        Assert.False(Directory.Exists(host.Cgroup));
        Journey.AssertContinuous(host.Lines);
    }

    [Fact]
    public void Another_process_with_its_pid_is_not_taken_for_it()
    {
        using var host = new MortalHost(EngineTrio.Config("python3", "/workloads/plain.py"));
        Start(host);
        host.Kill();
        string path = $"{host.ContainerDirectory}/state.json", state = File.ReadAllText(path);
        string changed = System.Text.RegularExpressions.Regex.Replace(state, "(\"init\":{\"pid\":[0-9]+,\"startTicks\":)[0-9]+", "${1}1");
        Assert.NotEqual(state, changed);
        File.WriteAllText(path, changed);
        Assert.Equal(FoundState.Ended, host.Adopt()!.State);
        Assert.Empty(host.Engine.Containers);
    }

    [Fact]
    public void What_was_half_received_is_removed()
    {
        using var host = new MortalHost(EngineTrio.Config("python3", "/workloads/plain.py"));
        using var image = new TemporaryDirectory();
        using var other = new OtherHost();
        IEngineContainer container = other.Start(EngineTrio.Config("python3", "/workloads/plain.py"));
        using (FileStream round = File.Create($"{image.Path}/round"))
        using (IMoveSource move = container.BeginMove(round, new MoveSettings(Patience)))
            move.Round(Token);
        host.Tell($"receive {image.Path}/round");
        Assert.NotEmpty(File.ReadAllText($"{host.Cgroup}/cgroup.procs"));
        host.Kill();
        Assert.Null(host.Adopt());
        Assert.Empty(host.Engine.Containers);
        host.AssertNothingLeft();
    }

    private static int Start(MortalHost host, int lines = 3)
    {
        int pid = int.Parse(host.Tell("start"), System.Globalization.CultureInfo.InvariantCulture);
        host.WaitFor(() => host.Lines.Count >= lines, "its first output");
        return pid;
    }

    private static ProcessExit End(Task<ProcessExit> exited) => exited.Wait(Patience) ? exited.Result : throw new TimeoutException("it did not end");

    private static int RealPid(MortalHost host, string exec)
    {
        string virtualPid = File.ReadAllText($"{host.ContainerDirectory}/logs/exec-{exec}.pid");
        return File.ReadAllLines($"{host.Cgroup}/cgroup.procs").Select(pid => int.Parse(pid, System.Globalization.CultureInfo.InvariantCulture))
            .First(pid => ProcFields.Read($"/proc/{pid}/status").Int32s("NSpid")[^1].ToString(System.Globalization.CultureInfo.InvariantCulture) == virtualPid);
    }

    private static IEnumerable<int> Threads(IEngineContainer container) =>
        container.Processes().SelectMany(p => Directory.GetDirectories($"/proc/{p.Pids[0]}/task")).Select(t => int.Parse(Path.GetFileName(t), System.Globalization.CultureInfo.InvariantCulture));

    private static Socket Connect(TestLan lan)
    {
        var socket = lan.Client.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = (int)Patience.TotalMilliseconds });
        socket.Connect(new IPEndPoint(IPAddress.Parse("10.88.0.20"), 7000));
        socket.Send("c"u8);
        return socket;
    }

    private static void Count(Socket socket, long number)
    {
        socket.Send(Number(number));
        if (Answer(socket) is var answer && answer != number + 1) throw new InvalidDataException($"{answer} is not one more than {number}");
    }

    private static byte[] Number(long number) => BitConverter.GetBytes(number);

    private static long Answer(Socket socket)
    {
        byte[] bytes = new byte[8];
        for (int got = 0; got < bytes.Length;)
        {
            int more = socket.Receive(bytes, got, bytes.Length - got, SocketFlags.None);
            got += more > 0 ? more : throw new IOException("the server has closed the connection");
        }
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    /// <summary>A host that is never killed.</summary>
    private sealed class OtherHost : IDisposable
    {
        private readonly TemporaryDirectory _state = new();
        private readonly ContainerEngine _engine;
        private readonly TestNetwork? _network;

        public OtherHost(TestNetwork? network = null)
        {
            _network = network;
            var options = new EngineOptions { StateDirectory = _state.Path, HostName = $"other-{Guid.NewGuid().ToString("N")[..8]}", Bridge = network is null ? null : TestLan.Bridge };
            _engine = Run(() => new ContainerEngine(options));
        }

        public IEngineContainer Start(ContainerConfig config) => _engine.Start(config, Token);

        /// <summary>Takes a container over: two rounds, freeze, restore, commit, discard.</summary>
        /// <param name="there">Runs something at its host.</param>
        public IEngineContainer Move(IEngineContainer container, Action<Action>? there = null)
        {
            there ??= work => work();
            using var wire = new MemoryStream();
            IMoveSource? source = null;
            there(() =>
            {
                source = container.BeginMove(wire, new MoveSettings(Patience));
                source.Round(Token);
                source.Round(Token);
                source.CutOver(Token);
            });
            wire.Position = 0;
            IEngineContainer moved = Run(() =>
            {
                using IMoveTarget target = _engine.BeginReceive(wire, container.Config);
                while (!target.Receive(Token).IsCutOver) { }
                return target.Commit(source!.TakeHeldFrames());
            });
            there(source!.Discard);
            return moved;
        }

        public void Dispose()
        {
            foreach (IEngineContainer container in _engine.Containers) Run(() => _engine.Delete(container.Name));
            _engine.Dispose();
            _state.Dispose();
        }

        private T Run<T>(Func<T> work) => _network is null ? work() : _network.Run(work);

        private void Run(Action work) => Run(() =>
        {
            work();
            return true;
        });
    }
}
