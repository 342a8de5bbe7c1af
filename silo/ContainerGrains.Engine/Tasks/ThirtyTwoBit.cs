using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A program for another word size than the engine's: elf(5). Its registers, calls and records are laid out otherwise.</summary>
public sealed class ThirtyTwoBit : RefusedTaskState
{
    private const int ClassOffset = 4, HeaderBytes = 5;
    private const byte ELFCLASS32 = 1;

    public override string Kind => "thirty-two-bit";

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        if (ClassOf(task.Pid) == ELFCLASS32)
            yield return task.Obstacle("program", "it is a 32-bit program, which is not carried", "use the 64-bit build of it");
    }

    private static byte ClassOf(int pid)
    {
        try
        {
            using FileDescriptor program = Files.Open($"/proc/{pid}/exe", Files.O_RDONLY);
            Span<byte> header = stackalloc byte[HeaderBytes];
            return Files.ReadAt(program.Number, header, 0) == HeaderBytes ? header[ClassOffset] : (byte)0;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            // A zombie has no program.
            return 0;
        }
    }
}
