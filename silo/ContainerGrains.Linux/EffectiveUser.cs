namespace ContainerGrains.Linux;

/// <summary>The calling thread (only it) with other effective ids, until disposed; setresuid(2). The real and saved ids stay, and lead back.</summary>
public sealed class EffectiveUser : IDisposable
{
    public EffectiveUser(uint uid, uint gid)
    {
        Set(uid, gid, userFirst: false);
    }

    public void Dispose() => Set(0, 0, userFirst: true);

    // Only root may change the group: the user goes last, and comes back first.
    private static void Set(uint uid, uint gid, bool userFirst)
    {
        if (userFirst) Kernel.Call("setresuid", Syscall.setresuid, -1, uid, -1);
        Kernel.Call("setresgid", Syscall.setresgid, -1, gid, -1);
        if (!userFirst) Kernel.Call("setresuid", Syscall.setresuid, -1, uid, -1);
    }
}
