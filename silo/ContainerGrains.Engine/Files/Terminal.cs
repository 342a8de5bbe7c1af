using System.Text.Json.Nodes;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A terminal: /dev/pts, /dev/tty, /dev/console, a serial line. Not carried; it is named so that the user sees why.</summary>
public sealed class Terminal : FileResource<JsonObject>
{
    private const int TtyDevices = 4, TtyAlternates = 5, FirstPtyMaster = 128, LastPtySlave = 143;

    public override string Kind => "terminal";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFCHR && file.Stat.RdevMajor is TtyDevices or TtyAlternates or (>= FirstPtyMaster and <= LastPtySlave);

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => ("terminals are not carried yet", "run the program without a terminal, its output goes to the log");

    public override JsonObject Dump(OpenFile file, DumpContext context) => throw new EngineException(EngineError.NotCarried, file.Stage(), "terminals are not carried yet; run the program without one");

    public override FileDescriptor Restore(JsonObject record, FileRecord file, RestoreContext context) => throw new EngineException(EngineError.BadImage, file.Stage(), "an image cannot hold a terminal");
}
