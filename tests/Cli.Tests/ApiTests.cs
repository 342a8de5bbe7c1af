using ContainerGrains.Api;
using ContainerGrains.Cli.Tests.Fakes;
using ContainerGrains.Silo.Api;

namespace ContainerGrains.Cli.Tests;

/// <summary>What the API does beyond what cg shows.</summary>
public sealed class ApiTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;

    [Fact]
    public void Events_are_the_differences_of_two_looks()
    {
        var known = new Dictionary<string, ContainerStatus>();
        Assert.Equal(["present a"], Look(Status("a")));
        Assert.Empty(Look(Status("a")));
        Assert.Equal(["created b"], Look(Status("a"), Status("b", ContainerPhase.Created)));
        Assert.Equal(["started b"], Look(Status("a"), Status("b")));
        Assert.Equal(["moving a"], Look(Status("a", ContainerPhase.Moving), Status("b")));
        Assert.Equal(["moved a"], Look(Status("a", host: "host-b"), Status("b")));
        Assert.Equal(["suspended a", "exited b"], Look(Status("a", ContainerPhase.Suspended, "host-b"), Status("b", ContainerPhase.Exited)));
        Assert.Equal(["started a", "removed b"], Look(Status("a", host: "host-b")));
        Assert.Equal(["removed a"], Look());

        string[] Look(params ContainerStatus[] current) =>
            [.. EventStream.Changes(known, current, first: known.Count == 0 && current is [{ Name: "a", Host: "host-a" }], Now).Select(e => $"{e.Type} {e.Name}")];
    }

    [Fact]
    public async Task A_tail_begins_at_the_last_lines_of_each_output()
    {
        var cluster = new FakeCluster();
        FakeContainer web = cluster.Running("web");
        web.Write("1\n22\n333\nopen end");
        web.WriteError("e\n");
        Assert.Equal(new LogCursor(5, 0), await LogTail.FindAsync(web, LogCursor.Start, 2, 3, TestContext.Current.CancellationToken));
        Assert.Equal(new LogCursor(0, 0), await LogTail.FindAsync(web, LogCursor.Start, 99, 4096, TestContext.Current.CancellationToken));
        Assert.Equal(new LogCursor(17, 2), await LogTail.FindAsync(web, LogCursor.Start, 0, 4096, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("host", null, null, "host")]
    [InlineData("host:host-b", "host-b", null, "host")]
    [InlineData("web", null, "web", "")]
    [InlineData("outer/inner/core", null, "outer", "inner/core")]
    public void Contexts_are_parsed(string text, string? host, string? container, string path) =>
        Assert.Equal(new PidContext(host, container, path), PidContext.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("host:")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("A")]
    public void What_is_no_context_is_refused(string text) =>
        Assert.Equal(ContainerErrorCode.InvalidSpec, Assert.Throws<ContainerException>(() => PidContext.Parse(text)).Code);

    [Fact]
    public void A_disk_that_is_full_and_an_unknown_defect_are_told_apart()
    {
        Assert.Equal(ApiErrorCode.DiskFull, ApiErrors.Describe(new IOException("No space left on device", 28)).Code);
        ApiProblem defect = ApiErrors.Describe(new AggregateException(new InvalidOperationException("the reason")));
        Assert.Equal((ApiErrorCode.Internal, "InvalidOperationException: the reason"), (defect.Code, defect.Message));
    }

    [Fact]
    public async Task A_living_silo_keeps_its_socket()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        var again = await Assert.ThrowsAsync<InvalidOperationException>(() => machine.StartSiloAsync("host-a"));
        Assert.Contains("answers on", again.Message);
        Assert.Equal(0, (await machine.CgAsync("ps")).Exit);
    }

    private static ContainerStatus Status(string name, ContainerPhase phase = ContainerPhase.Running, string host = "host-a") =>
        new() { Name = name, Phase = phase, Host = host, Spec = new ContainerSpec { Args = ["x"] } };
}
