namespace ContainerGrains.Survival.Tests;

/// <summary>Servers with clients on another host, who never connect a second time.</summary>
public sealed class ServerTests : IDisposable
{
    private const string Address = "10.88.0.5";
    private readonly TestLan _lan = new();
    private readonly EngineTrio _trio;

    public ServerTests() => _trio = new EngineTrio(_lan);

    public void Dispose()
    {
        _trio.Dispose();
        _lan.Dispose();
    }

    [Fact]
    public void Redis_counts_for_four_clients_and_saves_between_moves()
    {
        ContainerMover mover = StartRedis();
        using LineConnection admin = Connect(6379);
        string value = new('x', 1 << 20);
        for (int i = 0; i < 16; i++) Assert.Equal("+OK", admin.Ask($"*3\r\n$3\r\nSET\r\n${$"big{i}".Length}\r\nbig{i}\r\n${$"{value}{i}".Length}\r\n{value}{i}"));
        using (var clients = new Counters(_lan.Client))
        {
            for (int i = 0; i < Journey.Moves; i++)
            {
                clients.WaitForMore();
                if (i % 2 == 1) SaveInBackground(mover, admin);
                mover.Move();
            }
            clients.WaitForMore();
            mover.ThroughFile();
            clients.WaitForMore();
        }

        for (int i = 0; i < 16; i++)
        {
            Assert.Equal($"${value.Length + $"{i}".Length}", admin.Ask($"GET big{i}"));
            Assert.Equal($"{value}{i}", admin.ReadBlock(value.Length + $"{i}".Length));
        }
        mover.WaitFor(() => !IsSaving(admin), "the end of the last BGSAVE");
        Assert.Contains("rdb_last_bgsave_status:ok", Info(admin), StringComparison.Ordinal);
        Assert.Contains("RDB looks OK", mover.Execute("redis-check-rdb", "/tmp/dump.rdb"), StringComparison.Ordinal);
        mover.Container.Kill();
    }

    [Fact]
    public void Redis_goes_on_when_five_moves_in_a_row_come_to_nothing()
    {
        ContainerMover mover = StartRedis();
        using (var clients = new Counters(_lan.Client))
        {
            for (int i = 0; i < 5; i++)
            {
                clients.WaitForMore();
                mover.Abort();
            }
            clients.WaitForMore();
            mover.Move();
            clients.WaitForMore();
        }
        mover.Container.Kill();
    }

    [Fact]
    public void Memcached_keeps_what_it_was_given()
    {
        ContainerMover mover = _trio.Start(EngineTrio.Config("memcached", "-u", "root", "-l", "0.0.0.0", "-m", "32") with { Address = $"{Address}/16" });
        using LineConnection connection = Connect(11211);
        using (var client = new Conversation(n =>
        {
            string value = $"value {n}";
            Expect("STORED", connection.Ask($"set key{n % 100} {n % 65536} 0 {value.Length}\r\n{value}"));
            long old = n > 50 ? n - 50 : n;
            Expect($"VALUE key{old % 100} {old % 65536} {$"value {old}".Length}", connection.Ask($"get key{old % 100}"));
            Expect($"value {old}", connection.ReadLine());
            Expect("END", connection.ReadLine());
        }))
        {
            for (int i = 0; i < Journey.Moves; i++)
            {
                client.WaitForMore(20);
                mover.Move();
            }
            client.WaitForMore(20);
            mover.ThroughFile();
            client.WaitForMore(20);
        }
        mover.Container.Kill();
    }

    private static void Expect(string wanted, string got)
    {
        if (wanted != got) throw new InvalidOperationException($"'{got}' instead of '{wanted}'");
    }

    private ContainerMover StartRedis() => _trio.Start(EngineTrio.Config("redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", "/tmp") with { Address = $"{Address}/16" });

    private LineConnection Connect(int port) => new(_lan.Client, Address, port);

    private static void SaveInBackground(ContainerMover mover, LineConnection admin)
    {
        mover.WaitFor(() => !IsSaving(admin), "the end of a BGSAVE");
        Assert.Equal("+Background saving started", admin.Ask("BGSAVE"));
    }

    private static bool IsSaving(LineConnection admin) => Info(admin).Contains("rdb_bgsave_in_progress:1", StringComparison.Ordinal);

    private static string Info(LineConnection admin) => admin.ReadBlock(int.Parse(admin.Ask("INFO persistence")[1..], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Four clients, each with a connection and a key of its own, each answer exactly the last one plus 1.</summary>
    private sealed class Counters : IDisposable
    {
        private const int Clients = 4;
        private readonly LineConnection[] _connections;
        private readonly Conversation[] _conversations;

        public Counters(TestNetwork network)
        {
            _connections = [.. Enumerable.Range(0, Clients).Select(_ => new LineConnection(network, Address, 6379))];
            _conversations = [.. _connections.Select((connection, i) => new Conversation(n => Expect($":{n}", connection.Ask($"INCR counter{i}"))))];
        }

        public void WaitForMore()
        {
            foreach (Conversation conversation in _conversations) conversation.WaitForMore(20);
        }

        public void Dispose()
        {
            foreach (Conversation conversation in _conversations) conversation.Dispose();
            foreach (LineConnection connection in _connections) connection.Dispose();
        }
    }
}
