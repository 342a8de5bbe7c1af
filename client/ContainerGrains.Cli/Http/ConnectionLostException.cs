namespace ContainerGrains.Cli.Http;

/// <summary>The silo went away in the middle of an answer; streams go on with another from their cursor.</summary>
internal sealed class ConnectionLostException(string socketPath, Exception? inner = null)
    : Exception($"The silo at {socketPath} closed the connection in the middle; 'cg hosts' shows who is there, 'cg ps -a' what became of the container.", inner);
