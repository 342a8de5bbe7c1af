using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

/// <summary>A verb that does the same to several containers: one that fails does not keep the others from it.</summary>
internal abstract class ManyVerb : Verb
{
    private readonly Argument<string[]> _names;

    protected ManyVerb(string name, string usage, string summary, params string[] examples) : base(name, usage, summary, examples) =>
        _names = AddArgument(Options.Names());

    /// <returns>Null when there was nothing to do.</returns>
    protected abstract NameResult? Do(string name, ParseResult parsed, Cg cg);

    /// <summary>The line for people.</summary>
    protected virtual string Line(NameResult result) => result.Name;

    public sealed override int Run(ParseResult parsed, Cg cg)
    {
        var results = new List<NameResult>();
        int exit = 0;
        foreach (string name in parsed.GetValue(_names)!)
        {
            try
            {
                if (Do(name, parsed, cg) is not { } result)
                    continue;
                results.Add(result);
                if (!cg.Json)
                    cg.Out.Line(Line(result));
            }
            catch (CgException e)
            {
                cg.Error(e);
                exit = e.ExitCode;
            }
        }
        if (cg.Json)
            cg.Out.Line(JsonSerializer.Serialize(results, CliJson.Relaxed.IReadOnlyListNameResult));
        return exit;
    }
}
