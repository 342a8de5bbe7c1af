using ContainerGrains.Api;
using ContainerGrains.Cli.Http;

namespace ContainerGrains.Cli.Verbs;

/// <summary>Goes on with another silo of this machine when the one that was used has gone, for at most half a minute.</summary>
internal static class Persistence
{
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Repeats <paramref name="work"/>, which says when it has heard something, with another silo when one was lost, unless nothing was heard for too long.</summary>
    public static T Run<T>(Cg cg, Func<Action, T> work)
    {
        TimeProvider time = cg.Surroundings.Time;
        long heard = time.GetTimestamp();
        bool connected = false;
        while (true)
        {
            try
            {
                return work(() => (heard, connected) = (time.GetTimestamp(), true));
            }
            catch (Exception e) when (IsLoss(e, connected) && time.GetElapsedTime(heard) < LongestGap)
            {
                Thread.Sleep(Pause);
                TryReconnect(cg);
            }
        }
    }

    private static bool IsLoss(Exception e, bool connected) =>
        e is ConnectionLostException || (connected && e is CgException { Code: ApiErrorCode.NoSilo or ApiErrorCode.HostUnreachable or ApiErrorCode.Timeout });

    private static void TryReconnect(Cg cg)
    {
        try
        {
            cg.Reconnect();
        }
        catch (CgException e) when (e.Code == ApiErrorCode.NoSilo)
        {
            // None answers yet; the next round tries again.
        }
    }
}
