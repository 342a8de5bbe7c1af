namespace ContainerGrains.Engine;

/// <summary>
/// In the freeze, what /proc/PID/maps does not show of mappings (advice, locks, keys: madvise(2), mlock(2), pkeys(7)) is believed to be as the last
/// round saw it. Whether it is so, smaps tells, which looks at every page; so it is asked when the target has something to do, and of
/// large processes not at all.
/// </summary>
internal static class AdviceCheck
{
    /// <summary>Above this, reading smaps (15 ms/GiB) would take longer than what it stands beside.</summary>
    public const long MostResidentBytes = 32 << 20;

    /// <exception cref="EngineException">Busy: a program has given other advice between the last round and the freeze.</exception>
    public static void Verify(TaskDump task, AddressSpaceRecord believed)
    {
        using var objects = new MemoryObjects();
        IReadOnlyList<MappingRecord> real = new AddressSpaceReader(objects, running: false).Read(task.Pid, (_, _, _) => { }).Mappings;
        // Beside them is the stub.
        int next = 0;
        foreach (MappingRecord mapping in believed.Mappings)
        {
            while (next < real.Count && real[next].Start < mapping.Start) next++;
            if (next < real.Count && (real[next].Start, real[next].End, real[next].Flags, real[next].Key) == (mapping.Start, mapping.End, mapping.Flags, mapping.Key)) continue;
            throw new EngineException(EngineError.Busy, $"dump: {task.Title}", "it has changed the advice for its memory (madvise, mlock) in the moment of the freeze; try again");
        }
    }
}
