using System.Net.Sockets;
using ContainerGrains.Api;

namespace ContainerGrains.Cli.Http;

/// <summary>
/// Finds the API of a silo on this machine: --socket, CG_SOCKET, CG_HOST (a host's name), or the first of
/// /run/containergrains/api.sock and /run/containergrains/HOST/api.sock that answers.
/// </summary>
internal sealed class SiloDiscovery(string? socketOption, Func<string, string?> environment)
{
    private const string SocketName = "api.sock";

    private readonly string? _traceParent = environment("TRACEPARENT");

    private string RunDirectory => NonEmpty("CG_RUN_DIR") ?? "/run/containergrains";

    /// <exception cref="CgException">NoSilo.</exception>
    public ApiClient Find()
    {
        if (Named() is { } named)
            return TryOpen(named, out SocketException? refused) ?? throw NoAnswer(named, refused!);

        CgException? denied = null;
        foreach (string path in Candidates())
        {
            if (TryOpen(path, out SocketException? error) is { } client)
                return client;
            if (error!.SocketErrorCode == SocketError.AccessDenied)
                denied ??= NoAnswer(path, error);
        }
        throw denied ?? new CgException(ApiErrorCode.NoSilo,
            $"No silo answers on this machine (looked in {RunDirectory}); start one ('./dev up' for three hosts to try, 'systemctl start containergrains' for a service), or name its socket with --socket or CG_SOCKET.");
    }

    /// <summary>The API of a given host, when it is on this machine.</summary>
    /// <exception cref="CgException">HostUnreachable.</exception>
    public ApiClient FindHost(ApiClient known, string host)
    {
        if (known.Get("/version", ApiJson.Default.ApiVersion).Host == host)
            return known;
        // Beside the socket in use, when that was named; in the usual place otherwise.
        string? beside = Path.GetDirectoryName(Path.GetDirectoryName(known.SocketPath));
        foreach (string path in (string[])[beside is null ? "" : Path.Combine(beside, host, SocketName), SocketOf(host)])
        {
            if (path.Length > 0 && TryOpen(path, out _) is { } client)
                return client;
        }
        throw new CgException(ApiErrorCode.HostUnreachable,
            $"Image files go through the API of the host itself, and {host} has none on this machine; run the command on {host}.");
    }

    public static CgException NoAnswer(string path, SocketException e) => new(ApiErrorCode.NoSilo, e.SocketErrorCode == SocketError.AccessDenied
        ? $"You may not use the silo at {path}: be root, or a member of the socket's group."
        : $"No silo answers at {path} ({(Path.Exists(path) ? "nobody listens there" : "there is no such file")}); start it, or name another socket with --socket, CG_SOCKET or CG_HOST.");

    private string? Named() => socketOption ?? NonEmpty("CG_SOCKET") ?? (NonEmpty("CG_HOST") is { } host ? SocketOf(host) : null);

    private IEnumerable<string> Candidates()
    {
        yield return Path.Combine(RunDirectory, SocketName);
        if (!Directory.Exists(RunDirectory))
            yield break;
        foreach (string directory in Directory.GetDirectories(RunDirectory).Order(StringComparer.Ordinal))
            yield return Path.Combine(directory, SocketName);
    }

    private string SocketOf(string host) => Path.Combine(RunDirectory, host, SocketName);

    private ApiClient? TryOpen(string path, out SocketException? error)
    {
        error = null;
        try
        {
            return new ApiClient(path, _traceParent, HttpExchange.Open(path));
        }
        catch (SocketException e)
        {
            error = e;
            return null;
        }
        catch (ArgumentException)
        {
            throw CgException.Usage($"'{path}' is too long for a Unix socket (107 bytes at most).");
        }
    }

    private string? NonEmpty(string variable) => environment(variable) is { Length: > 0 } value ? value : null;
}
