using System.Globalization;
using System.Text.Json;
using ContainerGrains.Client;
using ContainerGrains.GrainCaller;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// A service that calls a container's grain as fast as it can, from a network namespace of its own: GrainCaller NAME TASKS CALLS.
// Says "ready" after the first call; ends after CALLS calls, but not before it reads a line; then prints its tally as JSON.
HostApplicationBuilder builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Error);
builder.AddContainerGrains();
using IHost host = builder.Build();
await host.StartAsync();

ContainerHandle container = host.Services.GetRequiredService<ContainerCluster>().Container(args[0]);
var hammer = new Hammer(container, int.Parse(args[1], CultureInfo.InvariantCulture), int.Parse(args[2], CultureInfo.InvariantCulture));
await container.GetStatusAsync();
Console.WriteLine("ready");
Tally tally = await hammer.RunAsync(Task.Run(Console.ReadLine));
Console.WriteLine(JsonSerializer.Serialize(tally));
await host.StopAsync();
