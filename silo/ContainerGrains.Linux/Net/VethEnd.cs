namespace ContainerGrains.Linux.Net;

/// <summary>How one end of a veth pair is to be.</summary>
/// <param name="Name">At most 15 characters.</param>
/// <param name="MasterIndex">Bridge to be a port of; 0: none.</param>
/// <param name="Mtu">0: the kernel's default.</param>
public sealed record VethEnd(string Name, MacAddress? Mac = null, int MasterIndex = 0, int Mtu = 0);
