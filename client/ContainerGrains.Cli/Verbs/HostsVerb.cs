using System.CommandLine;
using System.Globalization;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;

namespace ContainerGrains.Cli.Verbs;

internal sealed class HostsVerb() : Verb("hosts", "", "List the cluster's hosts.", "cg hosts", "cg hosts --json")
{
    public override int Run(ParseResult parsed, Cg cg)
    {
        if (cg.Json)
        {
            cg.PrintJson(cg.Api.Call("GET", "/hosts"));
            return 0;
        }
        var table = new Table("NAME", "STATE", ">CONTAINERS", ">CPUS", ">MEMORY", ">AVAILABLE", "DATA ADDRESS", "KERNEL", "VERSION");
        foreach (ApiHost h in cg.Api.Get("/hosts", ApiJson.Default.IReadOnlyListApiHost))
        {
            table.Row(h.Name, h.Cordoned ? $"{h.State},cordoned" : h.State, h.Containers.ToString(CultureInfo.InvariantCulture), h.Cpus.ToString(CultureInfo.InvariantCulture),
                Human.Bytes(h.MemoryBytes), Human.Bytes(h.MemoryAvailableBytes), h.DataAddress, h.Kernel, h.Version);
        }
        cg.Out.Write(table.ToString());
        return 0;
    }
}
