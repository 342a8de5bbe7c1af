using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo;

/// <summary>The data channel's door: accepts connections, and gives each a thread of its own.</summary>
internal sealed partial class DataListener(ContainerHost host, IOptions<SiloOptions> options, ILogger<DataListener> logger) : IHostedService, IDisposable
{
    private const int Backlog = 64;

    private readonly Socket _socket = new(options.Value.ParsedAddress.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
    private Task _accepting = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var endpoint = new IPEndPoint(options.Value.ParsedAddress, options.Value.DataPort);
        _socket.Bind(endpoint);
        _socket.Listen(Backlog);
        LogListening(endpoint);
        _accepting = AcceptAsync();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _socket.Dispose();
        await _accepting.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _socket.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                Socket connection = await _socket.AcceptAsync();
                new Thread(() => host.Serve(connection)) { IsBackground = true, Name = "move-target" }.Start();
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return;
            }
            catch (SocketException e)
            {
                LogAcceptFailed(e);
            }
        }
    }

    [LoggerMessage(540, LogLevel.Information, "Data channel on {Endpoint}")]
    private partial void LogListening(IPEndPoint endpoint);

    [LoggerMessage(541, LogLevel.Warning, "A connection of the data channel was not accepted")]
    private partial void LogAcceptFailed(Exception exception);
}
