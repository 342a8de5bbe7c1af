namespace ContainerGrains.Engine.Tests.Image;

public sealed class ImageSinkTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void What_is_kept_follows_in_order_and_the_file_is_told_nothing_before()
    {
        using var file = new MemoryStream();
        using var sink = new ImageSink(file, 64 * MiB, CancellationToken.None);
        byte[] first = Bytes(3 * MiB), second = Bytes(9 * MiB + 1), third = Bytes(5);
        sink.Write(first);
        sink.Hold(0);
        Assert.Equal(first.Length, file.Length);
        sink.Write(second);
        sink.Write(third);
        Assert.Equal(first.Length, file.Length);
        sink.Release();
        Assert.True(file.ToArray().AsSpan().SequenceEqual((byte[])[.. first, .. second, .. third]));
    }

    [Fact]
    public void What_is_more_than_may_be_kept_goes_into_the_file_at_once()
    {
        using var file = new MemoryStream();
        using var sink = new ImageSink(file, 8 * MiB, CancellationToken.None);
        byte[] first = Bytes(6 * MiB), second = Bytes(3 * MiB), third = Bytes(7);
        sink.Hold(100 * MiB);
        sink.Write(first);
        Assert.Equal(0, file.Length);
        sink.Write(second);
        sink.Write(third);
        Assert.Equal(first.Length + second.Length + third.Length, file.Length);
        sink.Release();
        Assert.True(file.ToArray().AsSpan().SequenceEqual((byte[])[.. first, .. second, .. third]));
    }

    [Fact]
    public void Cancelling_ends_it_but_not_in_the_freeze()
    {
        using var file = new MemoryStream();
        using var cancel = new CancellationTokenSource();
        using var sink = new ImageSink(file, MiB, cancel.Token);
        sink.Write([1]);
        sink.Hold(0);
        cancel.Cancel();
        sink.Write([2]);
        sink.Write(Bytes(2 * MiB));
        Assert.Throws<OperationCanceledException>(sink.Release);
        using var running = new ImageSink(file, MiB, cancel.Token);
        Assert.Throws<OperationCanceledException>(() => running.Write([3]));
    }

    private static byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
