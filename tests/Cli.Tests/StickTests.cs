using System.Security.Cryptography;
using System.Text;
using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

/// <summary>suspend -o and resume: a container carried away in a file.</summary>
public sealed class StickTests
{
    [Fact]
    public async Task A_container_is_carried_to_another_host_in_a_file()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-a", "host-b", "host-c");
        FakeContainer web = machine.Cluster.Running("web", "host-b", "redis-server", "--port", "6379");
        web.Image = RandomNumberGenerator.GetBytes(5_000_000);

        // cg speaks to host-a first and finds the container's own host beside it.
        CgRun suspend = await machine.CgAsync("suspend", "web", "-o", "web.cg", "--json");
        Assert.Equal((0, ""), (suspend.Exit, suspend.Error));
        Assert.Equal((machine.File("web.cg"), "host-b"), (suspend.Json.GetProperty("path").GetString(), suspend.Json.GetProperty("host").GetString()));
        Assert.Equal(ContainerPhase.Suspended, web.Status.Phase);
        Assert.True(new FileInfo(machine.File("web.cg")).Length > 5_000_000);

        CgRun resume = await machine.CgAsync("resume", "web.cg", "--host", "host-c");
        Assert.Equal((0, "web\n", ""), (resume.Exit, resume.Out, resume.Error));
        Assert.Equal(("host-c", ContainerPhase.Running), (web.Status.Host, web.Status.Phase));
        Assert.Equal(["redis-server", "--port", "6379"], web.Status.Spec.Args);
        Assert.Equal(web.Image, web.Resumed);
        Assert.Empty(Directory.GetFiles(machine.File("uploads")));
    }

    [Fact]
    public async Task Where_there_is_no_room_for_the_file_the_container_runs_on()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-a");
        FakeContainer web = machine.Cluster.Running("web");
        web.Image = RandomNumberGenerator.GetBytes(5_000_000);
        string small = Directory.CreateDirectory(machine.File("small")).FullName;
        Assert.Equal(0, Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small));
        try
        {
            CgRun suspend = await machine.CgAsync("suspend", "web", "-o", $"{small}/web.cg");
            Assert.Equal(125, suspend.Exit);
            Assert.Single(suspend.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains("'web' was restored and runs on", suspend.Error);
            Assert.EndsWith("[DiskFull]\n", suspend.Error);
            Assert.Equal(ContainerPhase.Running, web.Status.Phase);
            Assert.Empty(Directory.GetFileSystemEntries(small));
        }
        finally
        {
            Assert.Equal(0, Run("umount", small));
        }

        static int Run(string program, params string[] arguments)
        {
            using var process = System.Diagnostics.Process.Start(program, arguments);
            process.WaitForExit();
            return process.ExitCode;
        }
    }

    [Fact]
    public async Task Another_cluster_takes_the_file_too()
    {
        await using TestMachine here = await TestMachine.StartAsync("host-a");
        await using TestMachine there = await TestMachine.StartAsync("host-z");
        here.Cluster.Running("web");
        Assert.Equal(0, (await here.CgAsync("suspend", "web", "-o", "web.cg")).Exit);
        Assert.Equal(0, (await there.CgAsync("resume", here.File("web.cg"))).Exit);
        Assert.Equal("the image of web", Encoding.UTF8.GetString(there.Cluster.Container("web").Resumed!));
        Assert.Equal("host-z", there.Cluster.Container("web").Status.Host);
    }

    [Fact]
    public async Task Without_a_file_the_host_keeps_the_image()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        CgRun run = await machine.CgAsync("suspend", "web");
        Assert.Equal((0, machine.File("web.image") + "\n"), (run.Exit, run.Out));
        Assert.Equal(0, (await machine.CgAsync("restore", "web")).Exit);
    }

    [Fact]
    public async Task A_host_on_another_machine_is_told_apart_from_none()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-a");
        FakeContainer web = machine.Cluster.Running("web", "host-b");
        CgRun suspend = await machine.CgAsync("suspend", "web", "-o", "web.cg");
        Assert.Equal(125, suspend.Exit);
        Assert.EndsWith("run the command on host-b. [HostUnreachable]\n", suspend.Error);
        Assert.Equal(ContainerPhase.Running, web.Status.Phase);

        machine.Cluster.Running("db");
        Assert.Equal(0, (await machine.CgAsync("suspend", "db", "-o", "db.cg")).Exit);
        Assert.EndsWith("[HostUnreachable]\n", (await machine.CgAsync("resume", "db.cg", "--host", "host-b")).Error);
        Assert.EndsWith("[HostNotFound]\n", (await machine.CgAsync("resume", "db.cg", "--host", "nowhere")).Error);
    }

    [Fact]
    public async Task A_damaged_file_starts_nothing()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        Assert.Equal(0, (await machine.CgAsync("suspend", "web", "-o", "web.cg")).Exit);
        byte[] good = await File.ReadAllBytesAsync(machine.File("web.cg"), TestContext.Current.CancellationToken);

        byte[] laterVersion = [.. good];
        laterVersion[6] = (byte)'9';
        byte[] damagedHeader = [.. good];
        damagedHeader[13] ^= 0x20;
        foreach ((byte[] bytes, string says) in ((byte[], string)[])[
            (good[..^3], "bytes of an image"), (good[..40], "cut short"), ([], "cut short"), (laterVersion, "another version"), (damagedHeader, "damaged"),
            ("#!/bin/sh\necho this is not one"u8.ToArray(), "not a suspended container")])
        {
            await File.WriteAllBytesAsync(machine.File("bad.cg"), bytes, TestContext.Current.CancellationToken);
            CgRun run = await machine.CgAsync("resume", "bad.cg");
            Assert.Equal(125, run.Exit);
            Assert.Contains(says, run.Error);
            Assert.EndsWith("[BadImage]\n", run.Error);
        }
        Assert.Equal(ContainerPhase.Suspended, machine.Cluster.Container("web").Status.Phase);
    }

    [Fact]
    public async Task A_name_that_runs_is_not_resumed_over()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        Assert.Equal(0, (await machine.CgAsync("suspend", "web", "-o", "web.cg")).Exit);
        Assert.Equal(0, (await machine.CgAsync("resume", "web.cg")).Exit);
        CgRun again = await machine.CgAsync("resume", "web.cg");
        Assert.Equal(125, again.Exit);
        Assert.EndsWith("[WrongPhase]\n", again.Error);
        Assert.Empty(Directory.GetFiles(machine.File("uploads")));
    }
}
