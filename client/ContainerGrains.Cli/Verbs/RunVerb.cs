using System.CommandLine;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class RunVerb : Verb
{
    private static readonly int[] Forwarded = [Signals.SIGHUP, Signals.SIGINT, Signals.SIGQUIT, Signals.SIGUSR1, Signals.SIGUSR2, Signals.SIGTERM];

    private readonly SpecOptions _spec = new();
    private readonly Option<bool> _detach;
    private readonly Option<bool> _remove;

    public RunVerb() : base("run", "[OPTIONS] [--] COMMAND [ARG...]", "Create and start a container; its output, signals and exit code are cg's.",
        "cg run -d --name web -- redis-server --port 6379",
        "cg run --rm --rootfs /srv/alpine -- sh -c 'exit 3'",
        "cg run -d --name db --host host-a --env K=V --workdir /srv --user 1000 --memory 512m --cpus 1 -v /data:/srv:ro -- ./serve")
    {
        _detach = Add(Options.Flag("Print the name and leave it running.", "--detach", "-d"));
        _remove = Add(Options.Flag("Remove it when it has exited.", "--rm"));
        _spec.AddTo(Command);
    }

    protected override int? WordsBeforeCommand => 0;

    public override int Run(ParseResult parsed, Cg cg)
    {
        bool detach = parsed.GetValue(_detach);
        bool remove = parsed.GetValue(_remove);
        // In the foreground cg removes it, when it has read the last of the output.
        ApiCreateRequest request = _spec.Read(parsed, cg.Surroundings, start: true, removeOnExit: remove && detach);
        if (!detach)
            return RunInForeground(request, remove, cg);
        CreateVerb.Print(cg, request.Name, cg.Api.Call("POST", "/containers", request, ApiJson.Default.ApiCreateRequest));
        return 0;
    }

    private static int RunInForeground(ApiCreateRequest request, bool remove, Cg cg)
    {
        string path = $"/containers/{Escape(request.Name)}";
        IDisposable[] signals = [.. Forwarded.Select(s => cg.Surroundings.OnSignal(s, signal => Forward(cg, path, signal)))];
        try
        {
            _ = cg.Api.Call("POST", "/containers", request, ApiJson.Default.ApiCreateRequest);
            _ = ContainerOutput.Copy(cg, cursor => $"{path}/logs?follow=true&stdout={cursor.Stdout}&stderr={cursor.Stderr}");
            ApiExit exit = ContainerOutput.WaitForExit(cg, request.Name);
            if (remove)
                _ = cg.Api.Call("DELETE", $"{path}?force=true");
            return exit.ShellCode;
        }
        finally
        {
            foreach (IDisposable signal in signals)
                signal.Dispose();
        }
    }

    private static void Forward(Cg cg, string path, int signal)
    {
        try
        {
            _ = cg.Api.Call("POST", $"{path}/kill?signal={signal}");
        }
        catch (CgException e)
        {
            // It has not started yet, or has exited: the signal has nobody to go to.
            if (e.Code is not (ApiErrorCode.NotFound or ApiErrorCode.WrongPhase or ApiErrorCode.NoSuchProcess))
                cg.Error(e);
        }
    }
}
