using System.CommandLine;
using System.Globalization;

namespace ContainerGrains.Cli.Verbs;

internal sealed class WaitVerb() : ManyVerb("wait", "NAME...", "Wait until containers have exited, and print their exit codes.", "cg wait web")
{
    protected override NameResult Do(string name, ParseResult parsed, Cg cg) => new(name, ContainerOutput.WaitForExit(cg, name).ShellCode);

    protected override string Line(NameResult result) => result.ExitCode!.Value.ToString(CultureInfo.InvariantCulture);
}
