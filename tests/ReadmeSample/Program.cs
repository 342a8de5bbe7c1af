using ContainerGrains;
using ContainerGrains.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.AddContainerGrains();
using IHost app = builder.Build();
await app.StartAsync();

ContainerCluster cluster = app.Services.GetRequiredService<ContainerCluster>();
ContainerHandle ticker = await cluster.RunAsync("ticker", new ContainerSpec
{
    Args = ["sh", "-c", "n=0; while echo $n; do n=$((n+1)); sleep 1; done"],
});

MigrationReport move = await ticker.MigrateAsync();          // the cluster chooses where to
Console.WriteLine($"{move.Name}: {move.From} -> {move.To}, frozen {move.FreezeMs:F1} ms");

ExecResult names = await ticker.ExecAsync(["hostname"]);
Console.WriteLine(names.StdoutText);
await foreach (LogChunk chunk in ticker.LogsAsync())         // goes on from a cursor, across moves
    Console.OpenStandardOutput().Write(chunk.Stdout);

await ticker.DeleteAsync(force: true);
await app.StopAsync();
