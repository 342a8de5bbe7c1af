using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Reads the descriptor tables of a container and borrows each open file description once (pidfd_getfd(2), kcmp(2)).</summary>
internal static class DescriptorReader
{
    /// <summary>Fills <see cref="TaskDump.Descriptors"/> and <see cref="DumpContext.OpenFiles"/>.</summary>
    /// <param name="running">Processes may end and close descriptors meanwhile: those are left out.</param>
    public static void ReadAll(DumpContext context, bool running)
    {
        var known = new Dictionary<(ulong, ulong), List<OpenFile>>();
        foreach (TaskDump task in context.Tasks)
        {
            if (task.IsZombie) continue;
            try
            {
                using var pidFd = new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, task.Pid, 0, pid: task.Pid));
                foreach (int number in Numbers(task.Pid)) Read(task, pidFd, number, known, context);
            }
            catch (Exception e) when (running && IsGone(e))
            {
                // Ended in the middle: what was read of it stays, nothing of it matters any more.
            }
        }
    }

    private static bool IsGone(Exception e) => e is IOException or LinuxException { Errno: Errno.ESRCH or Errno.ENOENT or Errno.EBADF };

    private static void Read(TaskDump task, FileDescriptor pidFd, int number, Dictionary<(ulong, ulong), List<OpenFile>> known, DumpContext context)
    {
        long copy = Kernel.Raw(Syscall.pidfd_getfd, pidFd.Number, number, 0);
        if (copy == -Errno.EBADF) return;
        var fd = new FileDescriptor(Result.Check(copy, "pidfd_getfd", task.Pid));
        FileStat stat = Linux.Files.Stat(fd.Number);
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{task.Pid}/fdinfo/{number}");
        ProcFields info = ProcFields.Read(path);
        bool closeOnExec = (info.Octal("flags") & Linux.Files.O_CLOEXEC) != 0;
        if (!known.TryGetValue((stat.st_dev, stat.st_ino), out List<OpenFile>? candidates)) known.Add((stat.st_dev, stat.st_ino), candidates = []);
        OpenFile? file = candidates.FirstOrDefault(c => Kcmp.SameFile(task.Pid, number, c.Owner.Pid, c.Number));
        if (file is null)
        {
            string link = Linux.Files.ReadLink(string.Create(CultureInfo.InvariantCulture, $"/proc/{task.Pid}/fd/{number}")) ?? "";
            file = new OpenFile(context.OpenFiles.Count, task, number, fd, stat, link, info);
            candidates.Add(file);
            context.OpenFiles.Add(file);
        }
        else fd.Dispose();
        task.Descriptors[number] = new Descriptor(number, closeOnExec, file);
    }

    private static IEnumerable<int> Numbers(int pid)
    {
        return [.. System.IO.Directory.GetFileSystemEntries($"/proc/{pid}/fd").Select(p => int.Parse(Path.GetFileName(p), CultureInfo.InvariantCulture)).Order()];
    }
}
