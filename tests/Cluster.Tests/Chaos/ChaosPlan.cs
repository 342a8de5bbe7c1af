using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>What goes wrong.</summary>
internal enum ChaosKind
{
    /// <summary>kill -9 of a silo; it is started again.</summary>
    Kill,
    /// <summary>A host's cable is pulled, and put back.</summary>
    Unplug,
    /// <summary>What a host sends takes its time.</summary>
    Throttle,
    /// <summary>The silo stands still (SIGSTOP), and comes back.</summary>
    Silence,
    /// <summary>Ctrl-C in the caller of a move.</summary>
    Cancel,
    /// <summary>The host is drained, and takes containers again.</summary>
    Drain,
}

/// <summary>Whom it hits, in the move that it falls into.</summary>
internal enum ChaosRole { Source, Target, Bystander }

/// <summary>All containers are told to move; so long after it something goes wrong, and so long it lasts.</summary>
/// <param name="Container">The one whose move has the roles.</param>
/// <param name="InFreeze">So long after its processes were seen to stand still, and not after the call.</param>
/// <param name="Turns">For each container, to which of the two other hosts.</param>
/// <param name="Megabits">Of a throttled link.</param>
internal sealed record ChaosEvent(ChaosKind Kind, ChaosRole Role, int Container, IReadOnlyList<int> Turns, bool InFreeze, int AfterMs, int LastsMs, int Megabits)
{
    /// <summary>For the table: "kill target".</summary>
    public string What => Kind == ChaosKind.Cancel ? "cancel" : $"{Kind} {Role}".ToLowerInvariant();

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{What} {AfterMs} ms after the {(InFreeze ? "standstill" : "move")} of {Container}, for {LastsMs} ms{(Kind == ChaosKind.Throttle ? $", {Megabits} Mbit/s" : "")}");
}

/// <summary>What will go wrong, drawn from a seed: the same seed, the same plan. (What it meets is the machine's.)</summary>
internal sealed record ChaosPlan(int Seed, IReadOnlyList<ChaosEvent> Events)
{
    public const int Containers = 3;
    // What kills, silences and cuts off more often than what only hinders.
    private static readonly ChaosKind[] Kinds =
        [ChaosKind.Kill, ChaosKind.Kill, ChaosKind.Kill, ChaosKind.Silence, ChaosKind.Silence, ChaosKind.Unplug, ChaosKind.Unplug, ChaosKind.Throttle, ChaosKind.Cancel, ChaosKind.Drain];

    public static ChaosPlan Draw(int seed)
    {
        var random = new Random(seed);
        return new ChaosPlan(seed, [.. Enumerable.Range(0, random.Next(2, 5)).Select(_ => DrawEvent(random))]);
    }

    private static ChaosEvent DrawEvent(Random random)
    {
        ChaosKind kind = Kinds[random.Next(Kinds.Length)];
        ChaosRole role = Enum.GetValues<ChaosRole>()[random.Next(Enum.GetValues<ChaosRole>().Length)];
        int[] turns = [.. Enumerable.Range(0, Containers).Select(_ => random.Next(2))];
        // A freeze takes some ten milliseconds of a move that takes hundreds: by chance alone it would hardly be met.
        bool inFreeze = random.Next(2) == 0;
        int after = random.Next(inFreeze ? 41 : 401);
        int lasts = kind switch
        {
            // From three seconds on the others declare it dead.
            ChaosKind.Silence => random.Next(1000, 6001),
            ChaosKind.Unplug => random.Next(200, 6001),
            ChaosKind.Kill => random.Next(3001),
            _ => random.Next(200, 3001),
        };
        return new ChaosEvent(kind, role, random.Next(Containers), turns, inFreeze, after, lasts, random.Next(50, 501));
    }
}
