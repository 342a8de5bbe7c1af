using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;

namespace ContainerGrains.Silo;

/// <summary>What /proc tells of this host. Source: proc(5).</summary>
internal static class HostFacts
{
    private static readonly Lazy<HostFeatures> FeaturesOnce = new(ReadFeatures);

    public static HostFeatures Features => FeaturesOnce.Value;

    public static string Kernel => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    public static (long TotalBytes, long AvailableBytes) Memory()
    {
        long Field(string name) => File.ReadLines("/proc/meminfo").Where(l => l.StartsWith(name, StringComparison.Ordinal))
            .Select(l => long.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024).FirstOrDefault();
        return (Field("MemTotal:"), Field("MemAvailable:"));
    }

    /// <summary>Why a container that ran with <paramref name="source"/>'s features cannot go on here; null when it can.</summary>
    public static string? Lacks(HostFeatures here, HostFeatures source)
    {
        string[] flags = [.. source.CpuFlags.Except(here.CpuFlags)];
        if (flags.Length > 0)
            return $"its CPU lacks {string.Join(", ", flags.Take(8))}";
        string[] kernel = [.. source.Kernel.Except(here.Kernel)];
        if (kernel.Length > 0)
            return $"its kernel lacks {string.Join(", ", kernel)}";
        if (source.VdsoDigest != here.VdsoDigest)
            return "its kernel has another vdso, and processes carry addresses into it";
        return (source.Xcr0 & ~here.Xcr0) != 0 ? "its CPU lacks a register set that XSAVE holds" : null;
    }

    private static HostFeatures ReadFeatures() => new()
    {
        CpuFlags = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("flags", StringComparison.Ordinal))?
            .Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
        VdsoDigest = DigestOfVdso(),
        Xcr0 = ReadXcr0(),
    };

    /// <summary>Register sets that XSAVE can hold here: CPUID leaf 0xd, EDX:EAX.</summary>
    private static ulong ReadXcr0()
    {
        const int ExtendedState = 0xd;
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < ExtendedState)
            return 0;
        (int eax, _, _, int edx) = X86Base.CpuId(ExtendedState, 0);
        return (uint)eax | (ulong)(uint)edx << 32;
    }

    private static string DigestOfVdso()
    {
        string? line = File.ReadLines("/proc/self/maps").FirstOrDefault(l => l.EndsWith("[vdso]", StringComparison.Ordinal));
        if (line is null)
            return "";
        string[] range = line.Split(' ')[0].Split('-');
        long start = long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        byte[] bytes = new byte[long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) - start];
        using var memory = new FileStream("/proc/self/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        memory.Seek(start, SeekOrigin.Begin);
        memory.ReadExactly(bytes);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
