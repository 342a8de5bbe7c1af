namespace ContainerGrains.Benchmarks.Harness;

/// <summary>
/// Takes turns: every contender once a round, each round begun by another one, so that whatever else happens on the machine
/// happens to all of them. This and not BenchmarkDotNet: the things measured are system operations of milliseconds with set-up
/// and clean-up around each one (processes, mounts, namespaces), which that tool would repeat in batches, one contender after
/// the other, in processes of its own.
/// </summary>
internal static class Interleaving
{
    public static void Run(IReadOnlyList<Contender> contenders, int rounds, int warmUpRounds, CancellationToken cancellationToken)
    {
        for (int round = 0; round < warmUpRounds + rounds; round++)
        {
            for (int i = 0; i < contenders.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Contender contender = contenders[(i + round) % contenders.Count];
                if (contender.IsMissing) continue;
                try
                {
                    double[] samples = contender.Sample();
                    if (round >= warmUpRounds) contender.Add(samples);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The others go on.
                    contender.Drop(e);
                }
            }
        }
    }
}
