using System.ComponentModel.DataAnnotations;
using System.Net;

namespace ContainerGrains.Silo;

/// <summary>
/// This host's silo. Section "Silo". Every key can be given in appsettings.json, in the environment or on the command line:
/// <code>
///   Silo:HostName        CG_Silo__HostName=host-a         --Silo:HostName=host-a          stable name of this host (required, a DNS label)
///   Silo:StateDirectory  CG_Silo__StateDirectory=DIR      --Silo:StateDirectory=DIR       containers of this host; real file system or tmpfs
///   Silo:Address         CG_Silo__Address=10.87.0.1       --Silo:Address=10.87.0.1        this host's own IP: silo, gateway and data channel bind to it
///   Silo:SiloPort        11111                            silo to silo
///   Silo:GatewayPort     30000                            clients
///   Silo:DataPort        11112                            data channel of moves
///   Silo:ApiSocket       /run/containergrains/api.sock    the local HTTP API's Unix socket
///   Silo:Bridge          cg0                              bridge for containers' interfaces; empty: containers have only lo
///   Silo:Nice            -10                              the silo's own nice value: a busy host must not stretch a freeze
///   Silo:CgroupParent    containergrains                  cgroup above the hosts' groups; one for each cluster of a machine
///   Silo:MigrateTimeout  00:02:00                         longest hand-over of a grain, freeze and activation included
///   Silo:DrainOnStop     false                            SIGTERM: what runs on this host moves away before the silo stops
///   Silo:DrainTimeout    00:01:00                         longest drain on a stop
///   Silo:Tls:CertificatePath, Silo:Tls:KeyPath, Silo:Tls:AuthorityPath   PEM files: TLS with certificates of both sides on the data channel
///   Cluster:Store        Sqlite | Redis | Postgres
///   Cluster:Path         /var/lib/containergrains/cluster.db          (Sqlite: the file that all silos of the machine share)
///   Cluster:ConnectionString                                          (Redis, Postgres)
///   Cluster:ClusterId, Cluster:ServiceId                              default "containergrains"
///   Network:Subnet       10.88.0.0/16                     containers' addresses
///   Network:FirstOffset  256                              addresses below it are kept for hosts, gateways and clients
///   Network:Gateway      (empty)                          default route of containers
/// </code>
/// Traces and metrics are exported when the standard OTEL_EXPORTER_OTLP_* variables are set.
/// </summary>
public sealed class SiloOptions : IValidatableObject
{
    public const string Section = "Silo";

    /// <summary>Stable name of this host; it is also the silo's name in the cluster.</summary>
    [Required]
    public string HostName { get; set; } = "";

    /// <summary>Directory of this host's containers; created when missing.</summary>
    [Required]
    public string StateDirectory { get; set; } = "/var/lib/containergrains/host";

    /// <summary>IP address that others reach this host at; everything binds to it.</summary>
    [Required]
    public string Address { get; set; } = "127.0.0.1";

    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11111;

    [Range(1, 65535)]
    public int GatewayPort { get; set; } = 30000;

    [Range(1, 65535)]
    public int DataPort { get; set; } = 11112;

    /// <summary>Path of the local API's Unix socket; its directory is created.</summary>
    [Required]
    public string ApiSocket { get; set; } = "/run/containergrains/api.sock";

    /// <summary>Bridge that containers are attached to; empty gives them only lo.</summary>
    public string Bridge { get; set; } = "";

    /// <summary>
    /// The silo's nice value, -20 to 19: on a busy host its threads come before those of containers, which have their own, or every freeze
    /// would wait for its turn.
    /// </summary>
    [Range(-20, 19)]
    public int Nice { get; set; } = -10;

    /// <summary>Name of the cgroup above the hosts' groups; two clusters of one machine need two.</summary>
    [Required]
    public string CgroupParent { get; set; } = "containergrains";

    /// <summary>Longest hand-over of a grain: waiting until it is idle, freeze and activation on the target.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan MigrateTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// A silo that is stopped in good order (SIGTERM) drains its host first. A host that was not cordoned before takes containers again when
    /// the next silo has started.
    /// </summary>
    public bool DrainOnStop { get; set; }

    /// <summary>Longest drain on a stop; what has not moved by then stays.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromMinutes(1);

    public IPAddress ParsedAddress => IPAddress.Parse(Address);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!ContainerName.IsValid(HostName))
            yield return new ValidationResult($"Silo:HostName '{HostName}' must be a DNS label, host-a for example.", [nameof(HostName)]);
        if (!ContainerName.IsValid(CgroupParent))
            yield return new ValidationResult($"Silo:CgroupParent '{CgroupParent}' must be a DNS label, containergrains for example.", [nameof(CgroupParent)]);
        if (!IPAddress.TryParse(Address, out _))
            yield return new ValidationResult($"Silo:Address '{Address}' must be an IP address of this host.", [nameof(Address)]);
        if (!Path.IsPathRooted(ApiSocket))
            yield return new ValidationResult($"Silo:ApiSocket '{ApiSocket}' must be an absolute path.", [nameof(ApiSocket)]);
        if (!Path.IsPathRooted(StateDirectory))
            yield return new ValidationResult($"Silo:StateDirectory '{StateDirectory}' must be an absolute path.", [nameof(StateDirectory)]);
    }
}
