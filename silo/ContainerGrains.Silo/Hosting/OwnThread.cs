namespace ContainerGrains.Silo;

/// <summary>
/// Runs a call of the engine on a thread of its own: the engine is synchronous and may take long, and neither a grain's
/// scheduler nor the pool may wait for it.
/// </summary>
internal static class OwnThread
{
    public static Task<T> RunAsync<T>(string name, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        { IsBackground = true, Name = name }.Start();
        return done.Task;
    }
}
