namespace ContainerGrains.Clustering;

/// <summary>The tables of a cluster, created where they are missing.</summary>
internal static class SqlSchema
{
    public static string For(bool sqlite)
    {
        string blob = sqlite ? "BLOB" : "BYTEA";
        // Two silos may start at the same moment; PostgreSQL's IF NOT EXISTS is no protection against that, a lock is.
        string alone = sqlite ? "" : "SELECT pg_advisory_xact_lock(4711060106);";
        return $"""
            {alone}
            CREATE TABLE IF NOT EXISTS cg_cluster (
                cluster_id TEXT NOT NULL PRIMARY KEY,
                version    INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS cg_silo (
                cluster_id TEXT NOT NULL,
                silo       TEXT NOT NULL,
                etag       INTEGER NOT NULL,
                status     INTEGER NOT NULL,
                proxy_port INTEGER NOT NULL,
                name       TEXT NOT NULL,
                host       TEXT NOT NULL,
                started    TEXT NOT NULL,
                alive      TEXT NOT NULL,
                suspects   TEXT NOT NULL,
                PRIMARY KEY (cluster_id, silo));
            CREATE TABLE IF NOT EXISTS cg_record (
                service_id TEXT NOT NULL,
                grain      TEXT NOT NULL,
                state      TEXT NOT NULL,
                etag       TEXT NOT NULL,
                data       {blob} NOT NULL,
                PRIMARY KEY (service_id, grain, state));
            """;
    }
}
