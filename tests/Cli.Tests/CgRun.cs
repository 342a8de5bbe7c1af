using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace ContainerGrains.Cli.Tests;

/// <summary>One run of cg in this process.</summary>
public sealed class CgRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WatchedStream _out = new();
    private readonly WatchedStream _error = new();
    private readonly ConcurrentDictionary<int, Action<int>> _signals = new();
    private Task<int> _exit = null!;

    public int Exit => _exit.Result;
    public string Out => _out.Text;
    public string Error => _error.Text;

    public JsonElement Json => JsonDocument.Parse(Out).RootElement;
    public JsonElement ErrorJson => JsonDocument.Parse(Error).RootElement;

    internal static CgRun Begin(TestTerminal terminal, string[] args, Func<string, string?> environment, string directory)
    {
        var run = new CgRun();
        var surroundings = new Surroundings
        {
            In = new MemoryStream(terminal.Input ?? []),
            Out = run._out,
            Error = run._error,
            Environment = environment,
            CurrentDirectory = directory,
            OutIsTerminal = () => terminal.Watched,
            ErrorIsTerminal = () => terminal.Watched,
            OnSignal = run.Register,
        };
        run._exit = Task.Factory.StartNew(() => CgProgram.Run(args, surroundings), TaskCreationOptions.LongRunning);
        return run;
    }

    public async Task<CgRun> EndAsync()
    {
        await _exit.WaitAsync(Patience);
        return this;
    }

    /// <summary>Waits until cg has written a text to either output.</summary>
    public async Task UntilWrittenAsync(string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!Out.Contains(text, StringComparison.Ordinal) && !Error.Contains(text, StringComparison.Ordinal))
            await Task.WhenAny(_out.Changed, _error.Changed).WaitAsync(patience.Token);
    }

    public void Signal(int signal) => _signals[signal](signal);

    public bool Listens(int signal) => _signals.ContainsKey(signal);

    private IDisposable Register(int signal, Action<int> handler)
    {
        _signals[signal] = handler;
        return new Registration(() => _signals.TryRemove(signal, out _));
    }

    private sealed class Registration(Action dispose) : IDisposable
    {
        public void Dispose() => dispose();
    }

    private sealed class WatchedStream : MemoryStream
    {
        private readonly Lock _lock = new();
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Changed
        {
            get
            {
                lock (_lock)
                    return _changed.Task;
            }
        }

        public string Text
        {
            get
            {
                lock (_lock)
                    return Encoding.UTF8.GetString(ToArray());
            }
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            lock (_lock)
            {
                base.Write(buffer);
                _changed.TrySetResult();
                _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
