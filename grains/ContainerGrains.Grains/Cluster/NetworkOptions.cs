using System.ComponentModel.DataAnnotations;
using System.Net;

namespace ContainerGrains.Grains;

/// <summary>The containers' network. Section "Network"; the same on every silo.</summary>
public sealed class NetworkOptions : IValidatableObject
{
    public const string Section = "Network";

    /// <summary>IPv4 network that containers get their addresses from.</summary>
    [Required]
    public string Subnet { get; set; } = "10.88.0.0/16";

    /// <summary>Addresses of the subnet below this offset are kept for hosts, gateways and clients.</summary>
    [Range(1, 1 << 20)]
    public int FirstOffset { get; set; } = 256;

    /// <summary>Default route of containers; empty for none.</summary>
    public string Gateway { get; set; } = "";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IPNetwork.TryParse(Subnet, out IPNetwork network) || network.PrefixLength is < 8 or > 30 || network.BaseAddress.GetAddressBytes().Length != 4)
            yield return new ValidationResult($"Network:Subnet '{Subnet}' must be an IPv4 network such as 10.88.0.0/16.", [nameof(Subnet)]);
        else if (FirstOffset >= (1L << (32 - network.PrefixLength)) - 1)
            yield return new ValidationResult($"Network:FirstOffset {FirstOffset} lies outside {Subnet}.", [nameof(FirstOffset)]);
        if (Gateway.Length > 0 && !IPAddress.TryParse(Gateway, out _))
            yield return new ValidationResult($"Network:Gateway '{Gateway}' must be an IPv4 address.", [nameof(Gateway)]);
    }
}
