using System.Net.NetworkInformation;
using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>The lines of <c>cg check</c>: can this host do the job, and if not, what is to be done?</summary>
internal static class HostChecks
{
    private static readonly Version OldestKernel = new(6, 7);

    public static IReadOnlyList<HostCheck> Run(EngineOptions options)
    {
        HostFeatures features = HostFacts.Features;
        return
        [
            new("root", Environment.UserName == "root", true, $"the silo runs as {Environment.UserName}", "run the silo as root"),
            new("kernel", KernelVersion() >= OldestKernel, true, $"Linux {HostFacts.Kernel}", $"use a kernel of {OldestKernel} or later (PAGEMAP_SCAN)"),
            new("x86-64", System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, true,
                System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString(), "use an x86-64 host"),
            new("xsave", features.CpuFlags.Contains("xsave"), true, "the CPU's XSAVE", "use a CPU with XSAVE"),
            new("overlay", File.ReadLines("/proc/filesystems").Any(l => l.EndsWith("overlay", StringComparison.Ordinal)), true, "overlay file system", "modprobe overlay"),
            new("cgroup2", File.ReadLines("/proc/self/mountinfo").Any(l => l.Contains(" - cgroup2 ", StringComparison.Ordinal)), true, "cgroup v2 is mounted", "mount -t cgroup2 none /sys/fs/cgroup/unified"),
            new("userfaultfd", File.Exists("/dev/userfaultfd") || File.Exists("/proc/sys/vm/unprivileged_userfaultfd"), false, "pre-copy finds dirty pages with it", "use a kernel with CONFIG_USERFAULTFD"),
            new("vdso", features.VdsoDigest.Length > 0, true, $"digest {features.VdsoDigest[..Math.Min(12, features.VdsoDigest.Length)]}", "boot without vdso=0"),
            new("state directory", IsWritable(options.StateDirectory), true, options.StateDirectory, "give a writable directory on a real file system or tmpfs"),
            new("bridge", options.Bridge is null || HasInterface(options.Bridge), options.Bridge is not null, options.Bridge ?? "none: containers have only lo",
                $"ip link add {options.Bridge} type bridge"),
        ];
    }

    // Not by /sys, which shows the network namespace of whoever mounted it: a silo may live in another one.
    private static bool HasInterface(string name) => NetworkInterface.GetAllNetworkInterfaces().Any(i => i.Name == name);

    private static Version KernelVersion()
    {
        string[] parts = HostFacts.Kernel.Split('.', '-');
        return new Version(int.Parse(parts[0]), int.Parse(parts[1]));
    }

    private static bool IsWritable(string directory)
    {
        try
        {
            string probe = Path.Combine(directory, $".probe-{Environment.ProcessId}");
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
