namespace ContainerGrains.Silo.Api;

/// <summary>What the local API needs to know of the host it runs on.</summary>
public sealed class ContainerGrainsApiOptions
{
    /// <summary>Stable name of this host.</summary>
    public string HostName { get; set; } = "";

    /// <summary>The Unix socket; gets mode 0660 once it is there. Empty: the API is served elsewhere.</summary>
    public string SocketPath { get; set; } = "";

    /// <summary>Where uploaded images are staged before they are restored. Made when missing.</summary>
    public string ImagesDirectory { get; set; } = Path.Combine(Path.GetTempPath(), "containergrains-images");

    /// <summary>Longest that one grain call waits for output or an exit; below Orleans' response timeout. Default 10 s.</summary>
    public TimeSpan LongPoll { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a move's progress and the event stream look. Default 50 ms.</summary>
    public TimeSpan ProgressInterval { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a move's outcome may stay unknown once the container no longer moves. Default 30 s.</summary>
    public TimeSpan OutcomeTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
