using System.Diagnostics;
using System.Globalization;

namespace ContainerGrains.Linux.Tests.Descriptors;

public sealed class PidFdsTests
{
    private const int SIGTERM = 15, PatienceMs = 30_000;

    [Fact]
    public void How_anothers_child_ended_is_known_as_long_as_it_is_a_zombie_and_of_a_new_kernel_afterwards()
    {
        using Process parent = Process.Start(new ProcessStartInfo("sh", ["-c", "sleep 600 & echo $!; read go; wait"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        int pid = int.Parse(parent.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        using FileDescriptor pidFd = PidFds.Open(pid);
        Kernel.Call("kill", Syscall.kill, pid, SIGTERM);
        Assert.NotEqual(0, Poll.Wait(pidFd.Number, Poll.POLLIN, PatienceMs));
        Assert.Equal(new WaitStatus(SIGTERM), PidFds.ExitStatus(pidFd, pid));

        parent.StandardInput.WriteLine();
        parent.WaitForExit();
        WaitStatus? afterwards = PidFds.ExitStatus(pidFd, pid);
        Assert.SkipWhen(Environment.OSVersion.Version < new Version(6, 15) && afterwards is null, "Before Linux 6.15 a pidfd does not tell how a reaped process ended.");
        Assert.Equal(new WaitStatus(SIGTERM), afterwards);
    }
}
