using System.Net.Sockets;
using ContainerGrains.Engine;
using ContainerRecord = ContainerGrains.Grains.ContainerRecord;

namespace ContainerGrains.Silo.Tests;

/// <summary>
/// Both sides of a move over a real wire, with the record between them; the test plays the grain. Whatever is cut, killed or
/// silent: one copy runs in the end, the one that the record names, and never two.
/// </summary>
public sealed class DataChannelMoveTests : IAsyncLifetime
{
    private static readonly MigrateOptions ShortFreeze = new() { FreezeTimeout = TimeSpan.FromSeconds(1) };

    private HostPair _hosts = null!;
    private ContainerHost A => _hosts.A;
    private ContainerHost B => _hosts.B;

    public ValueTask InitializeAsync()
    {
        _hosts = new HostPair();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _hosts.DisposeAsync();
        Assert.Empty(_hosts.World.Violations);
    }

    [Fact]
    public async Task A_move_carries_the_memory_and_leaves_nothing_behind()
    {
        // On a machine however busy, two rounds are enough for such a freeze.
        MoveOrder order = await _hosts.RunningAsync("web", new MigrateOptions { FreezeBudget = TimeSpan.FromSeconds(10) });
        byte[] memory = ((FakeContainer)_hosts.EngineA.Find("web")!).Memory;
        bool exitTold = false;
        A.Exited += (_, _) => exitTold = true;
        await A.PrepareMoveAsync(order, default);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("web"));
        await B.CutOverAsync(order.MigrationId, default);
        Assert.Empty(_hosts.World.RunningOn("web"));
        Assert.True(await _hosts.CommitRecordAsync(order));
        MigrationReport report = await B.CommitMoveAsync(order.MigrationId, 2, default);

