namespace ContainerGrains.Linux.Net;

/// <summary>A network interface as the kernel lists it.</summary>
/// <param name="MasterIndex">Index of the bridge it is a port of; 0 when of none.</param>
/// <param name="Kind">"veth", "bridge"; empty for what has none, as lo.</param>
public sealed record LinkInfo(int Index, string Name, string Kind, bool IsUp, MacAddress Mac, int Mtu, int MasterIndex, long ReceivedBytes, long SentBytes);
