namespace ContainerGrains.Cli;

/// <summary>Who read our output has gone (cg logs | head): nothing is left to say, and nobody to say it to.</summary>
internal sealed class BrokenPipeException(Exception inner) : Exception("The output was closed.", inner);
