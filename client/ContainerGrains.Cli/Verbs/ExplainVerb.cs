using System.CommandLine;
using System.Text.Json;

namespace ContainerGrains.Cli.Verbs;

internal sealed class ExplainVerb : Verb
{
    private readonly Argument<string?> _topic;

    public ExplainVerb() : base("explain", "[ERRORCODE|TOPIC]", "Explain an error code or a word, and say what to do; without one, list them.", "cg explain NameTaken", "cg explain pidspace") =>
        _topic = AddArgument(new Argument<string?>("TOPIC") { Description = "An error code as errors print it, or a topic.", Arity = ArgumentArity.ZeroOrOne });

    public override int Run(ParseResult parsed, Cg cg)
    {
        string? topic = parsed.GetValue(_topic);
        IReadOnlyList<ExplainResult> found = topic is null
            ? Explanations.All
            : [.. Explanations.All.Where(e => e.Topic.Equals(topic, StringComparison.OrdinalIgnoreCase))];
        if (found.Count == 0)
            throw CgException.Usage($"There is nothing to explain under '{topic}'; 'cg explain' lists what there is.");
        if (cg.Json)
            cg.Out.Line(JsonSerializer.Serialize(found, CliJson.Relaxed.IReadOnlyListExplainResult));
        else if (topic is null)
            cg.Out.Write(string.Concat(found.Select(e => $"{e.Topic,-22}{FirstSentence(e.Text)}\n")));
        else
            cg.Out.Write($"{found[0].Topic}\n\n{Wrap(found[0].Text)}\n{(found[0].Remedy.Length > 0 ? $"\n{Wrap($"What to do: {found[0].Remedy}")}\n" : "")}");
        return 0;
    }

    private static string FirstSentence(string text) => text.IndexOf(". ", StringComparison.Ordinal) is >= 0 and int end ? text[..(end + 1)] : text;

    private static string Wrap(string text)
    {
        const int Width = 90;
        var lines = new List<string> { "" };
        foreach (string word in text.Split(' '))
        {
            if (lines[^1].Length + word.Length + 1 > Width)
                lines.Add("");
            lines[^1] += lines[^1].Length == 0 ? word : " " + word;
        }
        return string.Join('\n', lines);
    }
}
