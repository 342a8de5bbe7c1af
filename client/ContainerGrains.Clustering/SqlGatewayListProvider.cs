using Orleans;
using Orleans.Messaging;
using Orleans.Runtime;

namespace ContainerGrains.Clustering;

/// <summary>Tells clients which silos have a gateway: the active ones with a proxy port.</summary>
public sealed class SqlGatewayListProvider(SqlMembershipTable table) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => TimeSpan.FromSeconds(2);
    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => table.InitializeMembershipTable(tryInitTableVersion: true);

    public async Task<IList<Uri>> GetGateways()
    {
        MembershipTableData data = await table.ReadAll();
        return [.. data.Members.Select(m => m.Item1).Where(m => m.Status == SiloStatus.Active && m.ProxyPort > 0)
            .Select(m => SiloAddress.New(m.SiloAddress.Endpoint.Address, m.ProxyPort, m.SiloAddress.Generation).ToGatewayUri())];
    }
}
