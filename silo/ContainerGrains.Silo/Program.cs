using ContainerGrains.Silo;
using ContainerGrains.Silo.Api;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Configuration.AddEnvironmentVariables("CG_");
builder.Configuration.AddCommandLine(args);
builder.Host.UseSystemd();
builder.AddContainerGrainsSilo();

WebApplication app = builder.Build();
app.MapContainerGrainsApi();
await app.RunAsync();
