using System.Text;

namespace ContainerGrains.Client;

/// <summary>An exec that has ended, with all its output.</summary>
public sealed record ExecResult(ExitStatus Exit, byte[] Stdout, byte[] Stderr)
{
    public string StdoutText => Encoding.UTF8.GetString(Stdout);
    public string StderrText => Encoding.UTF8.GetString(Stderr);
}
