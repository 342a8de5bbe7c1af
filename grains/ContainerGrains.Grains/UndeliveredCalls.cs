namespace ContainerGrains.Grains;

/// <summary>
/// Repeats calls that a dead silo did not get, until the cluster has declared it dead and their grain is elsewhere: the loss of a host
/// is not felt by whoever does not need it. A call that was sent is not repeated, for it may have been heard, unless that does no harm:
/// those of a drain say the same thing twice.
/// </summary>
public sealed class UndeliveredCalls(TimeProvider time) : IOutgoingGrainCallFilter
{
    // A death is declared within about three seconds, and the last silo hears of it at the next refresh of its table at the latest.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15), Pause = TimeSpan.FromMilliseconds(200);

    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        long start = time.GetTimestamp();
        // Hosts are not waited for: who asks one wants to know whether it is there.
        while (!await TryAsync(context, last: time.GetElapsedTime(start) >= Patience))
            await Task.Delay(Pause, time);
    }

    /// <summary>False when the call may be repeated. Its error is in the response, or thrown: by what is in this silo.</summary>
    private static async Task<bool> TryAsync(IOutgoingGrainCallContext context, bool last)
    {
        try
        {
            await context.Invoke();
            return last || !MayRepeat(context.Grain, context.Response?.Exception);
        }
        catch (Exception e) when (!last && MayRepeat(context.Grain, e))
        {
            return false;
        }
    }

    private static bool MayRepeat(object grain, Exception? error) => grain switch
    {
        IContainerGrain or IClusterGrain => IsUndelivered(error),
        IDrainGrain => IsUndelivered(error) || error is SiloUnavailableException,
        _ => false,
    };

    // A rejection has no more than its text (MessageCenter.cs, SendMessage).
    private static bool IsUndelivered(Exception? error) => error is OrleansMessageRejectionException
        && (error.Message.StartsWith("Exception while sending message: Orleans.Runtime.Messaging.ConnectionFailedException", StringComparison.Ordinal)
            || error.Message.StartsWith("Target silo is known to be dead", StringComparison.Ordinal));
}
