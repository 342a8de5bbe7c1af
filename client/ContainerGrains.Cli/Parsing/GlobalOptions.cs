using System.CommandLine;

namespace ContainerGrains.Cli.Parsing;

/// <summary>The options that every verb has.</summary>
internal sealed class GlobalOptions
{
    public Option<bool> Json { get; } = Options.Flag("Print JSON, errors too (on standard error).", "--json");
    public Option<string?> Socket { get; } = Options.Value<string?>("PATH", "The silo's socket; default CG_SOCKET, or the first that answers in /run/containergrains.", "--socket");

    public void AddTo(Command command)
    {
        command.Options.Add(Json);
        command.Options.Add(Socket);
    }

    /// <summary>Where the verb stands; global options may come before it. -1: nowhere.</summary>
    public static int VerbIndex(string[] args)
    {
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] == "--socket")
                i++;
            else if (!args[i].StartsWith('-'))
                return i;
        }
        return -1;
    }
}
