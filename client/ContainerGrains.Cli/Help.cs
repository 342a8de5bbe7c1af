using System.CommandLine;
using System.Text;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Verbs;

namespace ContainerGrains.Cli;

/// <summary>Help: an overview on one screen, and a page for each verb.</summary>
internal static class Help
{
    public static void WriteOverview(Printer output)
    {
        var text = new StringBuilder("""
            cg - Linux containers that move between hosts while they run

            Usage: cg VERB [OPTIONS] ...

            """);
        foreach ((string heading, IReadOnlyList<(string Name, Func<Verb> Make)> verbs) in VerbList.Groups)
        {
            text.Append('\n').Append(heading).Append(":\n");
            foreach ((string name, Func<Verb> make) in verbs)
                text.Append("  ").Append(name.PadRight(12)).Append(make().Summary).Append('\n');
        }
        text.Append("""

            Every verb takes --json and --socket PATH; 'cg VERB --help' shows its options and examples.
            Exit codes: 125 an error of cg or the engine, 126 the program is not executable, 127 there is no such
            program, 128+n it died of signal n; run and exec end with the program's own code.
            Environment: CG_SOCKET (a silo's socket), CG_HOST (a host of this machine by name), TRACEPARENT.

            """);
        output.Write(text.ToString());
    }

    public static void Write(Verb verb, Printer output)
    {
        var text = new StringBuilder();
        text.Append("cg ").Append(verb.Name).Append(" - ").Append(verb.Summary).Append("\n\nUsage: cg ").Append(verb.Name).Append(' ').Append(verb.Usage).Append('\n');
        if (verb.Command.Arguments.Any(a => a.Description is not null))
        {
            text.Append("\nArguments:\n");
            foreach (Argument argument in verb.Command.Arguments)
                AppendEntry(text, argument.Name, argument.Description);
        }
        text.Append("\nOptions:\n");
        foreach (Option option in verb.Command.Options)
            AppendEntry(text, Label(option), option.Description);
        if (verb.Examples.Count > 0)
        {
            text.Append("\nExamples:\n");
            foreach (string example in verb.Examples)
                text.Append("  ").Append(example).Append('\n');
        }
        output.Write(text.ToString());
    }

    private static string Label(Option option)
    {
        string names = string.Join(", ", option.Aliases.Where(a => a != option.Name).Append(option.Name));
        return option.HelpName is { } value ? $"{names} {value}" : names;
    }

    private static void AppendEntry(StringBuilder text, string label, string? description)
    {
        const int Width = 34;
        text.Append("  ").Append(label.PadRight(Width));
        if (label.Length >= Width)
            text.Append('\n').Append(' ', Width + 2);
        text.Append(description).Append('\n');
    }
}
