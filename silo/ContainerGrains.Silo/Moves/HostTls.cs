using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ContainerGrains.Silo;

/// <summary>
/// This host's certificate and whom it trusts: certificates of the one authority only, without asking anybody on the network.
/// Errors are an IOException with a sentence for the user.
/// </summary>
internal sealed class HostTls : IDisposable
{
    /// <summary>For all of a handshake.</summary>
    public static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(5);

    private const string ServerUsage = "1.3.6.1.5.5.7.3.1", ClientUsage = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _certificate;
    private readonly X509Certificate2Collection _intermediates, _authority;

    private HostTls(X509Certificate2 certificate, X509Certificate2Collection intermediates, X509Certificate2Collection authority) =>
        (_certificate, _intermediates, _authority) = (certificate, intermediates, authority);

    /// <exception cref="IOException">A file is missing or is not what it should be.</exception>
    public static HostTls Load(TlsOptions options)
    {
        string certificates = ReadPem(options.CertificatePath, nameof(options.CertificatePath));
        string key = ReadPem(options.KeyPath, nameof(options.KeyPath));
        string authorities = ReadPem(options.AuthorityPath, nameof(options.AuthorityPath));
        X509Certificate2Collection authority = Parse(authorities, options.AuthorityPath), chain = Parse(certificates, options.CertificatePath);
        try
        {
            X509Certificate2 certificate = X509Certificate2.CreateFromPem(certificates, key);
            chain[0].Dispose();
            chain.RemoveAt(0);
            return new HostTls(certificate, chain, authority);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new IOException($"The key '{options.KeyPath}' (Silo:Tls:KeyPath) does not fit the certificate '{options.CertificatePath}': give an unencrypted PEM key that does.", e);
        }
    }

    /// <summary>Whether other hosts would take this host's certificate, in both parts that it plays.</summary>
    public void CheckOwn(string host)
    {
        foreach (string usage in (string[])[ServerUsage, ClientUsage])
        {
            using var chain = new X509Chain { ChainPolicy = Policy(usage) };
            chain.ChainPolicy.ExtraStore.AddRange(_intermediates);
            string? wrong = chain.Build(_certificate) ? NameProblem(_certificate, host) : ChainProblem(_certificate, chain);
            if (wrong is not null)
                throw new IOException($"No other host would take the certificate of Silo:Tls:CertificatePath: {wrong}.");
        }
    }

    /// <summary>Client's handshake; trusts nobody but <paramref name="host"/>.</summary>
    public DataChannel Connect(Socket socket, string host)
    {
        string? distrust = null;
        return Shake(socket, host, ssl => ssl.AuthenticateAsClient(new SslClientAuthenticationOptions
        {
            TargetHost = host,
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificateContext = Context(),
            CertificateChainPolicy = Policy(ServerUsage),
            AllowTlsResume = false,
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                (distrust = ChainProblem(certificate as X509Certificate2, chain, errors) ?? NameProblem((X509Certificate2)certificate!, host)) is null,
        }), () => distrust);
    }

    /// <summary>Server's handshake. A client that is not trusted is told why, by the channel that it gets, and nothing is read from it.</summary>
    public DataChannel Accept(Socket socket)
    {
        string? distrust = null;
        DataChannel channel = Shake(socket, "the peer", ssl => ssl.AuthenticateAsServer(new SslServerAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls13,
            ServerCertificateContext = Context(),
            ClientCertificateRequired = true,
            CertificateChainPolicy = Policy(ClientUsage),
            AllowTlsResume = false,
            // An alert of TLS would tell it less: the answer is Refuse, and the channel is good for nothing else.
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            {
                distrust = ChainProblem(certificate as X509Certificate2, chain, errors);
                return true;
            },
        }), () => null);
        channel.Distrust = channel.PeerCertificate is null ? NoCertificate : distrust;
        return channel;
    }

    /// <summary>Why a certificate does not speak for a host; null when it does.</summary>
    public static string? NameProblem(X509Certificate2 certificate, string host) =>
        certificate.MatchesHostname(host, allowWildcards: false, allowCommonName: false)
            ? null
            : $"the certificate ({certificate.Subject}) has no subject alternative name DNS:{host}";

    public void Dispose()
    {
        _certificate.Dispose();
        foreach (X509Certificate2 certificate in (X509Certificate2[])[.. _intermediates, .. _authority])
            certificate.Dispose();
    }

    private const string NoCertificate = "it shows no certificate";

    private DataChannel Shake(Socket socket, string peer, Action<SslStream> authenticate, Func<string?> distrust)
    {
        // Each receive has its limit; a peer that sends a byte now and then needs another.
        using var limit = new CancellationTokenSource(HandshakeTimeout);
        using CancellationTokenRegistration cut = limit.Token.Register(socket.Dispose);
        var channel = new DataChannel(socket, out SslStream ssl);
        try
        {
            authenticate(ssl);
            return channel;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or SocketException or ObjectDisposedException or CryptographicException or InvalidOperationException)
        {
            channel.Dispose();
            throw new IOException(distrust() is { } why
                ? $"{peer} is not trusted: {why}"
                : $"there was no TLS handshake with {peer} ({(limit.IsCancellationRequested ? "no answer" : e.InnerException?.Message ?? e.Message)}); Silo:Tls must be set on both hosts or on none, and the log of the other side may say more", e);
        }
    }

    private SslStreamCertificateContext Context() => SslStreamCertificateContext.Create(_certificate, _intermediates, offline: true);

    private X509ChainPolicy Policy(string usage)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authority);
        policy.ApplicationPolicy.Add(new Oid(usage));
        return policy;
    }

    private static string? ChainProblem(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || chain is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return NoCertificate;
        return errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? ChainProblem(certificate, chain) : null;
    }

    private static string ChainProblem(X509Certificate2 certificate, X509Chain chain)
    {
        X509ChainStatusFlags flags = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, s) => all | s.Status);
        const X509ChainStatusFlags stranger = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid;
        if ((flags & stranger) != 0)
            return $"the certificate ({certificate.Subject}) is not of the authority of Silo:Tls:AuthorityPath";
        if (flags.HasFlag(X509ChainStatusFlags.NotTimeValid))
            return $"the certificate ({certificate.Subject}), or one above it, is not valid now (it is from {certificate.NotBefore:u} to {certificate.NotAfter:u})";
        return $"the certificate ({certificate.Subject}) cannot be used: {string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation.TrimEnd('.', ' ', '\n')))}";
    }

    private static string ReadPem(string path, string setting)
    {
        if (path.Length == 0)
            throw new IOException($"Silo:Tls:{setting} is missing: set CertificatePath, KeyPath and AuthorityPath, or none of them.");
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Silo:Tls:{setting} '{path}' cannot be read: {e.Message}", e);
        }
    }

    private static X509Certificate2Collection Parse(string pem, string path)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new IOException($"A certificate in '{path}' is damaged: {e.Message}", e);
        }
        return certificates.Count > 0 ? certificates : throw new IOException($"There is no PEM certificate in '{path}'.");
    }
}
