using System.ComponentModel.DataAnnotations;

namespace ContainerGrains.Clustering;

/// <summary>Which cluster, and where it keeps its membership and its records. Section "Cluster"; silo and client share it.</summary>
public sealed class ClusterOptions : IValidatableObject
{
    public const string Section = "Cluster";

    /// <summary>Silos and clients with the same id form one cluster.</summary>
    [Required]
    public string ClusterId { get; set; } = "containergrains";

    /// <summary>Records belong to the service; they stay when the cluster id changes.</summary>
    [Required]
    public string ServiceId { get; set; } = "containergrains";

    /// <summary>Where membership and records live. Default: SQLite, for hosts on one machine.</summary>
    public ClusterStore Store { get; set; } = ClusterStore.Sqlite;

    /// <summary>Sqlite: the database file, shared by all silos and clients of the cluster; its directory is created.</summary>
    public string Path { get; set; } = "/var/lib/containergrains/cluster.db";

    /// <summary>Redis: "host:port,password=…"; Postgres: "Host=…;Username=…;Password=…;Database=…".</summary>
    public string ConnectionString { get; set; } = "";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Store == ClusterStore.Sqlite && !System.IO.Path.IsPathRooted(Path))
            yield return new ValidationResult($"Cluster:Path '{Path}' must be an absolute path of a file.", [nameof(Path)]);
        if (Store != ClusterStore.Sqlite && ConnectionString.Length == 0)
            yield return new ValidationResult($"Cluster:ConnectionString is needed for the store {Store}.", [nameof(ConnectionString)]);
    }
}

/// <summary>The stores a cluster can stand on.</summary>
public enum ClusterStore
{
    Sqlite = 0,
    Redis = 1,
    Postgres = 2,
}
