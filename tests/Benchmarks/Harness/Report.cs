using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerGrains.Benchmarks.Harness;

/// <summary>All measurements of a run, as a table for people and as JSON with the raw samples.</summary>
internal sealed class Report(IReadOnlyList<string> arguments)
{
    private const int LongestReason = 100;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // A file, not a web page: "+" and "'" stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public MachineFacts Machine { get; } = MachineFacts.Read();
    public List<Measurement> Measurements { get; } = [];

    public Measurement Add(string section, string name, string unit, string boundBy, bool isPeer = false)
    {
        var measurement = new Measurement(section, name, unit, boundBy, isPeer);
        Measurements.Add(measurement);
        return measurement;
    }

    public void WriteTable(TextWriter output)
    {
        output.WriteLine($"{Machine.Cpus} CPUs ({Machine.CpuModel}), Linux {Machine.Kernel}, load {Machine.LoadBefore:f1} before");
        foreach (IGrouping<string, Measurement> section in Measurements.GroupBy(m => m.Section))
        {
            int width = section.Max(m => m.Name.Length);
            output.WriteLine();
            output.WriteLine($"{section.Key.PadRight(width)}  {"median",10} {"p10",10} {"p90",10}  {"unit",-8} {"n",4}  bound by");
            foreach (Measurement m in section)
            {
                output.WriteLine(m.Samples.Count > 0
                    ? $"{m.Name.PadRight(width)}  {Number(m.Median),10} {Number(m.P10),10} {Number(m.P90),10}  {m.Unit,-8} {m.Samples.Count,4}  {m.BoundBy}"
                    : $"{m.Name.PadRight(width)}  {"-",10} {"",10} {"",10}  {m.Unit,-8} {0,4}  {Shorten(m.Missing ?? "not measured")}");
            }
        }
    }

    public void WriteJson(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(new { Machine, Arguments = arguments, Measurements }, Json));
    }

    private static string Shorten(string reason) => reason.Length <= LongestReason ? reason : $"{reason[..LongestReason]}...";

    private static string Number(double? value) => value!.Value.ToString(Math.Abs(value.Value) switch { >= 1000 => "f0", >= 100 => "f1", >= 10 => "f2", _ => "f3" }, CultureInfo.InvariantCulture);
}
