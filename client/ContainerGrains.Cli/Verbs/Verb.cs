using System.CommandLine;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

/// <summary>A verb of cg: its options, its help, and what it does.</summary>
internal abstract class Verb
{
    protected Verb(string name, string usage, string summary, params string[] examples)
    {
        (Name, Usage, Summary, Examples) = (name, usage, summary, examples);
        Command = new Command(name, summary);
        Globals.AddTo(Command);
    }

    public string Name { get; }
    /// <summary>What follows the name: "[OPTIONS] NAME".</summary>
    public string Usage { get; }
    /// <summary>One sentence.</summary>
    public string Summary { get; }
    public IReadOnlyList<string> Examples { get; }
    public GlobalOptions Globals { get; } = new();
    public Command Command { get; }

    /// <summary>How many words stand before a program's command line; null: the verb takes none.</summary>
    protected virtual int? WordsBeforeCommand => null;

    public abstract int Run(ParseResult parsed, Cg cg);

    /// <summary>Parses all of cg's arguments; the verb stands at <paramref name="verbIndex"/>.</summary>
    /// <exception cref="CgException">Usage: an option that the verb does not have.</exception>
    public ParseResult Parse(string[] args, int verbIndex)
    {
        string[] rest = [.. args[..verbIndex], .. Mark(args[(verbIndex + 1)..])];
        if (CommandTail.FindUnknown(rest, Command.Options) is { } unknown)
            throw CgException.Usage($"'{Name}' has no option '{unknown}'; 'cg {Name} --help' lists them.");
        return Command.Parse(rest, new ParserConfiguration { ResponseFileTokenReplacer = null });
    }

    /// <summary>Whether --help stands among the verb's own options, or -h, where that is not an option of the verb (run -h NAME).</summary>
    public bool AsksForHelp(string[] rest)
    {
        string[] own = [.. Mark(rest).TakeWhile(a => a != "--")];
        return own.Contains("--help") || (own.Contains("-h") && !Command.Options.Any(o => o.Aliases.Contains("-h")));
    }

    protected T Add<T>(T option) where T : Option
    {
        Command.Options.Add(option);
        return option;
    }

    protected Argument<T> AddArgument<T>(Argument<T> argument)
    {
        Command.Arguments.Add(argument);
        return argument;
    }

    /// <summary>A name as a segment of a path.</summary>
    protected static string Escape(string name) => Uri.EscapeDataString(name);

    private string[] Mark(string[] args) => WordsBeforeCommand is { } before ? CommandTail.Mark(args, Command.Options, before) : args;
}
