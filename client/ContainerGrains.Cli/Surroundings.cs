using System.Runtime.InteropServices;
using ContainerGrains.Cli.Output;

namespace ContainerGrains.Cli;

/// <summary>What a run of cg sees of the world; tests bring their own.</summary>
internal sealed class Surroundings
{
    public required Stream In { get; init; }
    public required Stream Out { get; init; }
    public required Stream Error { get; init; }
    public required Func<string, string?> Environment { get; init; }
    public required string CurrentDirectory { get; init; }
    /// <summary>Whether people watch standard output, and whether they watch standard error.</summary>
    public required Func<bool> OutIsTerminal { get; init; }
    public required Func<bool> ErrorIsTerminal { get; init; }
    /// <summary>Calls the handler with a signal's number instead of dying of it, until disposed.</summary>
    public required Func<int, Action<int>, IDisposable> OnSignal { get; init; }
    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static Surroundings OfThisProcess() => new()
    {
        In = Console.OpenStandardInput(),
        Out = new StandardStream(1),
        Error = new StandardStream(2),
        Environment = System.Environment.GetEnvironmentVariable,
        CurrentDirectory = System.Environment.CurrentDirectory,
        OutIsTerminal = () => !Console.IsOutputRedirected,
        ErrorIsTerminal = () => !Console.IsErrorRedirected,
        OnSignal = Register,
    };

    private static IDisposable Register(int signal, Action<int> handler) => PosixSignalRegistration.Create((PosixSignal)signal, context =>
    {
        context.Cancel = true;
        handler(signal);
    });
}
