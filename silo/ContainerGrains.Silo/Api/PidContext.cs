namespace ContainerGrains.Silo.Api;

/// <summary>
/// A place where a pid has a meaning, as users write it: "host", "host:NAME", a container's name, or a path of nested
/// containers, "outer/inner".
/// </summary>
internal sealed record PidContext(string? Host, string? Container, string Path)
{
    /// <summary>Whether it is a host.</summary>
    public bool IsHost => Container is null;

    /// <exception cref="ContainerException">InvalidSpec.</exception>
    public static PidContext Parse(string text)
    {
        if (text == "host")
            return new(null, null, "host");
        if (text.StartsWith("host:", StringComparison.Ordinal) && text.Length > "host:".Length)
            return new(text["host:".Length..], null, "host");
        string[] parts = text.Split('/');
        if (!parts.All(ContainerName.IsValid))
            throw new ContainerException(ContainerErrorCode.InvalidSpec,
                $"'{text}' is not a context: write 'host', 'host:NAME', a container's name, or a path of nested containers such as 'outer/inner'.");
        return new(null, parts[0], string.Join('/', parts[1..]));
    }
}
