namespace ContainerGrains.Grains;

/// <summary>Decides undecided moves by compare-and-swap on the record.</summary>
public sealed class MoveArbiter(RecordStore records) : IMoveArbiter
{
    // Every conflict means that somebody else made progress; the limit only guards against a defect.
    private const int MaxAttempts = 50;

    public async Task<MoveVerdict> ReadAsync(MoveIdentity move, CancellationToken cancellationToken) =>
        move.Judge((await records.ReadAsync(move.Name, cancellationToken)).Record);

    public Task<MoveVerdict> ReclaimAsync(MoveIdentity move, ContainerErrorCode code, string reason, CancellationToken cancellationToken) =>
        DecideAsync(move, record => (record with { Home = move.Source, Generation = move.NewGeneration })
            .WithoutMove(Failed(move, record.Generation, code, reason)), cancellationToken);

    public Task<MoveVerdict> ClaimAsync(MoveIdentity move, RunningState running, CancellationToken cancellationToken) =>
        DecideAsync(move, record => record with
        {
            Home = move.Target,
            Generation = move.NewGeneration,
            Phase = ContainerPhase.Running,
            Move = null,
            Running = running,
        }, cancellationToken);

    internal static MigrationReport Failed(MoveIdentity move, long generation, ContainerErrorCode code, string reason) => new()
    {
        Name = move.Name,
        MigrationId = move.MigrationId,
        From = move.Source,
        To = move.Target,
        Generation = generation,
        Error = reason,
        ErrorCode = code,
    };

    private async Task<MoveVerdict> DecideAsync(
        MoveIdentity move, Func<ContainerRecord, ContainerRecord> decision, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            StoredRecord stored = await records.ReadAsync(move.Name, cancellationToken);
            MoveVerdict verdict = move.Judge(stored.Record);
            if (verdict != MoveVerdict.Undecided)
                return verdict;
            await records.TryWriteAsync(move.Name, stored, decision(stored.Record!), cancellationToken);
            // Written or not, the next round reads what holds: also when the store answered wrongly.
        }
        throw new ContainerException(ContainerErrorCode.Internal, $"The record of '{move.Name}' changed {MaxAttempts} times without a decision on move {move.MigrationId}.");
    }
}
