using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo.Tests;

/// <summary>The data channel with TLS: it moves, nothing readable crosses the wire, and whoever is not who he says is told so before anything is frozen.</summary>
public sealed class TlsMoveTests : IDisposable
{
    private const string ClientUsage = "1.3.6.1.5.5.7.3.2";

    private readonly Authority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task A_move_over_TLS_arrives_and_nothing_readable_crosses_the_wire()
    {
        await using HostPair hosts = Pair();
        MoveOrder order = await MoveAsync(hosts, "web");
        byte[] heard = hosts.Wire.Heard();
        Assert.True(heard.Length > 2 << 20, "both rounds crossed it");
        Assert.Equal(-1, heard.AsSpan().IndexOf(Encoding.UTF8.GetBytes(order.MigrationId)));
        Assert.Equal(-1, heard.AsSpan().IndexOf("migrationId"u8));
    }

    [Fact]
    public async Task Without_TLS_the_wire_can_be_read()
    {
        await using var hosts = new HostPair();
        MoveOrder order = await MoveAsync(hosts, "web");
        Assert.NotEqual(-1, hosts.Wire.Heard().AsSpan().IndexOf(Encoding.UTF8.GetBytes(order.MigrationId)));
    }

    [Fact]
    public async Task A_source_without_TLS_is_refused_by_a_target_with_it() =>
        Assert.Contains("came without TLS", await RefusedAsync(null, _authority.Issue("host-b"), ContainerErrorCode.OfferRefused));

    [Fact]
    public async Task A_source_with_TLS_offers_nothing_to_a_target_without_it() =>
        Assert.Contains("Silo:Tls must be set on both hosts or on none", await RefusedAsync(_authority.Issue("host-a"), null, ContainerErrorCode.MoveFailed));

    [Fact]
    public async Task A_source_of_another_authority_is_refused()
    {
        using var other = new Authority();
        TlsOptions strange = other.Issue("host-a");
        // It trusts the target, but not the other way round.
        strange.AuthorityPath = _authority.RootPath;
        Assert.Contains("is not of the authority", await RefusedAsync(strange, _authority.Issue("host-b"), ContainerErrorCode.OfferRefused));
    }

    [Fact]
    public async Task A_target_of_another_authority_is_offered_nothing()
    {
        using var other = new Authority();
        Assert.Contains("is not of the authority", await RefusedAsync(_authority.Issue("host-a"), other.Issue("host-b"), ContainerErrorCode.MoveFailed));
    }

    [Fact]
    public async Task An_expired_source_is_refused() =>
        Assert.Contains("is not valid now", await RefusedAsync(_authority.Issue("host-a", days: -1), _authority.Issue("host-b"), ContainerErrorCode.OfferRefused));

    [Fact]
    public async Task An_expired_target_is_offered_nothing() =>
        Assert.Contains("is not valid now", await RefusedAsync(_authority.Issue("host-a"), _authority.Issue("host-b", days: -1), ContainerErrorCode.MoveFailed));

    [Fact]
    public async Task A_source_whose_certificate_names_another_host_is_refused() =>
        Assert.Contains("has no subject alternative name DNS:host-a", await RefusedAsync(_authority.Issue("host-c"), _authority.Issue("host-b"), ContainerErrorCode.OfferRefused));

    [Fact]
    public async Task A_target_whose_certificate_names_another_host_is_offered_nothing() =>
        Assert.Contains("has no subject alternative name DNS:host-b", await RefusedAsync(_authority.Issue("host-a"), _authority.Issue("host-c"), ContainerErrorCode.MoveFailed));

    [Fact]
    public async Task A_certificate_for_clients_does_not_make_a_target() =>
        Assert.Contains("cannot be used", await RefusedAsync(_authority.Issue("host-a"), _authority.Issue("host-b", usage: ClientUsage), ContainerErrorCode.MoveFailed));

