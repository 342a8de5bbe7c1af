using System.Text;

namespace ContainerGrains.Cli.Output;

/// <summary>A table for people: a head in capitals, columns three blanks apart, no lines. A heading that begins with '&gt;' aligns right.</summary>
internal sealed class Table(params string[] headings)
{
    private const int Gap = 3;

    private readonly List<string[]> _rows = [[.. headings.Select(h => h.TrimStart('>'))]];
    private readonly bool[] _right = [.. headings.Select(h => h.StartsWith('>'))];

    public void Row(params string[] cells) => _rows.Add(cells);

    public override string ToString()
    {
        int[] widths = [.. Enumerable.Range(0, _right.Length).Select(c => _rows.Max(r => r[c].Length))];
        var text = new StringBuilder();
        foreach (string[] row in _rows)
        {
            for (int c = 0; c < row.Length; c++)
            {
                bool last = c == row.Length - 1;
                text.Append(_right[c] ? row[c].PadLeft(widths[c]) : last ? row[c] : row[c].PadRight(widths[c]));
                if (!last)
                    text.Append(' ', Gap);
            }
            text.Append('\n');
        }
        return text.ToString();
    }
}
