using System.Text.Json;
using ContainerGrains.Engine;
using ContainerGrains.EngineHolder;

// An engine in a process of its own, to be killed in the middle of something: EngineHolder STATE-DIRECTORY HOST-NAME [BRIDGE]. Reads a
// container's configuration as JSON, starts it unless it is told to receive one, does what the lines after it say, one answer for each, and waits.
using var engine = new ContainerEngine(new EngineOptions { StateDirectory = args[0], HostName = args[1], Bridge = args.ElementAtOrDefault(2) });
ContainerConfig config = JsonSerializer.Deserialize<ContainerConfig>(Console.ReadLine()!)!;
IEngineContainer? container = null;
var open = new List<IDisposable>();
while (Console.ReadLine() is { } line)
{
    string[] words = line.Split(' ', 2);
    Console.WriteLine(Do(words[0], words.ElementAtOrDefault(1) ?? ""));
}

string Do(string what, string about) => what switch
{
    "start" => $"{(container = engine.Start(config, CancellationToken.None)).InitPid}",
    "exec" => container!.Exec(new ExecConfig(["sh", "-c", about], [], null, null, []), CancellationToken.None).Id,
    "rounds" => Begin(Stream.Null, rounds: 2),
    "freeze" => Begin(Stream.Null, rounds: 2, source => source.CutOver(CancellationToken.None)),
    "freeze-first-half" => Begin(new StuckStream(IsTraced), rounds: 1, source => source.CutOver(CancellationToken.None)),
    "freeze-half" => Begin(new StuckStream(() => File.Exists($"{args[0]}/containers/{config.Name}/in-hand")), rounds: 1, source => source.CutOver(CancellationToken.None)),
    "receive" => Receive(about),
    _ => throw new ArgumentException($"'{what}' is not understood"),
};

// Held by ptrace, nothing in it yet.
bool IsTraced() => File.ReadAllText($"/proc/{container!.InitPid}/stat") is var stat && stat[stat.LastIndexOf(')') + 2] == 't';

string Begin(Stream wire, int rounds, Action<IMoveSource>? then = null)
{
    IMoveSource source = container!.BeginMove(wire, new MoveSettings(TimeSpan.FromSeconds(10)));
    open.Add(source);
    for (int i = 0; i < rounds; i++) source.Round(CancellationToken.None);
    then?.Invoke(source);
    return "done";
}

string Receive(string path)
{
    IMoveTarget target = engine.BeginReceive(File.OpenRead(path), config);
    open.Add(target);
    target.Receive(CancellationToken.None);
    return "done";
}