    [Fact]
    public async Task A_link_cut_in_a_round_over_TLS_ends_the_move_and_nothing_was_frozen()
    {
        await using HostPair hosts = Pair();
        MoveOrder order = await hosts.RunningAsync("round");
        hosts.EngineA.OnRound = hosts.Wire.Cut;
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => hosts.A.PrepareMoveAsync(order, default));
        Assert.Equal(ContainerErrorCode.MoveFailed, e.Code);
        Assert.False(((FakeContainer)hosts.EngineA.Find("round")!).Frozen);
        hosts.EngineA.OnRound = null;
        await Until.TrueAsync(async () => (await hosts.B.GetProgressAsync(default)).All(p => p.Stage == "failed"), "the target has noticed");
        await MoveAsync(hosts, "next");
    }

    [Fact]
    public async Task A_link_cut_in_the_freeze_over_TLS_lets_the_source_take_the_container_back_by_the_record()
    {
        await using HostPair hosts = Pair();
        MoveOrder order = await hosts.RunningAsync("half");
        await hosts.A.PrepareMoveAsync(order, default);
        hosts.EngineA.BeforeCutOver = hosts.Wire.Cut;
        await Assert.ThrowsAsync<ContainerException>(() => hosts.B.CutOverAsync(order.MigrationId, default));
        await Until.TrueAsync(() => hosts.World.RunningOn("half") is ["host-a"], "the source has thawed");
        Assert.Empty(hosts.World.Violations);
    }

    [Fact]
    public async Task A_move_that_waits_over_TLS_is_given_up_when_it_is_told()
    {
        await using HostPair hosts = Pair();
        MoveOrder order = await hosts.RunningAsync("waiting");
        await hosts.A.PrepareMoveAsync(order, default);
        await hosts.A.AbandonMoveAsync(order.MigrationId, "enough", default);
        Assert.Equal(["host-a"], hosts.World.RunningOn("waiting"));
        await Until.TrueAsync(async () => (await hosts.B.GetProgressAsync(default)).All(p => p.Stage == "failed"), "the target has heard of it");
    }

    [Fact]
    public async Task Rubbish_on_a_channel_with_TLS_harms_nothing()
    {
        await using HostPair hosts = Pair();
        foreach (byte[] rubbish in (byte[][])["GET / HTTP/1.1\r\n\r\n"u8.ToArray(), [22, 3, 3, 255, 255, 1, 2, 3], [1]])
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPEndPoint.Parse(hosts.Wire.Address));
            await socket.SendAsync(rubbish);
            socket.Shutdown(SocketShutdown.Send);
            while (await socket.ReceiveAsync(new byte[1000]) > 0)
            {
                // A refusal, or an alert.
            }
        }
        await MoveAsync(hosts, "web");
    }

    [Fact]
    public void What_other_hosts_would_not_take_is_said_at_the_start()
    {
        TlsOptions good = _authority.Issue("host-a");
        Assert.True(Check(good).Succeeded);
        Assert.True(Check(new TlsOptions()).Succeeded);
        Fails("AuthorityPath is missing", new TlsOptions { CertificatePath = good.CertificatePath, KeyPath = good.KeyPath });
        Fails("'/no/such.pem' cannot be read", new TlsOptions { CertificatePath = "/no/such.pem", KeyPath = good.KeyPath, AuthorityPath = good.AuthorityPath });
        Fails("does not fit the certificate", new TlsOptions { CertificatePath = good.CertificatePath, KeyPath = _authority.Issue("host-a").KeyPath, AuthorityPath = good.AuthorityPath });
        Fails("There is no PEM certificate in", new TlsOptions { CertificatePath = good.KeyPath, KeyPath = good.KeyPath, AuthorityPath = good.AuthorityPath });
        Fails("is not valid now", _authority.Issue("host-a", days: -1));
        Fails("has no subject alternative name DNS:host-a", _authority.Issue("host-b"));
        Fails("cannot be used", _authority.Issue("host-a", usage: ClientUsage));
        using var other = new Authority();
        Fails("is not of the authority", new TlsOptions { CertificatePath = good.CertificatePath, KeyPath = good.KeyPath, AuthorityPath = other.RootPath });
    }

    private HostPair Pair() => new(_authority.Issue("host-a"), _authority.Issue("host-b"));

    private static async Task<MoveOrder> MoveAsync(HostPair hosts, string name)
    {
        MoveOrder order = await hosts.RunningAsync(name);
        byte[] memory = ((FakeContainer)hosts.EngineA.Find(name)!).Memory;
        await hosts.A.PrepareMoveAsync(order, default);
        await hosts.B.CutOverAsync(order.MigrationId, default);
        Assert.True(await hosts.CommitRecordAsync(order));
        await hosts.B.CommitMoveAsync(order.MigrationId, 2, default);
        Assert.Equal(["host-b"], hosts.World.RunningOn(name));
        Assert.Equal(memory, ((FakeContainer)hosts.EngineB.Find(name)!).Memory);
        Assert.Empty(hosts.World.Violations);
        return order;
    }

    /// <summary>Twice: the listener serves on. Returns the sentence.</summary>
    private static async Task<string> RefusedAsync(TlsOptions? a, TlsOptions? b, ContainerErrorCode code)
    {
        await using var hosts = new HostPair(a, b);
        string message = "";
        foreach (string name in (string[])["one", "two"])
        {
            MoveOrder order = await hosts.RunningAsync(name);
            ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => hosts.A.PrepareMoveAsync(order, default));
            Assert.True(code == e.Code, e.Message);
            Assert.Equal(["host-a"], hosts.World.RunningOn(name));
            Assert.False(((FakeContainer)hosts.EngineA.Find(name)!).Frozen);
            message = e.Message;
        }
        Assert.Empty(await hosts.B.GetProgressAsync(default));
        return message;
    }

    private static ValidateOptionsResult Check(TlsOptions options) =>
        new TlsOptionsCheck(Options.Create(new SiloOptions { HostName = "host-a" })).Validate(null, options);

    private static void Fails(string sentence, TlsOptions options) => Assert.Contains(sentence, Check(options).FailureMessage);
}
