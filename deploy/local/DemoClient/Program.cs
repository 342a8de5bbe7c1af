using System.Globalization;
using System.Net;
using ContainerGrains.DemoClient;

// Usage: DemoClient ADDRESS PORT MEBIBYTES. Orders on standard input, one answer a line: see Counter.
if (args.Length != 3 || !IPAddress.TryParse(args[0], out IPAddress? address) || !int.TryParse(args[1], out int port) || !int.TryParse(args[2], out int mebibytes))
{
    Console.Error.WriteLine("usage: DemoClient ADDRESS PORT MEBIBYTES");
    return 2;
}

var counter = new Counter(new IPEndPoint(address, port), mebibytes);
counter.Start();
Console.WriteLine("ready");
while (Console.ReadLine() is { } order && order != "stop")
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $$"""{"gapMs":{{counter.TakeLongestGapMs():f2}},"replies":{{counter.Replies}}}"""));
CounterResult result = counter.Stop();
Console.WriteLine($$"""{"replies":{{result.Replies}},"lost":{{result.Lost}},"reconnects":{{result.Reconnects}},"wrong":{{result.Wrong}}}""");
return result is { Lost: 0, Reconnects: 0, Wrong: 0 } ? 0 : 1;
