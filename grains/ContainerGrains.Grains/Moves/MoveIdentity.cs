namespace ContainerGrains.Grains;

/// <summary>What both sides of a move know of it.</summary>
public sealed record MoveIdentity(string MigrationId, string Name, string Source, string Target, long NewGeneration)
{
    /// <summary>What <paramref name="record"/> says of this move.</summary>
    public MoveVerdict Judge(ContainerRecord? record)
    {
        if (record is not { Exists: true })
            return MoveVerdict.Neither;
        if (record.Move?.MigrationId == MigrationId && record.Generation < NewGeneration)
            return MoveVerdict.Undecided;
        if (record.Home == Source)
            return MoveVerdict.Source;
        return record.Home == Target && record.Generation >= NewGeneration ? MoveVerdict.Target : MoveVerdict.Neither;
    }
}
