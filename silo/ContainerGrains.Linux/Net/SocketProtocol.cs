namespace ContainerGrains.Linux.Net;

/// <summary>IPPROTO_TCP and IPPROTO_UDP.</summary>
public enum SocketProtocol : byte { Tcp = 6, Udp = 17 }
