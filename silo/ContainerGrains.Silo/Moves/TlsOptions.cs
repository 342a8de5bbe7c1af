namespace ContainerGrains.Silo;

/// <summary>
/// TLS 1.3 with certificates of both sides on the data channel of moves. Section "Silo:Tls"; all three (PEM files) or none, and the same choice on
/// every host. The files are read anew for each move: a renewed certificate needs no restart.
/// </summary>
public sealed class TlsOptions
{
    public const string Section = "Silo:Tls";

    /// <summary>This host's certificate, with intermediate ones behind it; its subject's alternative DNS name is Silo:HostName.</summary>
    public string CertificatePath { get; set; } = "";

    /// <summary>The certificate's private key, without a password.</summary>
    public string KeyPath { get; set; } = "";

    /// <summary>The authority (one or more certificates) that the certificates of all hosts come from; no other is trusted.</summary>
    public string AuthorityPath { get; set; } = "";

    public bool IsSet => CertificatePath.Length + KeyPath.Length + AuthorityPath.Length > 0;
}
