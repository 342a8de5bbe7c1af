using System.CommandLine;

namespace ContainerGrains.Cli.Parsing;

/// <summary>Options end at the command, as in podman: what follows the first word of it is the program's, not ours.</summary>
internal static class CommandTail
{
    /// <summary>Puts "--" before the command, which begins after <paramref name="before"/> other words.</summary>
    public static string[] Mark(string[] args, IList<Option> options, int before)
    {
        int words = 0;
        for (int i = 0; i < args.Length; i++)
        {
            string arg = args[i];
            if (arg == "--")
                return args;
            if (arg.Length > 1 && arg[0] == '-')
            {
                if (TakesNext(arg, options))
                    i++;
            }
            else if (++words > before)
            {
                return [.. args[..i], "--", .. args[i..]];
            }
        }
        return args;
    }

    /// <summary>The first word that looks like an option and is none; null when there is none. (The parser would take it for an argument.)</summary>
    public static string? FindUnknown(string[] args, IList<Option> options)
    {
        for (int i = 0; i < args.Length && args[i] != "--"; i++)
        {
            string arg = args[i];
            if (arg.Length < 2 || arg[0] != '-')
                continue;
            if (!IsKnown(arg, options))
                return arg;
            if (TakesNext(arg, options))
                i++;
        }
        return null;
    }

    private static bool IsKnown(string arg, IList<Option> options)
    {
        if (arg.StartsWith("--", StringComparison.Ordinal))
            return Find(arg.Split('=', 2)[0], options) is not null;
        for (int i = 1; i < arg.Length; i++)
        {
            Option? option = Find($"-{arg[i]}", options);
            if (option is null)
                return false;
            if (HasValue(option))
                return true;
        }
        return true;
    }

    private static bool TakesNext(string arg, IList<Option> options)
    {
        if (arg.StartsWith("--", StringComparison.Ordinal))
            return !arg.Contains('=') && HasValue(Find(arg, options));
        // A bundle: -dw DIR. The first letter that takes a value takes the rest of the word, or the next one.
        for (int i = 1; i < arg.Length; i++)
        {
            if (HasValue(Find($"-{arg[i]}", options)))
                return i == arg.Length - 1;
        }
        return false;
    }

    private static bool HasValue(Option? option) => option is { Arity.MaximumNumberOfValues: > 0 };

    private static Option? Find(string name, IList<Option> options) => options.FirstOrDefault(o => o.Name == name || o.Aliases.Contains(name));
}
