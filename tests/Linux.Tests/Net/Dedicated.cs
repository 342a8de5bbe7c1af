using System.Runtime.ExceptionServices;

namespace ContainerGrains.Linux.Tests.Net;

/// <summary>Runs a test on a thread of its own: network namespaces belong to threads, and a test thread goes back to a pool.</summary>
internal static class Dedicated
{
    public static void Run(Action body)
    {
        ExceptionDispatchInfo? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        error?.Throw();
    }
}
