using ContainerGrains.Api;
using ContainerGrains.Cli.Http;

namespace ContainerGrains.Cli.Verbs;

/// <summary>Streams a container's output to ours and waits for its end, whatever happens to the silo in between.</summary>
internal static class ContainerOutput
{
    /// <summary>
    /// Copies a stream until it has ended; <paramref name="path"/> makes its path for a cursor. A lost silo is replaced by
    /// another one and the stream goes on where it was, for at most half a minute without a byte.
    /// </summary>
    /// <returns>The last line.</returns>
    public static ApiOutput Copy(Cg cg, Func<ApiCursor, string> path)
    {
        var cursor = new ApiCursor(0, 0);
        ApiOutput? last = null;
        return Persistence.Run(cg, heard =>
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

    public static ApiExit WaitForExit(Cg cg, string name) => Persistence.Run(cg, heard =>
    {
        while (true)
        {
            ApiWait wait = cg.Api.Get($"/containers/{Uri.EscapeDataString(name)}/wait?timeoutMs=30000", ApiJson.Default.ApiWait);
            heard();
            if (wait.Exit is { } exit)
                return exit;
        }
    });
}
