namespace ContainerGrains.Cli.Verbs;

internal sealed class UncordonVerb() : CordonVerb("uncordon", "DELETE", "Let a host take containers again.");
