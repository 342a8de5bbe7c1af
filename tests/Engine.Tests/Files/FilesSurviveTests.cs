namespace ContainerGrains.Engine.Tests.FileRooms;

/// <summary>All rooms at once, in a real container, through images.</summary>
public sealed class FilesSurviveTests : IDisposable
{
    private const int Moves = 3;
    private readonly TemporaryDirectory _here = new(), _there = new();
    private readonly List<ContainerEngine> _engines = [];

    public void Dispose()
    {
        foreach (ContainerEngine engine in _engines)
        {
            engine.Delete("files");
            engine.Dispose();
        }
        _here.Dispose();
        _there.Dispose();
    }

    [Fact]
    public void A_program_with_every_kind_of_open_file_goes_on_after_each_of_several_moves()
    {
        ContainerEngine source = Engine(_here, "files-a"), target = Engine(_there, "files-b");
        string program = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "workloads", "files.py"));
        int kinds = program.Split("\n@check(").Length - 1;
        var config = new ContainerConfig { Name = "files", Args = ["/usr/bin/python3", "-c", program] };
        IEngineContainer container = source.Start(config, Token);
        WaitForLine(container, "ready");

        for (int move = 1; move <= Moves; move++)
        {
            using var image = new MemoryStream();
            Assert.Equal([], container.Preflight());
            using (IMoveSource from = container.BeginMove(image, new MoveSettings(TimeSpan.FromSeconds(10))))
            {
                from.Round(Token);
                from.CutOver(Token);
                image.Position = 0;
                container = target.Restore(image, config, Token);
                from.Discard();
            }
            File.WriteAllText($"/proc/{container.InitPid}/root/srv/files/go{move}", "");
            string[] lines = WaitForLine(container, $"end {move}");
            Assert.DoesNotContain(lines, l => l.StartsWith("bad ", StringComparison.Ordinal));
            Assert.Equal(move * kinds, lines.Count(l => l.StartsWith("ok ", StringComparison.Ordinal)));
            (source, target) = (target, source);
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ContainerEngine Engine(TemporaryDirectory directory, string host)
    {
        var engine = new ContainerEngine(new EngineOptions { StateDirectory = directory.Path, HostName = host });
        _engines.Add(engine);
        return engine;
    }

    private static string[] WaitForLine(IEngineContainer container, string line)
    {
        var deadline = TimeSpan.FromSeconds(20);
        for (long start = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(start) < deadline;)
        {
            string[] lines = File.ReadAllLines(container.StdoutPath);
            if (lines.Contains(line)) return lines;
            if (container.Exited.Wait(5, Token)) break;
        }
        throw new TimeoutException($"no '{line}' came; output: {File.ReadAllText(container.StdoutPath)} {File.ReadAllText(container.StderrPath)}");
    }
}
