using System.Globalization;

namespace ContainerGrains.Cli.Parsing;

/// <summary>Signals by name or number, as kill(1) takes them: HUP, SIGHUP, 1, RTMIN+3.</summary>
internal static class Signals
{
    public const int SIGHUP = 1;
    public const int SIGINT = 2;
    public const int SIGQUIT = 3;
    public const int SIGUSR1 = 10;
    public const int SIGUSR2 = 12;
    public const int SIGTERM = 15;

    private const int RealTimeMin = 34;
    private const int Last = 64;

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <exception cref="CgException">Usage.</exception>
    public static int Parse(string text)
    {
        string name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        int number = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : FromName(name);
        return number is >= 1 and <= Last
            ? number
            : throw CgException.Usage($"'{text}' is not a signal: give a name (HUP, SIGTERM, RTMIN+1) or a number from 1 to {Last}.");
    }

    /// <summary>"SIGKILL" for 9.</summary>
    public static string NameOf(int signal) => signal > 0 && signal < Names.Length ? $"SIG{Names[signal]}"
        : signal is >= RealTimeMin and <= Last ? $"SIGRTMIN+{signal - RealTimeMin}" : $"signal {signal}";

    private static int FromName(string name)
    {
        if (name is "POLL")
            return Array.IndexOf(Names, "IO");
        if (name.StartsWith("RTMIN", StringComparison.Ordinal))
            return RealTimeMin + Offset(name["RTMIN".Length..], '+');
        if (name.StartsWith("RTMAX", StringComparison.Ordinal))
            return Last - Offset(name["RTMAX".Length..], '-');
        return name.Length == 0 ? -1 : Array.IndexOf(Names, name);
    }

    private static int Offset(string text, char sign) => text.Length == 0 ? 0
        : text[0] == sign && int.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int offset) && offset <= Last - RealTimeMin ? offset : -1000;
}
