using System.Runtime.InteropServices;
using ContainerGrains.Benchmarks;
using ContainerGrains.Benchmarks.Cluster;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.Benchmarks.Memory;
using ContainerGrains.Benchmarks.Moves;
using ContainerGrains.Benchmarks.Starts;

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (FormatException e)
{
    Console.Error.WriteLine($"bench: {e.Message}\n{BenchOptions.Usage}");
    return 2;
}

using var interrupted = new CancellationTokenSource();
void Interrupt(PosixSignalContext context)
{
    context.Cancel = true;
    interrupted.Cancel();
}
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

var report = new Report(args);
if (report.Machine.IsBusy)
    Console.Error.WriteLine($"bench: the machine is busy (load {report.Machine.LoadBefore:f1} on {report.Machine.Cpus} CPUs): compare rows of this run with each other, and keep no number of it");
// One cluster for all sections that want one, made when the first of them does.
TwoSilos? silos = null;
TwoSilos? Silos() => TwoSilos.Missing is null ? silos ??= new TwoSilos() : null;

(string Section, Func<IBench> Make)[] benches =
[
    ("start", () => new StartBench(options, report)),
    ("memory", () => new MemoryBench(options, report)),
    ("move", () => new MoveBench(options, report)),
    ("grain", () => new GrainBench(options, report, Silos())),
    ("ps", () => new PsBench(options, report, Silos())),
];
int failures = 0;
try
{
    foreach ((string section, Func<IBench> make) in benches)
    {
        if (!options.Only.Contains(section)) continue;
        Console.Error.WriteLine($"bench: {section}");
        try
        {
            make().Run(interrupted.Token);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return 130;
        }
        catch (Exception e)
        {
            // The other sections can still be measured; the exit code tells.
            Console.Error.WriteLine($"bench: {section}: {e}");
            failures++;
        }
    }
}
finally
{
    silos?.Dispose();
}
report.WriteTable(Console.Out);
report.WriteJson(options.JsonPath);
Console.Error.WriteLine($"bench: raw samples are in {options.JsonPath}");
failures += report.Measurements.Count(m => m.Missing?.StartsWith("failed", StringComparison.Ordinal) == true);
return failures == 0 ? 0 : 1;
