namespace ContainerGrains.Engine;

/// <summary>Kinds of frames (docs/image-format.md). Numbers are for ever.</summary>
public enum FrameType : uint
{
    /// <summary>JSON <see cref="ManifestRecord"/>: what this is; always first.</summary>
    Manifest = 1,
    /// <summary>JSON <see cref="TreeRecord"/>: processes and their address spaces.</summary>
    Tree = 2,
    /// <summary>Pages of one process.</summary>
    Pages = 3,
    /// <summary>Pages of one memory object.</summary>
    ObjectPages = 4,
    /// <summary>Ranges of one process whose pages the source has dropped since it sent them.</summary>
    Dropped = 5,
    /// <summary>A piece of the transfer of a directory (upper layer, logs, /dev/shm).</summary>
    Directory = 6,
    /// <summary>The directory's transfer is complete.</summary>
    DirectoryEnd = 7,
    /// <summary>Bytes that a record names by number.</summary>
    Blob = 8,
    /// <summary>JSON <see cref="ContainerRecord"/>: everything that is neither memory nor file system.</summary>
    Container = 9,
    /// <summary>End of a pre-copy round: the container still runs.</summary>
    RoundEnd = 10,
    /// <summary>After rounds: the container stands still from here on, and what follows is short; there is haste.</summary>
    Standstill = 12,
    /// <summary>End of everything: what is in the image is a whole, stopped container.</summary>
    End = 11,
}
