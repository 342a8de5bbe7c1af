using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Tests;

public sealed class ParsingTests
{
    [Theory]
    [InlineData("HUP", 1)]
    [InlineData("sighup", 1)]
    [InlineData("9", 9)]
    [InlineData("SIGKILL", 9)]
    [InlineData("USR2", 12)]
    [InlineData("SYS", 31)]
    [InlineData("POLL", 29)]
    [InlineData("RTMIN", 34)]
    [InlineData("RTMIN+3", 37)]
    [InlineData("SIGRTMAX", 64)]
    [InlineData("RTMAX-1", 63)]
    [InlineData("64", 64)]
    public void Signals_by_name_and_number(string text, int number) => Assert.Equal(number, Signals.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("65")]
    [InlineData("-1")]
    [InlineData("SIG")]
    [InlineData("NOPE")]
    [InlineData("RTMIN+31")]
    [InlineData("RTMIN-1")]
    public void Not_signals(string text) => Assert.Throws<CgException>(() => Signals.Parse(text));

    [Theory]
    [InlineData("1048576", 1048576)]
    [InlineData("512m", 512L << 20)]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("1.5g", 3L << 29)]
    [InlineData("64kb", 64 << 10)]
    [InlineData("2T", 2L << 40)]
    public void Sizes_with_units(string text, long bytes) => Assert.Equal(bytes, Sizes.Parse(text, "--memory"));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-5m")]
    [InlineData("m")]
    [InlineData("5x")]
    [InlineData("99999999999t")]
    public void Not_sizes(string text) => Assert.Throws<CgException>(() => Sizes.Parse(text, "--memory"));

    [Theory]
    [InlineData("5", 5000)]
    [InlineData("0.5", 500)]
    [InlineData("0", 0)]
    [InlineData("250ms", 250)]
    [InlineData("2m", 120_000)]
    [InlineData("3s", 3000)]
    public void Times_with_units(string text, double ms) => Assert.Equal(ms, Durations.Parse(text, "-t").TotalMilliseconds);

    [Fact]
    public void A_command_is_printed_as_one_could_type_it() =>
        Assert.Equal("sh -c 'echo '\\''a b'\\''' ''", Human.Command(["sh", "-c", "echo 'a b'", ""]));

    [Fact]
    public void A_table_aligns_and_leaves_no_blanks_at_the_end()
    {
        var table = new Table("NAME", ">SIZE", "WHAT");
        table.Row("a", "1", "x");
        table.Row("longer", "1000", "");
        Assert.Equal("NAME     SIZE   WHAT\na           1   x\nlonger   1000   \n", table.ToString());
    }
}
