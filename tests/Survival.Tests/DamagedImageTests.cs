using System.Text;

namespace ContainerGrains.Survival.Tests;

/// <summary>An image is not trusted: damage is told as such, and nothing is started or left.</summary>
public sealed class DamagedImageTests : IDisposable
{
    private readonly EngineTrio _trio = new();
    private readonly ContainerMover _mover;
    private readonly byte[] _image;

    public DamagedImageTests()
    {
        _mover = _trio.Start(EngineTrio.Config("sh", "-c", "trap 'exit 0' USR1; i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done"));
        _mover.WaitForLines(3);
        using var image = new MemoryStream();
        _mover.Container.Checkpoint(image, leaveRunning: true, CancellationToken.None);
        _image = image.ToArray();
        // It has gone on meanwhile.
        _mover.WaitForLines(3);
        Journey.AssertContinuous(_mover.Lines);
    }

    public void Dispose() => _trio.Dispose();

    [Fact]
    public void An_image_that_ends_too_early()
    {
        for (int i = 0; i < 16; i++) Refuses(_image[..(int)(_image.Length * (long)i / 16)]);
        Refuses(_image[..^1]);
        Refuses(_image[..^24]);
        Restores();
    }

    [Fact]
    public void An_image_with_one_flipped_bit()
    {
        var random = new Random(20260101);
        int[] places = [0, 4, 8, 15, 16, 30, _image.Length - 1, .. Enumerable.Range(0, 33).Select(_ => random.Next(_image.Length))];
        foreach (int place in places)
        {
            byte[] damaged = [.. _image];
            damaged[place] ^= (byte)(1 << random.Next(8));
            Refuses(damaged);
        }
        Restores();
    }

    [Fact]
    public void An_image_of_another_version()
    {
        using var changed = new MemoryStream();
        var writer = new ImageWriter(changed);
        using var reader = new ImageReader(new MemoryStream(_image));
        FrameType type;
        do
        {
            type = reader.Read();
            if (type == FrameType.Manifest) writer.WriteJson(type, reader.ReadJson<ManifestRecord>() with { Version = ManifestRecord.Current + 1 });
            else writer.Write(type, reader.Payload);
        }
        while (type != FrameType.End);

        EngineException error = Refuses(changed.ToArray());
        Assert.Contains($"version {ManifestRecord.Current + 1}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Something_else() => Refuses(Encoding.UTF8.GetBytes(new string('x', 100_000)));

    private EngineException Refuses(byte[] image)
    {
        TestHost host = _mover.Next;
        EngineException error = Assert.Throws<EngineException>(() => host.Engine.Restore(new MemoryStream(image), _mover.Container.Config, CancellationToken.None));
        Assert.Equal(EngineError.BadImage, error.Error);
        _trio.AssertNothingOn(host);
        return error;
    }

    // The undamaged one, so that the tests prove something; its original goes first.
    private void Restores()
    {
        _mover.Container.Kill();
        IEngineContainer container = _mover.Next.Engine.Restore(new MemoryStream(_image), _mover.Container.Config, CancellationToken.None);
        container.Signal(1, 10);
        Assert.True(SpinWait.SpinUntil(() => container.Exited.IsCompleted, TimeSpan.FromSeconds(20)));
    }
}
