using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace ContainerGrains.Clustering;

/// <summary>
/// A SQL database that holds a cluster's membership and records. The statements are the common tongue of SQLite and
/// PostgreSQL; only connections and the names of a few types differ.
/// </summary>
public sealed class SqlStore : IAsyncDisposable
{
    private readonly string _connectionString;
    private readonly NpgsqlDataSource? _postgres;
    private readonly SemaphoreSlim _once = new(1, 1);
    private volatile bool _ready;

    public SqlStore(ClusterOptions options)
    {
        if (options.Store == ClusterStore.Postgres)
        {
            _connectionString = options.ConnectionString;
            _postgres = NpgsqlDataSource.Create(options.ConnectionString);
            return;
        }
        _connectionString = new SqliteConnectionStringBuilder { DataSource = options.Path, DefaultTimeout = 10 }.ToString();
        if (Path.GetDirectoryName(options.Path) is { Length: > 0 } directory)
            Directory.CreateDirectory(directory);
    }

    /// <summary>Runs work in a transaction that sees the database alone where it writes.</summary>
    public Task<T> TransactAsync<T>(Func<DbCommand, Task<T>> work, CancellationToken cancellationToken) =>
        // SQLite calls block; on the pool they do not hold up a grain's scheduler.
        Task.Run(() => RunAsync(work, write: true, cancellationToken), cancellationToken);

    /// <summary>Runs a read of one statement, without locks.</summary>
    public Task<T> ReadAsync<T>(Func<DbCommand, Task<T>> work, CancellationToken cancellationToken) =>
        Task.Run(() => RunAsync(work, write: false, cancellationToken), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _once.Dispose();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
    }

    private async Task<T> RunAsync<T>(Func<DbCommand, Task<T>> work, bool write, CancellationToken cancellationToken)
    {
        await using DbConnection connection = await OpenAsync(cancellationToken);
        if (!_ready)
            await CreateSchemaAsync(connection, cancellationToken);
        await using DbCommand command = connection.CreateCommand();
        if (!write)
            return await work(command);

        // BEGIN IMMEDIATE (SQLite) takes the write lock at once: a later upgrade of a read lock could fail with SQLITE_BUSY.
        await using DbTransaction transaction = connection is SqliteConnection sqlite
            ? sqlite.BeginTransaction(deferred: false)
            : await connection.BeginTransactionAsync(cancellationToken);
        command.Transaction = transaction;
        T result = await work(command);
        await transaction.CommitAsync(cancellationToken);
        return result;
    }

    private async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (_postgres is not null)
            return await _postgres.OpenConnectionAsync(cancellationToken);
        var connection = new SqliteConnection(_connectionString);
        await connection.OpenAsync(cancellationToken);
        await using SqliteCommand pragma = connection.CreateCommand();
        // NORMAL in WAL: a killed process loses nothing; a power cut may lose the last records, and with it every process they speak of.
        pragma.CommandText = "PRAGMA busy_timeout = 10000; PRAGMA synchronous = NORMAL;";
        await pragma.ExecuteNonQueryAsync(cancellationToken);
        return connection;
    }

    private async Task CreateSchemaAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await _once.WaitAsync(cancellationToken);
        try
        {
            if (_ready)
                return;
            bool sqlite = connection is SqliteConnection;
            await using DbCommand command = connection.CreateCommand();
            if (sqlite)
            {
                command.CommandText = "PRAGMA journal_mode = WAL;";
                await command.ExecuteScalarAsync(cancellationToken);
            }
            await using DbTransaction transaction = sqlite
                ? ((SqliteConnection)connection).BeginTransaction(deferred: false)
                : await connection.BeginTransactionAsync(cancellationToken);
            command.Transaction = transaction;
            command.CommandText = SqlSchema.For(sqlite);
            await command.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            _ready = true;
        }
        finally
        {
            _once.Release();
        }
    }
}
