using System.Text.Json;

namespace ContainerGrains.Survival.Tests;

/// <summary>What cannot be restored in full, and does no harm, is told by the container that runs again.</summary>
public sealed class WarningTests
{
    [Fact]
    public void CPUs_that_a_host_does_not_have_are_named_by_the_container_that_came_there()
    {
        using var files = new TemporaryDirectory();
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("sleep", "1000"));
        mover.Save($"{files.Path}/taken");
        using (FileStream taken = File.OpenRead($"{files.Path}/taken"), foreign = File.Create($"{files.Path}/foreign"))
            AsOfHostWithManyCpus(taken, foreign);

        mover.Load($"{files.Path}/foreign");

        Assert.Contains("4000", Assert.Single(mover.Container.Warnings), StringComparison.Ordinal);
        mover.Move();
        Assert.Empty(mover.Container.Warnings);
    }

    // The main thread of its first process had chosen a CPU that no host of a test has.
    private static void AsOfHostWithManyCpus(Stream taken, Stream foreign)
    {
        using var reader = new ImageReader(taken);
        var writer = new ImageWriter(foreign);
        while (reader.Read() != FrameType.End)
        {
            if (reader.Type != FrameType.Container)
            {
                writer.Write(reader.Type, reader.Payload);
                continue;
            }
            ContainerRecord record = reader.ReadJson<ContainerRecord>();
            TaskRecord task = record.Tasks[0];
            ThreadRecord main = task.Threads[0];
            var resources = new Dictionary<string, JsonElement>(main.Resources) { ["affinity"] = RecordJson.Write(new Affinity.Record([4000]))!.Value };
            writer.WriteJson(FrameType.Container, record with { Tasks = [task with { Threads = [main with { Resources = resources }, .. task.Threads.Skip(1)] }, .. record.Tasks.Skip(1)] });
        }
        writer.Write(FrameType.End, reader.Payload);
    }
}