        Assert.Equal(("host-a", "host-b", 2L), (report.From, report.To, report.Generation));
        Assert.Equal([1, 2], report.Rounds.Select(r => r.Round));
        Assert.Equal(10, report.FinalPages);
        Assert.True(report.FreezeMs > 0 && report.FreezeMs <= report.TotalMs);
        Assert.Equal([FakeEngine.NotInFull], report.Warnings);
        Assert.Equal([FakeEngine.NotInFull], (await B.FindAsync("web", default))!.Warnings);
        Assert.Equal(["commit", "dump", "freeze", "restore", "send", "thaw"], report.FreezeSpansMs.Keys.Order());
        Assert.Equal(memory, ((FakeContainer)_hosts.EngineB.Find("web")!).Memory);
        await Until.TrueAsync(async () => await A.FindAsync("web", default) is null, "the source is empty");
        Assert.Empty(_hosts.EngineA.Containers);
        Assert.False(exitTold);
        await Until.TrueAsync(async () => (await B.GetProgressAsync(default)).Any(p => p is { Stage: "done", From: "host-a" }), "the target tells that the move has ended");
    }

    [Fact]
    public async Task A_ticket_that_the_record_does_not_know_is_refused()
    {
        MoveOrder order = await _hosts.RunningAsync("forged");
        ContainerException e = await RefusedAsync(order with { MigrationId = "forged" });
        Assert.Equal(ContainerErrorCode.OfferRefused, e.Code);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("forged"));
    }

    [Fact]
    public async Task A_missing_rootfs_refuses_the_offer()
    {
        MoveOrder order = await _hosts.RunningAsync("rootless", spec: HostPair.Spec with { Rootfs = "/no/such/root" });
        Assert.Equal(ContainerErrorCode.RootfsMissing, (await RefusedAsync(order)).Code);
    }

    [Fact]
    public async Task A_missing_volume_refuses_the_offer()
    {
        MoveOrder order = await _hosts.RunningAsync("volume", spec: HostPair.Spec with { Volumes = [new VolumeMount("/no/such/volume", "/data", false)] });
        Assert.Equal(ContainerErrorCode.FileMismatch, (await RefusedAsync(order)).Code);
    }

    [Fact]
    public async Task A_name_that_runs_on_the_target_refuses_the_offer()
    {
        MoveOrder order = await _hosts.RunningAsync("twice");
        _hosts.World.Halt("twice", _hosts.EngineA); // Only for the fake world's bookkeeping: the names clash, the containers are two.
        _hosts.EngineB.Start(HostPair.Spec.ToConfig("twice", "", "", 1), default);
        Assert.Equal(ContainerErrorCode.OfferRefused, (await RefusedAsync(order)).Code);
    }

    [Fact]
    public async Task A_container_for_which_the_target_has_no_memory_is_refused()
    {
        MoveOrder order = await _hosts.RunningAsync("large");
        _hosts.EngineA.ResidentBytes = 1L << 50;
        ContainerException e = await RefusedAsync(order);
        Assert.Equal(ContainerErrorCode.NoMemory, e.Code);
        Assert.Matches(@"^host-b does not take container 'large': it needs 1073741824 MiB, and \d+ MiB are available", e.Message);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("large"));
    }

    [Theory]
    [InlineData("avx1024", null, null, "its CPU lacks avx1024")]
    [InlineData(null, "time_travel", null, "its kernel lacks time_travel")]
    [InlineData(null, null, "another", "another vdso")]
    public async Task A_target_that_lacks_what_the_source_has_refuses_the_offer(string? cpu, string? kernel, string? vdso, string why)
    {
        MoveOrder order = await _hosts.RunningAsync("picky");
        HostFeatures source = HostFacts.Features with
        {
            CpuFlags = [.. HostFacts.Features.CpuFlags, .. (string[])(cpu is null ? [] : [cpu])],
            Kernel = [.. HostFacts.Features.Kernel, .. (string[])(kernel is null ? [] : [kernel])],
            VdsoDigest = vdso ?? HostFacts.Features.VdsoDigest,
        };
        MoveRefusal refusal = await OfferAsync(order, source);
        Assert.Equal(ContainerErrorCode.FeatureMissing, refusal.Code);
        Assert.StartsWith("host-b does not take container 'picky': ", refusal.Reason);
        Assert.Contains(why, refusal.Reason);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("picky"));
    }

    [Fact]
    public async Task A_target_without_a_register_set_of_the_source_refuses_the_offer()
    {
        Assert.NotEqual(0ul, HostFacts.Features.Xcr0);
        MoveOrder order = await _hosts.RunningAsync("registers");
        MoveRefusal refusal = await OfferAsync(order, HostFacts.Features with { Xcr0 = HostFacts.Features.Xcr0 | 1ul << 62 });
        Assert.Equal(ContainerErrorCode.FeatureMissing, refusal.Code);
        Assert.Contains("register set", refusal.Reason);
    }

    [Fact]
    public async Task A_host_that_is_only_asked_tells_all_that_it_lacks()
    {
        ContainerSpec spec = HostPair.Spec with { Rootfs = "/no/such/root", Volumes = [new VolumeMount("/no/such/volume", "/data", false), new VolumeMount("/tmp", "/tmp", false)] };
        IReadOnlyList<Obstacle> lacks = await B.ConsiderAsync(
            new MoveQuestion("asked", spec, HostFacts.Features with { CpuFlags = ["avx1024"] }, 1L << 50), default);
        Assert.All(lacks, o => Assert.Equal((0, "host host-b"), (o.VirtualPid, o.Object)));
        Assert.Collection(lacks, o => Assert.Contains("/no/such/root", o.Reason), o => Assert.Contains("/no/such/volume", o.Reason),
            o => Assert.Contains("MiB are available", o.Reason), o => Assert.Contains("avx1024", o.Reason));
        Assert.Empty(await B.ConsiderAsync(new MoveQuestion("asked", HostPair.Spec, HostFacts.Features, 1 << 20), default));
    }

    // What the engine of the target can say in a round (the files of the container, its mappings) and in the cut-over.
    [Theory]
    [InlineData(EngineError.DiskFull, ContainerErrorCode.DiskFull)]
    [InlineData(EngineError.NoMemory, ContainerErrorCode.NoMemory)]
    [InlineData(EngineError.FileMismatch, ContainerErrorCode.FileMismatch)]
    [InlineData(EngineError.FeatureMissing, ContainerErrorCode.FeatureMissing)]
    public async Task What_the_target_cannot_take_in_a_round_is_told_as_such(EngineError error, ContainerErrorCode code)
    {
        // More than the sockets between them hold: the target closes while the source writes.
        _hosts.EngineA.MemoryBytes = 64 << 20;
        MoveOrder order = await _hosts.RunningAsync("round");
        _hosts.EngineB.OnReceive = () => throw new EngineException(error, "receive", "this cannot be; do that");
        ContainerException e = await RefusedAsync(order);
        Assert.Equal((code, "Container 'round' on host-b: receive: this cannot be; do that"), (e.Code, e.Message));
        Assert.Equal(["host-a"], _hosts.World.RunningOn("round"));
        Assert.False(((FakeContainer)_hosts.EngineA.Find("round")!).Frozen);
        await MovesAfterAllAsync(order);
    }

    [Theory]
    [InlineData(EngineError.DiskFull, ContainerErrorCode.DiskFull)]
    [InlineData(EngineError.FileMismatch, ContainerErrorCode.FileMismatch)]
    public async Task What_the_target_cannot_take_in_the_freeze_is_told_as_such(EngineError error, ContainerErrorCode code)
    {
        _hosts.EngineA.MemoryBytes = 64 << 20;
        MoveOrder order = await _hosts.RunningAsync("freeze");
        await A.PrepareMoveAsync(order, default);
        _hosts.EngineB.OnReceive = () => throw new EngineException(error, "receive", "this cannot be; do that");
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => B.CutOverAsync(order.MigrationId, default));
        Assert.Equal((code, "Container 'freeze' on host-b: receive: this cannot be; do that"), (e.Code, e.Message));
        await Until.TrueAsync(() => _hosts.World.RunningOn("freeze") is ["host-a"], "the source has thawed");
        MigrationReport report = Assert.Single((await _hosts.RecordAsync(order)).Reports);
        Assert.Equal(code, report.ErrorCode);
        Assert.Contains("this cannot be; do that", report.Error);
    }

    [Fact]
    public async Task A_wire_that_ends_in_the_engines_data_is_a_cut_link_and_no_damaged_image()
    {
        MoveOrder order = await _hosts.RunningAsync("torn");
        await A.PrepareMoveAsync(order, default);
        _hosts.EngineB.OnReceive = () => throw new EngineException(EngineError.BadImage, "image", "it ends too early", new EndOfStreamException());
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => B.CutOverAsync(order.MigrationId, default));
        Assert.Equal(ContainerErrorCode.MoveFailed, e.Code);
        Assert.StartsWith("The link from host-a to host-b failed", e.Message);
        await Until.TrueAsync(() => _hosts.World.RunningOn("torn") is ["host-a"], "the source has thawed");
    }

    [Fact]
    public async Task An_unreachable_target_is_said_and_the_container_runs_on()
    {
        MoveOrder order = await _hosts.RunningAsync("alone");
        Assert.Equal(ContainerErrorCode.HostUnreachable, (await RefusedAsync(order with { TargetDataAddress = "127.0.0.1:1" })).Code);
    }

    [Fact]
    public async Task A_link_cut_in_a_round_ends_the_move_and_nothing_was_frozen()
    {
        MoveOrder order = await _hosts.RunningAsync("round");
        _hosts.EngineA.OnRound = _hosts.Wire.Cut;
        ContainerException e = await RefusedAsync(order);
        Assert.Equal(ContainerErrorCode.MoveFailed, e.Code);
        Assert.Equal(1, (await _hosts.RecordAsync(order)).Generation);
        Assert.False(((FakeContainer)_hosts.EngineA.Find("round")!).Frozen);
        _hosts.EngineA.OnRound = null;
    }

    [Fact]
    public async Task Rounds_that_find_more_than_the_link_carries_end_with_a_refusal_and_nothing_was_frozen()
    {
        MoveOrder order = await _hosts.RunningAsync("writer");
        // 4 TiB in each round, of which the wire carries 1 MiB.
        _hosts.EngineA.DirtyPages = 1L << 30;
        ContainerException e = await RefusedAsync(order);
        Assert.Equal(ContainerErrorCode.MoveFailed, e.Code);
        Assert.Matches(@"^Container 'writer' is not moved to host-b, and runs on on host-a: it writes [0-9.]+ MiB/s, the link carries [0-9.]+ MiB/s, .*--freeze-timeout\.$", e.Message);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("writer"));
        Assert.False(((FakeContainer)_hosts.EngineA.Find("writer")!).Frozen);
        MigrationProgress source = Assert.Single(await A.GetProgressAsync(default));
        Assert.InRange(source.Rounds.Count, 3, order.Options.MaxRounds);
        Assert.Equal(("failed", null, null), (source.Stage, source.EtaMs, source.PredictedFreezeMs));
        await Until.TrueAsync(async () => (await B.GetProgressAsync(default)) is [{ Stage: "failed" }], "the target has been told");
    }

    [Fact]
    public async Task Between_rounds_and_freeze_the_source_says_how_long_it_will_take()
    {
        MoveOrder order = await _hosts.RunningAsync("told");
        await A.PrepareMoveAsync(order, default);
        MigrationProgress told = Assert.Single(await A.GetProgressAsync(default));
        Assert.Equal("hand-over", told.Stage);
        Assert.True(told is { PredictedFreezeMs: > 0, EtaMs: >= 0 }, $"{told}");
        await B.CutOverAsync(order.MigrationId, default);
        Assert.True(await _hosts.CommitRecordAsync(order));
        await B.CommitMoveAsync(order.MigrationId, 2, default);
        await Until.TrueAsync(async () => (await A.GetProgressAsync(default)) is [{ Stage: "done", EtaMs: null }], "the move has ended");
    }

    [Fact]
    public async Task A_link_cut_before_the_cut_over_fails_the_arrival_and_nothing_was_frozen()
    {
        MoveOrder order = await _hosts.RunningAsync("before");
        await A.PrepareMoveAsync(order, default);
        _hosts.Wire.Cut();
        await Assert.ThrowsAsync<ContainerException>(() => B.CutOverAsync(order.MigrationId, default));
        await A.AbandonMoveAsync(order.MigrationId, "arrival failed", default);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("before"));
    }

    [Fact]
    public async Task A_cancelled_pre_copy_leaves_the_container_running()
    {
        MoveOrder order = await _hosts.RunningAsync("cancel");
        using var cancel = new CancellationTokenSource();
        _hosts.EngineA.OnRound = cancel.Cancel;
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => A.PrepareMoveAsync(order, cancel.Token));
        Assert.Equal(ContainerErrorCode.Cancelled, e.Code);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("cancel"));
    }

    [Fact]
    public async Task A_link_cut_in_the_freeze_lets_the_source_take_the_container_back_by_the_record()
    {
        MoveOrder order = await _hosts.RunningAsync("half");
        await A.PrepareMoveAsync(order, default);
        _hosts.EngineA.BeforeCutOver = _hosts.Wire.Cut;
        await Assert.ThrowsAsync<ContainerException>(() => B.CutOverAsync(order.MigrationId, default));
        await Until.TrueAsync(() => _hosts.World.RunningOn("half") is ["host-a"], "the source has thawed");
        ContainerRecord record = await _hosts.RecordAsync(order);
        Assert.Equal(("host-a", 2L, ContainerPhase.Running), (record.Home, record.Generation, record.Phase));
        Assert.NotNull(Assert.Single(record.Reports).Error);
    }

    [Fact]
    public async Task After_a_cut_link_a_complete_target_loses_against_the_sources_claim()
    {
        MoveOrder order = await _hosts.RunningAsync("late", ShortFreeze);
        await A.PrepareMoveAsync(order, default);
        await B.CutOverAsync(order.MigrationId, default);
        _hosts.Wire.Cut();
        await Until.TrueAsync(() => _hosts.World.RunningOn("late") is ["host-a"], "the source has thawed");
        Assert.False(await _hosts.CommitRecordAsync(order));
        await B.AbortMoveAsync(order.MigrationId, "lost the race", default);
        Assert.Empty(_hosts.EngineB.Containers);
    }

    [Fact]
    public async Task After_the_commit_a_cut_link_lets_the_source_discard_by_the_record()
    {
        MoveOrder order = await _hosts.RunningAsync("after", ShortFreeze);
        await A.PrepareMoveAsync(order, default);
        await B.CutOverAsync(order.MigrationId, default);
        Assert.True(await _hosts.CommitRecordAsync(order));
        _hosts.Wire.Cut();
        await Until.TrueAsync(() => _hosts.EngineA.Containers.Count == 0, "the source has discarded its copy");
        await B.CommitMoveAsync(order.MigrationId, 2, default);
        Assert.Equal(["host-b"], _hosts.World.RunningOn("after"));
    }

    [Fact]
    public async Task A_freeze_that_lasts_too_long_ends_with_the_sources_claim_and_the_target_finds_out()
    {
        MoveOrder order = await _hosts.RunningAsync("slow", ShortFreeze);
        await A.PrepareMoveAsync(order, default);
        await B.CutOverAsync(order.MigrationId, default);
        // The grain on the target says nothing at all.
        await Until.TrueAsync(() => _hosts.World.RunningOn("slow") is ["host-a"], "the source has thawed");
        await Until.TrueAsync(async () => (await B.GetProgressAsync(default)).All(p => p.Stage == "failed"), "the target has asked the record and given up");
        Assert.Equal(2, (await _hosts.RecordAsync(order)).Generation);
    }

    [Fact]
    public async Task While_the_store_is_silent_the_copy_stays_frozen()
    {
        MoveOrder order = await _hosts.RunningAsync("silent", ShortFreeze);
        await A.PrepareMoveAsync(order, default);
        await B.CutOverAsync(order.MigrationId, default);
        _hosts.Storage.Silent = true;
        _hosts.Wire.Cut();
        await Until.TrueAsync(() => _hosts.Storage.Refused >= 3, "the store was asked three times");
        Assert.Empty(_hosts.World.RunningOn("silent"));
        _hosts.Storage.Silent = false;
        await Until.TrueAsync(() => _hosts.World.RunningOn("silent") is ["host-a"], "the source has thawed");
    }

    [Fact]
    public async Task A_target_whose_grain_was_lost_after_the_commit_is_started_by_the_record()
    {
        MoveOrder order = await _hosts.RunningAsync("orphan");
        await A.PrepareMoveAsync(order, default);
        await B.CutOverAsync(order.MigrationId, default);
        Assert.True(await _hosts.CommitRecordAsync(order));
        // The grain is activated anew, without a ticket, and looks for the processes.
        Assert.NotNull(await B.FindAsync("orphan", default));
        Assert.Equal(["host-b"], _hosts.World.RunningOn("orphan"));
    }

    [Fact]
    public async Task An_abandoned_move_that_is_frozen_already_is_decided_by_the_record()
    {
        MoveOrder order = await _hosts.RunningAsync("frozen");
        await A.PrepareMoveAsync(order, default);
        await B.CutOverAsync(order.MigrationId, default);
        await A.AbandonMoveAsync(order.MigrationId, "the grain came back", default);
        Assert.Equal(["host-a"], _hosts.World.RunningOn("frozen"));
        Assert.Equal(("host-a", 2L), ((await _hosts.RecordAsync(order)).Home, (await _hosts.RecordAsync(order)).Generation));
    }

    [Fact]
    public async Task Rubbish_on_the_data_channel_harms_nothing()
    {
        using (var socket = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await socket.ConnectAsync(System.Net.IPEndPoint.Parse(_hosts.Wire.Address));
            await socket.SendAsync("GET / HTTP/1.1\r\n\r\n and more of it"u8.ToArray());
            Assert.Equal(0, await socket.ReceiveAsync(new byte[100]));
        }
        await A_move_carries_the_memory_and_leaves_nothing_behind();
    }

    /// <summary>What B answers to an offer that A, with these features, would make.</summary>
    private async Task<MoveRefusal> OfferAsync(MoveOrder order, HostFeatures features)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(System.Net.IPEndPoint.Parse(_hosts.Wire.Address));
        using var channel = new DataChannel(socket);
        channel.Write(FrameType.Offer, new MoveOffer(order.MigrationId, order.Name, "host-a", "host-b", order.NewGeneration, order.Spec, order.Address,
            features, 1 << 20, DateTimeOffset.UtcNow, 1000, null));
        return channel.Read<MoveRefusal>(FrameType.Refuse);
    }

    /// <summary>What stood in the way is gone: a new order moves it.</summary>
    private async Task MovesAfterAllAsync(MoveOrder order)
    {
        _hosts.EngineB.OnReceive = null;
        await A.AbandonMoveAsync(order.MigrationId, "it failed", default);
        MoveOrder again = await _hosts.OrderAgainAsync(order);
        await A.PrepareMoveAsync(again, default);
        await B.CutOverAsync(again.MigrationId, default);
        Assert.True(await _hosts.CommitRecordAsync(again));
        await B.CommitMoveAsync(again.MigrationId, 2, default);
        Assert.Equal(["host-b"], _hosts.World.RunningOn(order.Name));
    }

    private async Task<ContainerException> RefusedAsync(MoveOrder order)
    {
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => A.PrepareMoveAsync(order, default));
        Assert.NotNull(await A.FindAsync(order.Name, default));
        return e;
    }
}
