using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ContainerGrains.Silo.Tests;

/// <summary>A throw-away authority that gives hosts their certificates, as files.</summary>
internal sealed class Authority : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cg-tls-").FullName;
    private readonly X509Certificate2 _root;

    public Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-10), DateTimeOffset.UtcNow.AddDays(10));
        File.WriteAllText(RootPath, _root.ExportCertificatePem());
    }

    public string RootPath => Path.Combine(_directory, "authority.pem");

    /// <summary>A certificate for a host of this name; valid for so many days from now, which may be over.</summary>
    public TlsOptions Issue(string name, int days = 1, string usage = "")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        if (usage.Length > 0)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], true));
        using X509Certificate2 certificate = request.Create(_root, DateTimeOffset.UtcNow.AddDays(-5), DateTimeOffset.UtcNow.AddDays(days), Guid.NewGuid().ToByteArray());
        string path = Path.Combine(_directory, Guid.NewGuid().ToString("N"));
        File.WriteAllText($"{path}.pem", certificate.ExportCertificatePem());
        File.WriteAllText($"{path}.key", key.ExportPkcs8PrivateKeyPem());
        return new TlsOptions { CertificatePath = $"{path}.pem", KeyPath = $"{path}.key", AuthorityPath = RootPath };
    }

    public void Dispose()
    {
        _root.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
