using ContainerGrains.Api;
using ContainerGrains.Cli.Http;

namespace ContainerGrains.Cli.Verbs;

/// <summary>Streams a container's output to ours and waits for its end, whatever happens to the silo in between.</summary>
internal static class ContainerOutput
{
    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Copies a stream until it has ended; <paramref name="path"/> makes its path for a cursor. A lost silo is replaced by
    /// another one and the stream goes on where it was, for at most half a minute without a byte.
    /// </summary>
    /// <returns>The last line.</returns>
    public static ApiOutput Copy(Cg cg, Func<ApiCursor, string> path)
    {
        var cursor = new ApiCursor(0, 0);
        ApiOutput? last = null;
        return Persist(cg, heard =>
        {
            foreach (ApiOutput output in cg.Api.Lines("GET", path(cursor), null, ApiJson.Default.ApiOutput))
            {
                heard();
                cg.Out.Write(output.Stdout);
                cg.Err.Write(output.Stderr);
                if (output.Error is { } error)
                    throw CgException.Of(error);
                cursor = output.Next;
                last = output;
            }
            return last is { Ended: true } ? last : throw new ConnectionLostException(cg.Api.SocketPath);
        });
    }

    public static ApiExit WaitForExit(Cg cg, string name) => Persist(cg, heard =>
    {
        while (true)
        {
            ApiWait wait = cg.Api.Get($"/containers/{Uri.EscapeDataString(name)}/wait?timeoutMs=30000", ApiJson.Default.ApiWait);
            heard();
            if (wait.Exit is { } exit)
                return exit;
        }
    });

    /// <summary>Repeats <paramref name="work"/> with another silo when one was lost, unless nothing was heard for too long.</summary>
    private static T Persist<T>(Cg cg, Func<Action, T> work)
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
