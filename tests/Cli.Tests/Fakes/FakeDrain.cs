namespace ContainerGrains.Cli.Tests.Fakes;

/// <summary>A drain in memory: at each look one container more has moved to host-b, or stays where something is in its way.</summary>
public sealed class FakeDrain(FakeCluster cluster, string host) : IDrainGrain
{
    private readonly Lock _lock = new();

    public DrainReport Report { get; private set; } = new() { Host = host };

    /// <summary>When set, nothing gets further.</summary>
    public bool Hold { get; set; }

    public DrainOptions? Options { get; private set; }

    public async Task<DrainReport> StartAsync(DrainOptions options, CancellationToken cancellationToken)
    {
        await cluster.CordonAsync(host, cancellationToken);
        IReadOnlyList<ContainerStatus> all = await cluster.GetContainersAsync(cancellationToken);
        lock (_lock)
        {
            Options = options;
            DateTimeOffset now = DateTimeOffset.UtcNow;
            return Report = new DrainReport
            {
                Host = host, State = DrainState.Draining, StartedAt = now, Deadline = now + options.Deadline, Parallel = options.Parallel, TraceId = "0af7651916cd43dd8448eb211c80319c",
                Containers = [.. all.Where(c => c.Host == host).OrderBy(c => c.Name).Select(c => new DrainedContainer
                {
                    Name = c.Name, Step = c.Phase == ContainerPhase.Running ? DrainStep.Moving : DrainStep.NotRunning,
                })],
            };
        }
    }

    public async Task<DrainReport> GetAsync(CancellationToken cancellationToken)
    {
        if (Report.State != DrainState.Draining || Hold)
            return Report;
        DrainedContainer? next = Report.Containers.FirstOrDefault(c => c.Step == DrainStep.Moving);
        if (next is null)
            return Change(r => r with { State = r.Containers.Any(c => c.Step == DrainStep.Stays) ? DrainState.Incomplete : DrainState.Drained, EndedAt = DateTimeOffset.UtcNow });
        try
        {
            await cluster.Container(next.Name).MigrateAsync("host-b", new MigrateOptions(), cancellationToken);
            next = next with { Step = DrainStep.Moved, To = "host-b", MigrationId = "m1", FreezeMs = 12.5, TotalMs = 310, Attempts = 1 };
        }
        catch (ContainerException e)
        {
            next = next with { Step = DrainStep.Stays, Reason = e.Message, ErrorCode = e.Code, Attempts = 1 };
        }
        return Change(r => r with { Containers = [.. r.Containers.Select(c => c.Name == next.Name ? next : c)] });
    }

    public Task<DrainReport> CancelAsync(CancellationToken cancellationToken) =>
        Task.FromResult(Change(r => r.State == DrainState.Draining ? r with { Cancelled = true } : r));

    private DrainReport Change(Func<DrainReport, DrainReport> change)
    {
        lock (_lock)
            return Report = change(Report);
    }
}
