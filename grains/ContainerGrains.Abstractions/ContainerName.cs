using System.Diagnostics.CodeAnalysis;

namespace ContainerGrains;

/// <summary>The rule for names that are unique in the cluster: a DNS label (RFC 1123), 1 to 63 characters.</summary>
public static class ContainerName
{
    /// <summary>Longest name, in characters.</summary>
    public const int MaxLength = 63;

    /// <summary>Whether <paramref name="name"/> is a DNS label: lower-case letters, digits and inner hyphens.</summary>
    public static bool IsValid([NotNullWhen(true)] string? name) =>
        name is { Length: >= 1 and <= MaxLength }
        && name[0] != '-' && name[^1] != '-'
        && name.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '-');

    /// <exception cref="ContainerException">InvalidName.</exception>
    public static void Check(string? name)
    {
        if (!IsValid(name))
            throw new ContainerException(ContainerErrorCode.InvalidName,
                $"'{name}' is not a container name: use 1 to {MaxLength} lower-case letters, digits and inner hyphens.");
    }
}
