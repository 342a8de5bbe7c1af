using System.Net;
using System.Net.Sockets;

namespace ContainerGrains.Silo.Tests;

/// <summary>What can be read is known, wherever it lies: in the socket, in a record, decrypted already.</summary>
public sealed class ChannelStreamTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private readonly Authority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Theory, InlineData(false), InlineData(true)]
    public void Frames_that_came_together_are_each_polled(bool tls)
    {
        (DataChannel a, DataChannel b) = Pair(tls);
        using (a)
        using (b)
        {
            Assert.False(b.Poll(TimeSpan.Zero));
            // Many small frames, of which reading one takes the others in too, and one of several records.
            for (int i = 0; i < 50; i++)
                a.Write(FrameType.RoundEnd, i);
            byte[] large = new byte[200_000];
            Random.Shared.NextBytes(large);
            a.WriteBytes(FrameType.HeldFrames, large);
            for (int i = 0; i < 50; i++)
            {
                Assert.True(b.Poll(Soon));
                Assert.Equal(i, DataChannel.Parse<int>(b.Read().Payload));
            }
            Assert.True(b.Poll(Soon));
            Assert.Equal(large, b.Read().Payload);
            Assert.False(b.Poll(TimeSpan.Zero));
            b.Write(FrameType.RoundTaken, "");
            Assert.True(a.Poll(Soon));
            a.Read<string>(FrameType.RoundTaken);
            Assert.False(a.Poll(TimeSpan.Zero));
            a.Dispose();
            Assert.True(b.Poll(Soon));
            Assert.Throws<EndOfStreamException>(() => b.Read());
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Small_writes_wait_for_a_flush_and_keep_their_order_with_large_ones(bool tls)
    {
        (DataChannel a, DataChannel b) = Pair(tls);
        using (a)
        using (b)
        {
            a.Stream.Write([1, 2, 3]);
            Assert.False(b.Poll(TimeSpan.FromMilliseconds(50)));
            byte[] sent = [1, 2, 3];
            var random = new Random(7);
            Task<byte[]> reading = Task.Run(() =>
            {
                var read = new MemoryStream();
                byte[] buffer = new byte[300_000];
                for (int i = 0, count; (count = b.Stream.Read(buffer, 0, i++ % 2 == 0 ? 100 : buffer.Length)) > 0;)
                    read.Write(buffer, 0, count);
                return read.ToArray();
            });
            for (int i = 0; i < 100; i++)
            {
                byte[] piece = new byte[random.Next(3) switch { 0 => random.Next(30), 1 => random.Next(20_000), _ => random.Next(300_000) }];
                random.NextBytes(piece);
                a.Stream.Write(piece);
                sent = [.. sent, .. piece];
            }
            a.Stream.Flush();
            a.Dispose();
            Assert.Equal(sent, await reading.WaitAsync(Soon * 3));
        }
    }

    [Fact]
    public void Half_a_record_is_nothing_to_read_yet()
    {
        (Socket near, Socket far) = Sockets();
        using (far)
        using (var records = new RecordStream(new NetworkStream(near, ownsSocket: true)))
        {
            far.Send([23, 3, 3, 0, 4, 1, 2]);
            Assert.False(records.Poll(TimeSpan.FromMilliseconds(50)));
            far.Send([3, 4, 23, 3, 3]);
            Assert.True(records.Poll(Soon));
            byte[] record = new byte[100];
            // No more than the one, although the next has begun.
            Assert.Equal(9, records.Read(record));
            Assert.False(records.Poll(TimeSpan.Zero));
        }
    }

    private (DataChannel A, DataChannel B) Pair(bool tls)
    {
        (Socket a, Socket b) = Sockets();
        if (!tls)
            return (new DataChannel(a), new DataChannel(b));
        using HostTls source = HostTls.Load(_authority.Issue("host-a")), target = HostTls.Load(_authority.Issue("host-b"));
        Task<DataChannel> accepting = Task.Run(() => target.Accept(b));
        DataChannel connected = source.Connect(a, "host-b");
        return (connected, accepting.GetAwaiter().GetResult());
    }

    private static (Socket A, Socket B) Sockets()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var a = new Socket(SocketType.Stream, ProtocolType.Tcp);
        a.Connect(listener.LocalEndpoint);
        return (a, listener.AcceptSocket());
    }
}
