using System.Globalization;

namespace ContainerGrains.Engine;

/// <summary>What fdinfo says of an inotify watch.</summary>
/// <param name="Device">The kernel's own form: major in the bits from 20 on.</param>
/// <param name="HandleType">With <paramref name="Handle"/>, a file handle; empty where the file system has none.</param>
internal sealed record WatchedInode(int Number, ulong Inode, ulong Device, uint Mask, int HandleType, byte[] Handle)
{
    // "inotify wd:1 ino:3c570 sdev:fe00000 mask:3 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:70c5030000000000"; all of it is hexadecimal.
    public static IEnumerable<WatchedInode> Parse(OpenFile file) => file.Info.Lines.Where(l => l.StartsWith("inotify ", StringComparison.Ordinal)).Select(ParseLine);

    public static WatchedInode ParseLine(string line)
    {
        Dictionary<string, string> fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(f => f.Split(':', 2)).ToDictionary(f => f[0], f => f[1]);
        ulong Hex(string key) => fields.TryGetValue(key, out string? text) ? ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture) : 0;
        int length = (int)Hex("fhandle-bytes");
        byte[] handle = fields.TryGetValue("f_handle", out string? bytes) ? Convert.FromHexString(bytes) : [];
        return new WatchedInode((int)Hex("wd"), Hex("ino"), Hex("sdev"), (uint)Hex("mask"), (int)Hex("fhandle-type"), handle.Length >= length ? handle[..length] : []);
    }
}
