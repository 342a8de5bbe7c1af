using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>One <see cref="PacketForge"/> for a whole restore.</summary>
internal static class PacketForges
{
    /// <summary>The thread must be in the container's network namespace.</summary>
    public static PacketForge Of(RestoreContext context) => context.Once(typeof(PacketForge), () =>
    {
        var forge = new PacketForge();
        context.OnThaw(forge.Dispose);
        return forge;
    });
}
