using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Turns a puppet inside a container into a program: descriptors, credentials, capabilities, directory, execve(2).</summary>
internal static class ProgramStart
{
    public const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Capabilities of a container's root, as podman gives them: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, sys_chroot, setfcap.</summary>
    private const ulong DefaultCapabilities = 1ul << 0 | 1ul << 1 | 1ul << 3 | 1ul << 4 | 1ul << 5 | 1ul << 6 | 1ul << 7 | 1ul << 8 | 1ul << 10 | 1ul << 18 | 1ul << 31;

    /// <summary>Runs until the program's first instruction, still stopped and traced.</summary>
    /// <param name="root">The container's root (O_PATH).</param>
    /// <param name="stdio">Our descriptors for 0, 1 and 2.</param>
    /// <exception cref="EngineException">ProgramNotFound, ProgramNotExecutable, InvalidConfig.</exception>
    public static void Exec(Puppet puppet, FileDescriptor root, Request request, IReadOnlyList<FileDescriptor> stdio)
    {
        // What the silo has for itself, as a service that must not be held up or killed, is not its containers'.
        Scheduling.SetNice(puppet.Tid, 0);
        string oomScore = string.Create(CultureInfo.InvariantCulture, $"/proc/{puppet.Tid}/oom_score_adj");
        if (Linux.Files.ReadText(oomScore).StartsWith('-')) Linux.Files.WriteText(oomScore, "0");
        puppet.ResetScratch();
        List<string> env = BuildEnvironment(request);
        string program = FindProgram(root, request.Args[0], env);
        var calls = new List<RemoteCall>();
        foreach (FileDescriptor file in stdio)
            calls.Add(new(Syscall.pidfd_getfd, SeedImage.EnginePidFd, file.Number, 0));
        // pidfd_getfd sets close-on-exec.
        for (int fd = 0; fd < stdio.Count; fd++) calls.Add(new(Syscall.fcntl, fd, 2 /* F_SETFD */, 0));
        calls.Add(new(Syscall.close_range, SeedImage.EnginePidFd, uint.MaxValue, 0));
        calls.Add(new(Syscall.setsid));
        puppet.RunBatch(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(calls), goOnAfterErrors: true);
        for (int i = 0; i < stdio.Count; i++)
            if (calls[i].Result != i) throw new EngineException(EngineError.Internal, "start: descriptors", $"descriptor {i} came out as {calls[i].Result}");
        EnterWorkingDirectory(puppet, request);
        SetCredentials(puppet, request.User);
        Execve(puppet, program, request.Args, env);
    }

    /// <param name="MakesDirectory">A missing working directory is made: for a container's first program, not for execs.</param>
    public sealed record Request(IReadOnlyList<string> Args, IReadOnlyList<string> Env, string WorkingDirectory, bool MakesDirectory, UserLookup User, string Hostname);

    private static List<string> BuildEnvironment(Request request)
    {
        // What was given last counts: a program's getenv(3) would find the first.
        var env = new List<string>(request.Env.Reverse().DistinctBy(Key).Reverse());
        static string Key(string entry) => entry.Split('=', 2)[0];
        void Default(string entry)
        {
            if (!env.Any(e => Key(e) == Key(entry))) env.Add(entry);
        }
        Default(DefaultPath);
        Default($"HOME={request.User.Home}");
        Default($"HOSTNAME={request.Hostname}");
        return env;
    }

