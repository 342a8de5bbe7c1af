namespace ContainerGrains.Engine.Tests.Operations;

/// <summary>Rounds of a checkpoint, in MiB.</summary>
public sealed class CheckpointRoundsTests
{
    [Theory]
    [InlineData("nothing is written meanwhile", 1000, 0)]
    [InlineData("each leaves a tenth", 1000, 100, 10, 1)]
    [InlineData("a writer as fast as the file", 1000, 1000)]
    [InlineData("the second is no smaller by much", 1000, 400, 350)]
    [InlineData("the file would be twice as large", 1000, 700)]
    [InlineData("it shrinks slowly", 1000, 300, 200, 140, 100, 70, 50, 35)]
    public void End_when_another_one_does_not_pay(string why, params int[] rounds)
    {
        var policy = new CheckpointRounds();
        for (int i = 0; i < rounds.Length; i++)
        {
            bool last = i == rounds.Length - 1;
            Assert.True(policy.Another((long)rounds[i] << 20) != last, $"{why}: round {i + 1}");
        }
        Assert.Equal(rounds.Length, policy.Count);
        Assert.True(policy.Bytes <= 2L * rounds[0] << 20, why);
    }
}
