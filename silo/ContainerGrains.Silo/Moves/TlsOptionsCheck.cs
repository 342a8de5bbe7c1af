using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo;

/// <summary>At start: a host that no other would talk to says so itself, at once.</summary>
internal sealed class TlsOptionsCheck(IOptions<SiloOptions> silo) : IValidateOptions<TlsOptions>
{
    public ValidateOptionsResult Validate(string? name, TlsOptions options)
    {
        if (!options.IsSet)
            return ValidateOptionsResult.Success;
        try
        {
            using HostTls tls = HostTls.Load(options);
            tls.CheckOwn(silo.Value.HostName);
            return ValidateOptionsResult.Success;
        }
        catch (IOException e)
        {
            return ValidateOptionsResult.Fail(e.Message);
        }
    }
}
