using System.CommandLine;

namespace ContainerGrains.Cli.Parsing;

/// <summary>Makes options that behave as podman's.</summary>
internal static class Options
{
    /// <summary>A switch; it never takes the next word as its value (cg run -d true runs true).</summary>
    public static Option<bool> Flag(string description, string name, params string[] aliases) =>
        new(name, aliases) { Description = description, Arity = ArgumentArity.Zero };

    public static Option<T> Value<T>(string valueName, string description, string name, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.ExactlyOne };

    /// <summary>May be given several times, one value each.</summary>
    public static Option<string[]> List(string valueName, string description, string name, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    public static Argument<string> Name(string description = "The container.") => new("NAME") { Description = description };

    public static Argument<string> Host() => new("HOST") { Description = "The host; 'cg hosts' lists them." };

    public static Argument<string[]> Names() => new("NAME") { Description = "One or several containers.", Arity = ArgumentArity.OneOrMore };

    public static Argument<string[]> Command() => new("COMMAND") { Description = "Program and arguments; '--' before it is optional.", Arity = ArgumentArity.ZeroOrMore };
}
