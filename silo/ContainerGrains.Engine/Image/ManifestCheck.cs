namespace ContainerGrains.Engine;

/// <summary>Whether this engine can read an image.</summary>
internal static class ManifestCheck
{
    /// <exception cref="EngineException">BadImage: another version.</exception>
    public static void Check(ManifestRecord manifest)
    {
        if (manifest.Version != ManifestRecord.Current)
            throw new EngineException(EngineError.BadImage, "image", $"it is of version {manifest.Version}, this engine reads version {ManifestRecord.Current}; use the release that wrote it");
    }
}
