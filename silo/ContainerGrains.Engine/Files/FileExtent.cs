namespace ContainerGrains.Engine;

/// <summary>A piece of a file with data.</summary>
public sealed record FileExtent(long Offset, int Blob);
