using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A POSIX timer as /proc/PID/timers tells of it (proc_pid_timers(5)).</summary>
/// <param name="Notify">SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD 2, or'ed with SIGEV_THREAD_ID 4.</param>
/// <param name="RealTid">Real tid of the thread that gets the signal; of the process when it goes to any.</param>
internal sealed record ProcTimer(int Id, int Signal, ulong Value, int Notify, int RealTid, int Clock)
{
    public const int SIGEV_NONE = 1, SIGEV_THREAD = 2, SIGEV_THREAD_ID = 4;

    public static IReadOnlyList<ProcTimer> Of(TaskDump task, DumpContext context) =>
        context.Once<IReadOnlyList<ProcTimer>>((typeof(ProcTimer), task), () => [.. Parse(Files.ReadText($"/proc/{task.Pid}/timers")).OrderBy(t => t.Id)]);

    internal static List<ProcTimer> Parse(string text)
    {
        var timers = new List<ProcTimer>();
        int id = 0, signal = 0, notify = 0, tid = 0;
        ulong value = 0;
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = line.IndexOf(':');
            string rest = line[(colon + 1)..].Trim();
            switch (line[..colon])
            {
                case "ID":
                    id = int.Parse(rest, CultureInfo.InvariantCulture);
                    break;
                case "signal": // "60/00007fff86e452a8"
                    int slash = rest.IndexOf('/');
                    signal = int.Parse(rest[..slash], CultureInfo.InvariantCulture);
                    value = ulong.Parse(rest[(slash + 1)..].Replace("0x", ""), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                    break;
                case "notify": // "signal/pid.2634"
                    int split = rest.IndexOf('/'), dot = rest.LastIndexOf('.');
                    notify = rest[..split] switch { "none" => SIGEV_NONE, "thread" => SIGEV_THREAD, _ => 0 } | (rest[(split + 1)..dot] == "tid" ? SIGEV_THREAD_ID : 0);
                    tid = int.Parse(rest[(dot + 1)..], CultureInfo.InvariantCulture);
                    break;
                case "ClockID":
                    timers.Add(new ProcTimer(id, signal, value, notify, tid, int.Parse(rest, CultureInfo.InvariantCulture)));
                    break;
            }
        }
        return timers;
    }
}
