using System.Net.Sockets;
using System.Text;

namespace ContainerGrains.Cli.Tests;

/// <summary>Answers that a broken or strange server gives: an error in a sentence, never a hang or a wrong success.</summary>
public sealed class HttpExchangeTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("cg-");

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]", "HostUnreachable")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{}", "HostUnreachable")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", "HostUnreachable")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n", "HostUnreachable")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le", "HostUnreachable")]
    [InlineData("", "HostUnreachable")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "HostUnreachable")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "Internal")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", "Internal")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "Internal")]
    [InlineData("HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n<html/>\r\n", "Internal")]
    public async Task A_strange_answer_is_an_error(string answer, string code)
    {
        CgRun run = await AskAsync(answer);
        Assert.Equal(125, run.Exit);
        Assert.EndsWith($"[{code}]\n", run.Error);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")]
    [InlineData("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING:  Chunked\r\n\r\n1\r\n[\r\n1;ext=1\r\n]\r\n0\r\nTrailer: x\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n[]")]
    public async Task Every_way_to_delimit_a_body_is_read(string answer)
    {
        CgRun run = await AskAsync(answer);
        Assert.Equal((0, "", ""), (run.Exit, run.Out, run.Error));
    }

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary>Runs cg ps -q against a server that gives this answer and closes.</summary>
    private async Task<CgRun> AskAsync(string answer)
    {
        string path = Path.Combine(_directory.FullName, "s");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        CgRun run = CgRun.Begin(new TestTerminal(), ["ps", "-q", "--socket", path], _ => null, _directory.FullName);
        using (Socket connection = await listener.AcceptAsync(TestContext.Current.CancellationToken))
        {
            string request = "";
            byte[] buffer = new byte[4096];
            while (!request.EndsWith("\r\n\r\n", StringComparison.Ordinal))
                request += Encoding.ASCII.GetString(buffer, 0, await connection.ReceiveAsync(buffer, TestContext.Current.CancellationToken));
            Assert.StartsWith("GET /v1/containers HTTP/1.1\r\n", request);
            await connection.SendAsync(Encoding.ASCII.GetBytes(answer), TestContext.Current.CancellationToken);
        }
        return await run.EndAsync();
    }
}
