using System.Globalization;

namespace ContainerGrains.Linux;

/// <summary>/proc/PID/stat (proc_pid_stat(5)); field numbers as in the man page, from 1.</summary>
public sealed class ProcStat
{
    private readonly string[] _fields;

    private ProcStat(string comm, string[] fields)
    {
        Comm = comm;
        _fields = fields;
    }

    public static ProcStat Parse(string text)
    {
        // The name may hold spaces and parentheses: it ends at the last ')'.
        int open = text.IndexOf('('), close = text.LastIndexOf(')');
        return new ProcStat(text[(open + 1)..close], text[(close + 2)..].TrimEnd('\n').Split(' '));
    }

    public static ProcStat Read(int pid) => Parse(Files.ReadText($"/proc/{pid}/stat"));
    public static ProcStat Read(int pid, int tid) => Parse(Files.ReadText($"/proc/{pid}/task/{tid}/stat"));

    public string Comm { get; }
    public char State => _fields[0][0];
    public int ParentPid => (int)Field(4);
    public int ProcessGroup => (int)Field(5);
    public int Session => (int)Field(6);
    /// <summary>Clock ticks (100 Hz) in user and system mode.</summary>
    public long UserTicks => Field(14);
    public long SystemTicks => Field(15);
    public int Nice => (int)Field(19);
    public int Threads => (int)Field(20);
    /// <summary>Clock ticks after boot at which it started.</summary>
    public long StartTicks => Field(22);
    public long ResidentPages => Field(24);
    public ulong StartCode => (ulong)Field(26);
    public ulong EndCode => (ulong)Field(27);
    public ulong StartStack => (ulong)Field(28);
    public ulong StartData => (ulong)Field(45);
    public ulong EndData => (ulong)Field(46);
    public ulong StartBrk => (ulong)Field(47);
    public ulong ArgStart => (ulong)Field(48);
    public ulong ArgEnd => (ulong)Field(49);
    public ulong EnvStart => (ulong)Field(50);
    public ulong EnvEnd => (ulong)Field(51);
    public int ExitCode => (int)Field(52);

    public long Field(int number)
    {
        string text = _fields[number - 3];
        return long.TryParse(text, CultureInfo.InvariantCulture, out long value) ? value : (long)ulong.Parse(text, CultureInfo.InvariantCulture);
    }
}
