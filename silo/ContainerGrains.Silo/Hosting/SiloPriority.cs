using System.Globalization;
using ContainerGrains.Linux;
using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo;

/// <summary>
/// Gives the silo's threads their nice value (<see cref="SiloOptions.Nice"/>), setpriority(2); later ones inherit it. Where sessions are
/// scheduled as groups (autogroup, sched(7)), its group gets it too.
/// </summary>
internal sealed partial class SiloPriority(IOptions<SiloOptions> options, ILogger<SiloPriority> logger) : IHostedService
{
    private const string Autogroup = "/proc/self/autogroup";

    public Task StartAsync(CancellationToken cancellationToken)
    {
        int nice = options.Value.Nice;
        try
        {
            foreach (string task in Directory.GetDirectories("/proc/self/task"))
            {
                SetNice(int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture), nice);
            }
            if (HasAutogroup()) Linux.Files.WriteText(Autogroup, nice.ToString(CultureInfo.InvariantCulture));
        }
        catch (LinuxException e)
        {
            LogRefused(nice, e.Message);
        }
        return Task.CompletedTask;
    }

    private static void SetNice(int task, int nice)
    {
        try
        {
            Scheduling.SetNice(task, nice);
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            // That thread has ended.
        }
    }

    // The file of a process whose ancestors never began a session is empty: it is in the default group, whose weight nobody can
    // change (EINVAL, sched_group_set_shares in kernel/sched/fair.c) and in which the threads' own nice values already count.
    private static bool HasAutogroup() => File.Exists(Autogroup) && File.ReadAllText(Autogroup).Length > 0;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(570, LogLevel.Warning, "The silo cannot have nice value {Nice} ({Reason}): give it CAP_SYS_NICE, or set Silo:Nice to 0; until then a busy host stretches freezes")]
    private partial void LogRefused(int nice, string reason);
}
