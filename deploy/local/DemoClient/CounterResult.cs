namespace ContainerGrains.DemoClient;

/// <param name="Replies">INCRs that were answered.</param>
/// <param name="Lost">INCRs without an answer.</param>
/// <param name="Reconnects">Connections after the first one.</param>
/// <param name="Wrong">Answers that were not the previous one plus 1.</param>
internal sealed record CounterResult(long Replies, long Lost, long Reconnects, long Wrong);
