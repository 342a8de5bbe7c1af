using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// CPUs that a thread may run on: sched_setaffinity(2). A thread that had all of its host's has all of the next one's; of a choice
/// remains what the host has.
/// </summary>
public sealed class Affinity : ThreadResource<Affinity.Record>
{
    /// <param name="Cpus">Numbers; null stands for all.</param>
    public sealed record Record(IReadOnlyList<int>? Cpus);

    private const int MostCpus = 8192;

    public override string Kind => "affinity";
    public override RestoreStage Stage => RestoreStage.Threads;

    public override Record Dump(ThreadDump thread, DumpContext context)
    {
        byte[] mask = Scheduling.GetAffinity(thread.Tid);
        byte[] host = context.Once(typeof(Affinity), HostCpus);
        return Covers(mask, host) ? new Record(Cpus: null) : new Record([.. Numbers(mask)]);
    }

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context)
    {
        byte[] host = context.Once(typeof(Affinity), HostCpus);
        byte[] mask = record.Cpus is null ? AllCpus() : Mask(record.Cpus, thread.VirtualTid);
        if (!Numbers(mask).Intersect(Numbers(host)).Any())
        {
            context.Warnings.Add($"thread {thread.VirtualTid}: may run on all CPUs; of its own choice ({string.Join(',', record.Cpus!)}) this host has none");
            mask = AllCpus();
        }
        Scheduling.SetAffinity(thread.Agent.Tid, mask);
    }

    /// <summary>CPUs of this host that are online, as a mask.</summary>
    private static byte[] HostCpus() => Mask(ParseList(Files.ReadText("/sys/devices/system/cpu/online")), 0);

    /// <summary>Parses a kernel CPU list, "0-3,8".</summary>
    internal static List<int> ParseList(string text)
    {
        var cpus = new List<int>();
        foreach (string part in text.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            int first = int.Parse(ends[0], System.Globalization.CultureInfo.InvariantCulture), last = int.Parse(ends[^1], System.Globalization.CultureInfo.InvariantCulture);
            for (int cpu = first; cpu <= last; cpu++) cpus.Add(cpu);
        }
        return cpus;
    }

    // The kernel takes of it what exists and the cpuset allows.
    private static byte[] AllCpus()
    {
        byte[] mask = new byte[MostCpus / 8];
        mask.AsSpan().Fill(0xff);
        return mask;
    }

    private static byte[] Mask(IReadOnlyList<int> cpus, int virtualTid)
    {
        byte[] mask = new byte[MostCpus / 8];
        foreach (int cpu in cpus)
        {
            if (cpu is < 0 or >= MostCpus) throw new EngineException(EngineError.BadImage, $"restore: thread {virtualTid}, affinity", $"there is no CPU {cpu}; the image is damaged");
            mask[cpu / 8] |= (byte)(1 << (cpu % 8));
        }
        return mask;
    }

    private static bool Covers(byte[] mask, byte[] host) => Numbers(host).All(cpu => cpu / 8 < mask.Length && (mask[cpu / 8] >> (cpu % 8) & 1) != 0);

    private static IEnumerable<int> Numbers(byte[] mask)
    {
        for (int cpu = 0; cpu < mask.Length * 8; cpu++)
            if ((mask[cpu / 8] >> (cpu % 8) & 1) != 0) yield return cpu;
    }
}
