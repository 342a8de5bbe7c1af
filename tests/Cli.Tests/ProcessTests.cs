using System.Diagnostics;
using System.Runtime.InteropServices;
using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

/// <summary>cg as a process of its own: real signals, real pipes.</summary>
public sealed partial class ProcessTests
{
    private const int SIGINT = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_real_Ctrl_C_reaches_the_container()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        using Process cg = Start(machine, "run", "--rm", "--name", "fg", "sleep", "60");
        FakeContainer container = machine.Cluster.Container("fg");
        await container.UntilAsync(() => container.Status.Phase == ContainerPhase.Running);
        container.Write("up\n");
        Assert.Equal("up", await cg.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal(0, kill(cg.Id, SIGINT));

        await cg.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(130, cg.ExitCode);
        Assert.Equal([(SIGINT, 1)], container.Signals);
        Assert.Equal(ContainerPhase.None, container.Status.Phase);
    }

    [Fact]
    public async Task A_reader_that_has_enough_ends_cg_without_a_word()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web").Write(string.Concat(Enumerable.Repeat("a line of a log that is long\n", 100_000)));
        using Process cg = Start(machine, "logs", "web");
        await cg.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        cg.StandardOutput.Close();
        Assert.Equal("", await cg.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await cg.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(128 + 13, cg.ExitCode);
    }

    private static Process Start(TestMachine machine, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "cg.dll"), .. args]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CG_RUN_DIR"] = machine.RunDirectory;
        return Process.Start(start)!;
    }

    [LibraryImport("libc")]
    private static partial int kill(int pid, int signal);
}
