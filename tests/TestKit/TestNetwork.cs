using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>
/// A network namespace of its own with a thread that lives in it: "a host", "a client". Gone with its last socket after
/// <see cref="Dispose"/>.
/// </summary>
public sealed class TestNetwork : IDisposable
{
    private const int CLONE_NEWNET = 0x40000000;
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    public TestNetwork() : this(() => Kernel.Call("unshare(CLONE_NEWNET)", Syscall.unshare, CLONE_NEWNET)) => Ip("link set lo up");

    private TestNetwork(Action enter)
    {
        _thread = new Thread(() =>
        {
            foreach (Action action in _work.GetConsumingEnumerable()) action();
        });
        _thread.Start();
        ThreadId = Run(() =>
        {
            enter();
            return (int)Kernel.Call("gettid", Syscall.gettid);
        });
    }

    /// <summary>A thread in a namespace that is there already, /run/netns/NAME: what it opens is in there, whoever uses it then.</summary>
    public static TestNetwork Join(string path) => new(() =>
    {
        using FileDescriptor file = Files.Open(path, Files.O_RDONLY);
        Kernel.Call("setns(CLONE_NEWNET)", Syscall.setns, file.Number, CLONE_NEWNET);
    });

    /// <summary>The thread in the namespace: /proc/ThreadId/ns/net.</summary>
    public int ThreadId { get; }

    /// <summary>Runs something in the namespace and waits for it.</summary>
    public T Run<T>(Func<T> action)
    {
        var done = new TaskCompletionSource<T>();
        _work.Add(() =>
        {
            try
            {
                done.SetResult(action());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        try
        {
            return done.Task.WaitAsync(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            ExceptionDispatchInfo.Throw(e);
            throw;
        }
    }

    public void Run(Action action) => Run(() =>
    {
        action();
        return 0;
    });

    /// <summary>ip(8) in the namespace.</summary>
    public void Ip(string arguments) => Execute("ip", arguments);

    /// <summary>An interface here whose other end is in another namespace, both up.</summary>
    public void Cable(string name, TestNetwork other, string otherName)
    {
        Ip($"link add {name} type veth peer name {otherName} netns /proc/{Environment.ProcessId}/task/{other.ThreadId}/ns/net");
        Ip($"link set {name} up");
        other.Ip($"link set {otherName} up");
        // A worker of the kernel says so, up to a second later; until then a bridge passes nothing to it.
        if (!SpinWait.SpinUntil(() => Execute("ip", $"link show dev {name}").Contains("state UP", StringComparison.Ordinal) && other.Execute("ip", $"link show dev {otherName}").Contains("state UP", StringComparison.Ordinal), 10_000))
            throw new TimeoutException($"the cable {name}-{otherName} did not come up within 10 s");
    }

    /// <summary>IPv4 and IPv6 addresses of an interface.</summary>
    public void Address(string name, string address, string address6)
    {
        Ip($"addr add {address}/24 dev {name}");
        Ip($"addr add {address6}/64 dev {name} nodad");
        // An IPv6 address comes into force a moment later, by a worker of the kernel.
        if (!SpinWait.SpinUntil(() => Execute("ip", $"-6 route get {address6}").StartsWith("local", StringComparison.Ordinal), 5000))
            throw new TimeoutException($"{address6} did not become usable within 5 s");
    }

    private string Execute(string program, string arguments)
    {
        string[] words = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("nsenter", [$"--net=/proc/{Environment.ProcessId}/task/{ThreadId}/ns/net", program, .. words])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {arguments}: {error}");
        return output;
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }
}
