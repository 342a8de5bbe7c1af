namespace ContainerGrains.Engine;

/// <summary>The bytes of a <see cref="DirectoryTransfer"/>: a header, records, an end. Numbers are little-endian.</summary>
internal static class TransferFormat
{
    public const uint Magic = 0x54444743; // "CGDT"
    public const ushort Version = 1;

    /// <summary>Unit in which a regular file is compared and sent, bytes.</summary>
    public const int BlockBytes = 256 << 10;
    public const int MaxPathBytes = 4096, MaxNameBytes = 255, MaxXattrs = 1024, MaxRecords = 50_000_000;

    public const byte End = 0, Directory = 1, File = 2, HardLink = 3, SymbolicLink = 4, Node = 5, Remove = 6, DirectoryTimes = 7;

    /// <summary>Inside a file: its pieces.</summary>
    public const byte LastPiece = 0, DataPiece = 1, HolePiece = 2;
}
