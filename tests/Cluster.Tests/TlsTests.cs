using System.Runtime.Versioning;

namespace ContainerGrains.Cluster.Tests;

/// <summary>A cluster as ./dev up --tls makes it: moves are encrypted, also to a host that joins later.</summary>
[SupportedOSPlatform("linux")]
public sealed class TlsTests
{
    [Fact]
    public void Containers_move_over_TLS_also_to_a_host_that_joins()
    {
        using var cluster = new LocalCluster(2, tls: true);
        string tls = $"{cluster.StateDirectory}/tls";
        foreach (string file in Directory.GetFiles(tls))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        cluster.Run("count", "host-a", [], ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"]);
        Assert.Equal("host-b", cluster.Migrate("count", "host-b").To);
        cluster.AssertCounts("count");
        cluster.Revive("host-c");
        Assert.Equal("host-c", cluster.Migrate("count", "host-c").To);
        cluster.AssertCounts("count");
        // The files are read for each move: without its certificate the host can take none, and says which is missing.
        File.Move($"{tls}/host-a.pem", $"{tls}/away.pem");
        Ended refused = cluster.Cg("migrate", "count", "--to", "host-a");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("TLS handshake with host-a", refused.Error, StringComparison.Ordinal);
        cluster.AssertRunsOn("count", "host-c");
        File.Move($"{tls}/away.pem", $"{tls}/host-a.pem");
        Assert.Equal("host-a", cluster.Migrate("count", "host-a").To);
        cluster.AssertCounts("count");
        cluster.Remove("count");
    }
}
