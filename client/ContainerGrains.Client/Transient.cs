using Orleans.Runtime;
using Orleans.Runtime.Messaging;

namespace ContainerGrains.Client;

/// <summary>Repeats calls that may be repeated, while the cluster gets over the loss of a silo (some seconds).</summary>
internal static class Transient
{
    private const int MaxAttempts = 40;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);

    /// <summary>For calls that change nothing, or the same thing twice.</summary>
    public static async Task<T> RetryAsync<T>(TimeProvider time, Func<Task<T>> call, CancellationToken cancellationToken)
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(20);
        for (int attempt = 1; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return await call();
            }
            catch (Exception e) when (attempt < MaxAttempts && !cancellationToken.IsCancellationRequested && IsTransient(e))
            {
                await Task.Delay(delay, time, cancellationToken);
                delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay;
            }
        }
    }

    private static bool IsTransient(Exception error) =>
        error is SiloUnavailableException or OrleansMessageRejectionException or ConnectionFailedException or TimeoutException;
}
