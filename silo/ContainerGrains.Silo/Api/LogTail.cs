namespace ContainerGrains.Silo.Api;

/// <summary>Finds where the last lines of a container's output begin.</summary>
internal static class LogTail
{
    /// <summary>Most bytes that are read for it; beyond, the tail begins later in the file.</summary>
    private const long MaxBytes = 1L << 30;

    /// <summary>The cursor from which on each of the two files has at most <paramref name="lines"/> lines.</summary>
    public static async Task<LogCursor> FindAsync(IContainerGrain container, LogCursor from, int lines, int chunkBytes, CancellationToken cancellationToken)
    {
        var stdout = new LineStarts(from.Stdout, lines);
        var stderr = new LineStarts(from.Stderr, lines);
        LogCursor cursor = from;
        for (long read = 0; read < MaxBytes;)
        {
            LogChunk chunk = await container.ReadLogsAsync(cursor, chunkBytes, TimeSpan.Zero, cancellationToken);
            if (chunk.Next == cursor)
                break;
            stdout.Add(chunk.Stdout);
            stderr.Add(chunk.Stderr);
            read += chunk.Stdout.Length + chunk.Stderr.Length;
            cursor = chunk.Next;
        }
        return new LogCursor(stdout.First, stderr.First);
    }

    /// <summary>The offsets of the last few line beginnings of a file that is read once.</summary>
    private sealed class LineStarts(long offset, int lines)
    {
        private readonly Queue<long> _starts = new();
        private long _offset = offset;
        private bool _atLineStart = true;

        public long First => _starts.Count > 0 ? _starts.Peek() : _offset;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            foreach (byte b in bytes)
            {
                if (_atLineStart && lines > 0)
                {
                    _starts.Enqueue(_offset);
                    if (_starts.Count > lines)
                        _starts.Dequeue();
                }
                _atLineStart = b == '\n';
                _offset++;
            }
        }
    }
}
