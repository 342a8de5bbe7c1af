using System.Text;

namespace ContainerGrains.Cli.Output;

/// <summary>Standard output or error: bytes of containers and lines of ours, in order, unbuffered.</summary>
internal sealed class Printer(Stream stream)
{
    private const int EPIPE = 32;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        try
        {
            stream.Write(bytes);
            stream.Flush();
        }
        catch (IOException e) when (e.HResult == EPIPE)
        {
            throw new BrokenPipeException(e);
        }
    }

    public void Write(string text) => Write(Encoding.UTF8.GetBytes(text));

    public void Line(string text = "") => Write(text + "\n");
}
