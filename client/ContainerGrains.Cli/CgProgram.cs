using System.CommandLine;
using ContainerGrains.Api;
using ContainerGrains.Cli.Http;
using ContainerGrains.Cli.Parsing;
using ContainerGrains.Cli.Verbs;

namespace ContainerGrains.Cli;

/// <summary>One run of cg: finds the verb, parses its options, runs it, and says what went wrong.</summary>
internal static class CgProgram
{
    public const int ErrorExit = 125;
    public const int ProgramNotExecutableExit = 126;
    public const int ProgramNotFoundExit = 127;

    private const int BrokenPipeExit = 128 + 13;

    public static int Run(string[] args, Surroundings surroundings)
    {
        var cg = new Cg(surroundings);
        try
        {
            return Dispatch(args, cg);
        }
        catch (CgException e)
        {
            return Fail(cg, e);
        }
        catch (ConnectionLostException e)
        {
            return Fail(cg, new CgException(ApiErrorCode.HostUnreachable, e.Message));
        }
        catch (BrokenPipeException)
        {
            return BrokenPipeExit;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(cg, new CgException(ApiErrorCode.Internal, e.Message));
        }
    }

    private static int Dispatch(string[] args, Cg cg)
    {
        cg.Json = args.TakeWhile(a => a != "--").Contains("--json");
        int at = GlobalOptions.VerbIndex(args);
        if (at < 0)
            return WithoutVerb(args, cg);
        if (args[at] == "help")
            return WriteHelp(args[(at + 1)..], cg);
        Verb verb = FindVerb(args[at]);
        if (verb.AsksForHelp(args[(at + 1)..]))
        {
            Help.Write(verb, cg.Out);
            return 0;
        }
        ParseResult parsed = verb.Parse(args, at);
        if (parsed.Errors.Count > 0)
            throw CgException.Usage($"{parsed.Errors[0].Message.TrimEnd('.')}; 'cg {verb.Name} --help' shows how it is used.");
        cg.Json = parsed.GetValue(verb.Globals.Json);
        cg.SocketOption = parsed.GetValue(verb.Globals.Socket);
        return verb.Run(parsed, cg);
    }

    private static Verb FindVerb(string name) => VerbList.Find(name) ?? throw CgException.Usage($"There is no verb '{name}'; 'cg --help' lists them.");

    /// <summary>cg help [VERB], for whose fingers know it from other programs.</summary>
    private static int WriteHelp(string[] args, Cg cg)
    {
        if (args.FirstOrDefault(a => !a.StartsWith('-')) is { } verb)
            Help.Write(FindVerb(verb), cg.Out);
        else
            Help.WriteOverview(cg.Out);
        return 0;
    }

    private static int WithoutVerb(string[] args, Cg cg)
    {
        if (args.Contains("--version"))
        {
            cg.Out.Line($"cg {VersionVerb.ClientVersion}");
            return 0;
        }
        if (args.FirstOrDefault(a => a.StartsWith('-') && a is not ("--help" or "-h" or "--json" or "--socket") && !a.StartsWith("--socket=", StringComparison.Ordinal)) is { } unknown)
            throw CgException.Usage($"There is no option '{unknown}'; 'cg --help' lists what there is.");
        Help.WriteOverview(cg.Out);
        return args.Contains("--help") || args.Contains("-h") ? 0 : ErrorExit;
    }

    private static int Fail(Cg cg, CgException e)
    {
        try
        {
            cg.Error(e);
        }
        catch (BrokenPipeException)
        {
            // Nobody reads it; the exit code still says it.
        }
        return e.ExitCode;
    }
}
