namespace ContainerGrains.Grains.Tests;

internal static class Wait
{
    /// <summary>Asks again until there is an answer; fails after a minute.</summary>
    public static async Task<T> ForAsync<T>(Func<Task<T?>> ask) where T : class
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(1); DateTime.UtcNow < end; await Task.Delay(10))
        {
            if (await ask() is { } answer)
                return answer;
        }
        throw new TimeoutException("It did not come within a minute.");
    }

    public static Task UntilAsync(Func<Task<bool>> condition) => ForAsync(async () => await condition() ? "" : null);

    public static async Task<MigrationReport> ReportAsync(this IContainerGrain container, MigrationStarted move) =>
        await ForAsync(() => container.GetMigrationAsync(move.MigrationId, CancellationToken.None));

    public static async Task<MigrationReport> MoveAsync(this IContainerGrain container, string host) =>
        await container.ReportAsync(await container.MigrateAsync(host, new MigrateOptions(), CancellationToken.None));
}
