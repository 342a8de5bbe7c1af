namespace ContainerGrains.Silo.Tests;

internal static class Until
{
    /// <summary>Waits for a condition; fails after a minute.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(1); !await condition(); await Task.Delay(10))
            Assert.True(DateTime.UtcNow < end, $"within a minute it did not come about that {what}");
    }

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);
}
