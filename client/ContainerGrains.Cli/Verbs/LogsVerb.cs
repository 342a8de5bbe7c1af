using System.CommandLine;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class LogsVerb : Verb
{
    private readonly Argument<string> _name;
    private readonly Option<bool> _follow;
    private readonly Option<int?> _tail;

    public LogsVerb() : base("logs", "[OPTIONS] NAME", "Print what a container has written; -f goes on across moves.", "cg logs web", "cg logs -f --tail 20 web")
    {
        _name = AddArgument(Options.Name());
        _follow = Add(Options.Flag("Go on until it has exited.", "--follow", "-f"));
        _tail = Add(Options.Value<int?>("LINES", "Begin with the last lines of each of the two outputs.", "--tail", "-n"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string path = $"/containers/{Escape(parsed.GetValue(_name)!)}/logs?follow={(parsed.GetValue(_follow) ? "true" : "false")}";
        if (cg.Json)
        {
            // The stream as it is: lines of base64 and cursors.
            foreach (string line in RawLines(cg, parsed.GetValue(_tail) is { } n ? $"{path}&tail={n}" : path))
                cg.Out.Line(line);
            return 0;
        }
        int? tail = parsed.GetValue(_tail);
        _ = ContainerOutput.Copy(cg, cursor =>
        {
            // Only the first time: a stream that goes on begins where it was.
            string query = tail is { } lines && cursor is { Stdout: 0, Stderr: 0 } ? $"&tail={lines}" : $"&stdout={cursor.Stdout}&stderr={cursor.Stderr}";
            return path + query;
        });
        return 0;
    }

    private static IEnumerable<string> RawLines(Cg cg, string path)
    {
        foreach (Api.ApiOutput output in cg.Api.Lines("GET", path, null, Api.ApiJson.Default.ApiOutput))
        {
            if (output.Error is { } error)
                throw CgException.Of(error);
            yield return System.Text.Json.JsonSerializer.Serialize(output, Api.ApiJson.Relaxed.ApiOutput);
        }
    }
}
