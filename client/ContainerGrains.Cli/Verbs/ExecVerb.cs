using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class ExecVerb : Verb
{
    private const int MaxInputBytes = 1 << 20;

    private readonly Argument<string> _name;
    private readonly Argument<string[]> _command;
    private readonly Option<bool> _detach;
    private readonly Option<bool> _interactive;
    private readonly Option<bool> _terminal;
    private readonly Option<string[]> _env;
    private readonly Option<string?> _workdir;
    private readonly Option<string?> _user;

    public ExecVerb() : base("exec", "[OPTIONS] NAME [--] COMMAND [ARG...]", "Run a further program in a running container.",
        "cg exec web -- redis-cli INFO", "echo 'SET a 1' | cg exec -i web redis-cli", "cg exec -d web sleep 60")
    {
        _name = AddArgument(Options.Name());
        _command = AddArgument(Options.Command());
        _detach = Add(Options.Flag("Print the exec's id and leave it running.", "--detach", "-d"));
        _interactive = Add(Options.Flag("Give it cg's standard input, 1 MiB at most.", "--interactive", "-i"));
        _terminal = Add(Options.Flag("A terminal; not carried by moves yet, and refused.", "--tty", "-t"));
        _env = Add(Options.List("KEY=VALUE", "An environment variable; KEY alone takes cg's own.", "--env", "-e"));
        _workdir = Add(Options.Value<string?>("DIR", "The working directory; default the container's.", "--workdir", "-w"));
        _user = Add(Options.Value<string?>("USER[:GROUP]", "The user; default the container's.", "--user", "-u"));
    }

    protected override int? WordsBeforeCommand => 1;

    public override int Run(ParseResult parsed, Cg cg)
    {
        if (parsed.GetValue(_terminal))
            throw CgException.Usage("There are no terminals for execs yet (-t); leave it out, and use -i for input.");
        string[] command = parsed.GetValue(_command) ?? [];
        if (command.Length == 0)
            throw CgException.Usage("There is no program to run: name one after the container, as in 'cg exec web -- ls'.");
        string path = $"/containers/{Escape(parsed.GetValue(_name)!)}/exec";
        byte[] json = cg.Api.Call("POST", path, new ApiExecRequest
        {
            Args = command,
            Env = [.. (parsed.GetValue(_env) ?? []).Select(e => SpecOptions.Variable(e, cg.Surroundings)).OfType<string>()],
            WorkingDirectory = parsed.GetValue(_workdir),
            User = parsed.GetValue(_user),
            StandardInput = parsed.GetValue(_interactive) ? ReadInput(cg.Surroundings.In) : [],
        }, ApiJson.Default.ApiExecRequest);
        ApiExecStarted started = JsonSerializer.Deserialize(json, ApiJson.Default.ApiExecStarted)!;
        if (parsed.GetValue(_detach))
        {
            CreateVerb.Print(cg, started.ExecId, json);
            return 0;
        }
        ApiOutput last = ContainerOutput.Copy(cg, cursor => $"{path}/{Escape(started.ExecId)}?stdout={cursor.Stdout}&stderr={cursor.Stderr}");
        return last.Exit?.ShellCode ?? CgProgram.ErrorExit;
    }

    private static byte[] ReadInput(Stream input)
    {
        byte[] buffer = new byte[MaxInputBytes + 1];
        int read = input.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return read <= MaxInputBytes
            ? buffer[..read]
            : throw CgException.Usage("The standard input of an exec may have 1 MiB at most; put more into a file of a volume (-v) and read it there.");
    }
}
