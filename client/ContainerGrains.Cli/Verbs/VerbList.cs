namespace ContainerGrains.Cli.Verbs;

/// <summary>All verbs, as help lists them. Only the one that is used is built: cg answers at once.</summary>
internal static class VerbList
{
    public static IReadOnlyList<(string Heading, IReadOnlyList<(string Name, Func<Verb> Make)> Verbs)> Groups { get; } =
    [
        ("Containers",
        [
            ("run", () => new RunVerb()), ("create", () => new CreateVerb()), ("start", () => new StartVerb()), ("exec", () => new ExecVerb()),
            ("stop", () => new StopVerb()), ("kill", () => new KillVerb()), ("rm", () => new RmVerb()), ("wait", () => new WaitVerb()),
        ]),
        ("Looking",
        [
            ("ps", () => new PsVerb()), ("logs", () => new LogsVerb()), ("inspect", () => new InspectVerb()), ("top", () => new TopVerb()),
            ("stats", () => new StatsVerb()), ("translate", () => new TranslateVerb()), ("events", () => new EventsVerb()),
        ]),
        ("Moving",
        [
            ("migrate", () => new MigrateVerb()), ("checkpoint", () => new CheckpointVerb()), ("restore", () => new RestoreVerb()),
            ("suspend", () => new SuspendVerb()), ("resume", () => new ResumeVerb()),
        ]),
        ("The cluster, and help",
        [
            ("hosts", () => new HostsVerb()), ("cordon", () => new CordonVerb()), ("uncordon", () => new UncordonVerb()),
            ("drain", () => new DrainVerb()),
            ("check", () => new CheckVerb()), ("explain", () => new ExplainVerb()), ("version", () => new VersionVerb()),
        ]),
    ];

    public static Verb? Find(string name) =>
        Groups.SelectMany(g => g.Verbs).Where(v => v.Name == name).Select(v => v.Make()).FirstOrDefault();
}