    private static string FindProgram(FileDescriptor root, string name, List<string> env)
    {
        if (name.Contains('/')) return CheckExecutable(root, name) ?? throw NotFound(name);
        string path = env.First(e => e.StartsWith("PATH=", StringComparison.Ordinal))[5..];
        EngineException? notExecutable = null;
        foreach (string directory in path.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                if (CheckExecutable(root, directory + "/" + name) is { } found) return found;
            }
            catch (EngineException e) when (e.Error == EngineError.ProgramNotExecutable)
            {
                notExecutable ??= e;
            }
        }
        throw notExecutable ?? NotFound(name);
    }

    private static string? CheckExecutable(FileDescriptor root, string path)
    {
        long fd = Linux.Files.TryOpenInRoot(root, path, Linux.Files.O_PATH);
        if (fd < 0) return null;
        using var file = new FileDescriptor(fd);
        FileStat stat = Linux.Files.Stat(file.Number, path);
        if (stat.Type != FileStat.S_IFREG || (stat.st_mode & 0x49) == 0)
            throw new EngineException(EngineError.ProgramNotExecutable, "start", $"'{path}' is not an executable file in the container; check its mode, or name another program");
        return path;
    }

    private static EngineException NotFound(string name) =>
        new(EngineError.ProgramNotFound, "start", $"there is no program '{name}' in the container's root file system; check the name and PATH");

    private static void EnterWorkingDirectory(Puppet puppet, Request request)
    {
        var calls = new List<RemoteCall>();
        string directory = request.WorkingDirectory;
        for (int slash = directory.IndexOf('/', 1); request.MakesDirectory && slash > 0; slash = directory.IndexOf('/', slash + 1))
            calls.Add(new(Syscall.mkdir, puppet.Put(directory[..slash]), 0x1ED));
        if (request.MakesDirectory) calls.Add(new(Syscall.mkdir, puppet.Put(directory), 0x1ED));
        calls.Add(new(Syscall.chdir, puppet.Put(directory)));
        puppet.RunBatch(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(calls), goOnAfterErrors: true);
        if (calls[^1].Result < 0)
            throw new EngineException(EngineError.InvalidConfig, "start: working directory", $"'{directory}' cannot be entered ({Errno.Name((int)-calls[^1].Result)}); name a directory of the container");
    }

    private static void SetCredentials(Puppet puppet, UserLookup user)
    {
        const int PR_CAPBSET_DROP = 24, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_CLEAR_ALL = 4, lastCapability = 40;
        var calls = new List<RemoteCall>();
        for (int capability = 0; capability <= lastCapability; capability++)
            if ((DefaultCapabilities >> capability & 1) == 0) calls.Add(new(Syscall.prctl, PR_CAPBSET_DROP, capability));
        calls.Add(new(Syscall.prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL));
        int[] groups = [.. user.Groups];
        calls.Add(new(Syscall.setgroups, groups.Length, puppet.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(groups))));
        calls.Add(new(Syscall.setresgid, user.Gid, user.Gid, user.Gid));
        calls.Add(new(Syscall.setresuid, user.Uid, user.Uid, user.Uid));
        if (user.Uid == 0)
        {
            // struct __user_cap_header (version 3) and two __user_cap_data: effective, permitted, inheritable, low and high words.
            uint low = (uint)DefaultCapabilities, high = (uint)(DefaultCapabilities >> 32);
            calls.Add(new(Syscall.capset, puppet.Put(0x20080522ul), puppet.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<uint>([low, low, 0, high, high, 0]))));
        }
        puppet.Run(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(calls), "credentials");
    }

    private static void Execve(Puppet puppet, string program, IReadOnlyList<string> args, List<string> env)
    {
        RemoteAddress path, argv, envp;
        try
        {
            path = puppet.Put(program);
            argv = PutStrings(puppet, args);
            envp = PutStrings(puppet, env);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOMEM)
        {
            throw new EngineException(EngineError.InvalidConfig, "start", $"arguments and environment are longer than {Stub.ScratchSize / 1024} KiB together; pass less", e);
        }
        long result = puppet.Execve(path, argv, envp);
        if (result >= 0) return;
        EngineError error = result == -Errno.ENOENT ? EngineError.ProgramNotFound : EngineError.ProgramNotExecutable;
        throw new EngineException(error, "start", $"the kernel cannot execute '{program}' ({Errno.Name((int)-result)}); check its format, interpreter and mode");
    }

    private static RemoteAddress PutStrings(Puppet puppet, IReadOnlyList<string> strings)
    {
        long[] pointers = new long[strings.Count + 1];
        for (int i = 0; i < strings.Count; i++) pointers[i] = puppet.Put(strings[i]);
        return puppet.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>(pointers));
    }
}
