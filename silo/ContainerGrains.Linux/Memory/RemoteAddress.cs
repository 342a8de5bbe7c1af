namespace ContainerGrains.Linux;

/// <summary>An address in another process's memory; a type of its own so that it cannot be mixed with ours.</summary>
public readonly record struct RemoteAddress(ulong Value)
{
    public static RemoteAddress operator +(RemoteAddress a, long offset) => new(a.Value + (ulong)offset);
    public static implicit operator long(RemoteAddress a) => (long)a.Value;
    public override string ToString() => $"0x{Value:x}";
}
