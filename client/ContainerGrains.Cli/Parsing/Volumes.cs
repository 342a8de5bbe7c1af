using ContainerGrains.Api;

namespace ContainerGrains.Cli.Parsing;

/// <summary>-v SOURCE:TARGET[:ro].</summary>
internal static class Volumes
{
    /// <exception cref="CgException">Usage.</exception>
    public static ApiVolume Parse(string text, string currentDirectory)
    {
        string[] parts = text.Split(':');
        if (parts.Length is not (2 or 3) || parts[0].Length == 0 || !parts[1].StartsWith('/'))
            throw CgException.Usage($"'{text}' is not a volume: write SOURCE:TARGET or SOURCE:TARGET:ro, with an absolute TARGET.");
        bool readOnly = false;
        foreach (string option in parts.Length == 3 ? parts[2].Split(',') : [])
        {
            readOnly = option switch
            {
                "ro" => true,
                "rw" => false,
                _ => throw CgException.Usage($"'{option}' in '{text}' is not an option of a volume: there are ro and rw."),
            };
        }
        return new ApiVolume(Path.GetFullPath(parts[0], currentDirectory), parts[1], readOnly);
    }
}
