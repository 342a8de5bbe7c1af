namespace ContainerGrains.Cli.Output;

/// <summary>A few lines on a terminal that are written anew at each look and are gone at the end.</summary>
internal sealed class LiveText(Printer terminal, bool enabled) : IDisposable
{
    private const string ClearBelow = "\x1b[J";
    private int _lines;

    public void Show(string text)
    {
        if (!enabled)
            return;
        terminal.Write(Back() + ClearBelow + text);
        _lines = text.Count(c => c == '\n');
    }

    public void Dispose()
    {
        if (_lines > 0)
            terminal.Write(Back() + ClearBelow);
        _lines = 0;
    }

    private string Back() => _lines > 0 ? $"\x1b[{_lines}A\r" : "";
}
