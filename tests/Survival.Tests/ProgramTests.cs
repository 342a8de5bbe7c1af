using System.Globalization;
using System.Security.Cryptography;

namespace ContainerGrains.Survival.Tests;

/// <summary>Programs that check themselves, one for each thing that must be carried.</summary>
public sealed class ProgramTests
{
    [Fact]
    public void Threads_condition_variables_alarms_and_a_child_over_pipes() => Journey.Survive("python3", "/workloads/threads.py");

    [Fact]
    public void A_small_program_has_its_memory_when_it_has_arrived()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("sleep", "60"));
        mover.Move();
        ProcessEntry process = Assert.Single(mover.Container.Processes());
        Assert.True(process.ResidentBytes > 64 << 10, $"{process.ResidentBytes} bytes");
    }

    [Fact]
    public void Vector_registers() => Journey.Survive("python3", "/workloads/vectors.py");

    [Fact]
    public void A_deleted_file_locks_an_inotify_watch_and_an_epoll_of_it_all() => Journey.Survive("python3", "/workloads/holding.py");

    [Fact]
    public void A_shell_that_forks_all_the_time() => Journey.Survive("sh", "/workloads/forks.sh");

    [Fact]
    public void Zombies_orphans_sessions_and_groups_without_leader() => Journey.Survive("python3", "/workloads/tree.py");

    [Fact]
    public void Orphans_that_are_made_all_the_time() => Journey.Survive("python3", "/workloads/restless.py");

    [Fact]
    public void Orphans_whose_births_and_adoptions_many_rounds_have_seen()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/restless.py"));
        mover.Rounds = 40;
        for (int i = 0; i < 3; i++)
        {
            mover.WaitForLines(2);
            mover.Move();
        }
        Journey.End(mover);
    }

    [Fact]
    public void Names_and_signal_masks_of_sixteen_threads() => Journey.Survive("python3", "/workloads/names.py");

    [Fact]
    public void Unix_sockets_and_udp_with_data_on_the_way() => Journey.Survive("python3", "/workloads/pairs.py");

    [Fact]
    public void Shared_memory_guard_pages_and_a_sparse_reserve() => Journey.Survive("python3", "/workloads/memory.py");

    [Fact]
    public void Memory_that_changes_all_the_time() => Journey.Survive("python3", "/workloads/churn.py");

    [Fact]
    public void Within_limits() =>
        Journey.Survive(EngineTrio.Config("python3", "/workloads/plain.py") with { MemoryBytes = 256 << 20, Cpus = 1.5, Pids = 50 });

    [Fact]
    public void A_user_who_is_not_root() =>
        Journey.Survive(EngineTrio.Config("python3", "/workloads/plain.py") with { User = "1000:1000", WorkingDirectory = "/usr/share", Hostname = "elsewhere" });

    [Fact]
    public void A_chain_of_hashes_and_of_floating_point_numbers_ends_as_it_would_have()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/hashes.py"));
        Journey.Go(mover);
        Journey.End(mover);

        string[] end = mover.Lines[^1].Split(' ');
        Assert.Equal("steps", end[0]);
        long steps = long.Parse(end[1], CultureInfo.InvariantCulture);
        byte[] digest = new byte[32];
        double x = 0.25;
        for (long i = 0; i < steps; i++)
        {
            SHA256.HashData(digest, digest);
            x = 3.99 * x * (1.0 - x);
        }
        Assert.Equal(Convert.ToHexStringLower(digest), end[2]);
        Assert.Equal(x, double.Parse(end[3], CultureInfo.InvariantCulture));
        Journey.AssertContinuous([.. mover.Lines.SkipLast(1)]);
    }
}
