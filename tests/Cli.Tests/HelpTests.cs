using ContainerGrains.Api;
using ContainerGrains.Cli.Verbs;

namespace ContainerGrains.Cli.Tests;

public sealed class HelpTests
{
    private static readonly string[] Verbs =
    [
        "run", "create", "start", "ps", "exec", "logs", "stop", "kill", "rm", "wait", "inspect", "top", "stats", "checkpoint", "restore", "suspend", "resume", "migrate",
        "hosts", "cordon", "uncordon", "drain", "translate", "explain", "check", "version",
    ];

    [Fact]
    public async Task The_overview_names_every_verb_on_one_screen()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun help = await machine.CgAsync("--help");
        Assert.Equal(0, help.Exit);
        foreach (string verb in Verbs)
            Assert.Contains($"\n  {verb} ", help.Out);
        Assert.True(help.Out.Split('\n').Length <= 50, help.Out);
        Assert.All(help.Out.Split('\n'), line => Assert.True(line.Length <= 120, line));
    }

    [Fact]
    public async Task Every_verb_has_a_sentence_options_and_an_example()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        foreach (Verb verb in VerbList.Groups.SelectMany(g => g.Verbs).Select(v => v.Make()))
        {
            CgRun help = await machine.CgAsync(verb.Name, "--help");
            Assert.Equal(0, help.Exit);
            Assert.StartsWith($"cg {verb.Name} - {verb.Summary}\n", help.Out);
            Assert.EndsWith(".", verb.Summary);
            Assert.NotEmpty(verb.Examples);
            Assert.All(verb.Command.Options, o => Assert.False(string.IsNullOrEmpty(o.Description), $"{verb.Name} {o.Name}"));
        }
    }

    [Fact]
    public async Task Short_forms_of_help_are_understood_except_where_h_is_the_host_name()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        string overview = (await machine.CgAsync("--help")).Out;
        foreach (string[] args in (string[][])[["-h"], ["help"], ["help", "--help"]])
            Assert.Equal((0, overview), ((await machine.CgAsync(args)) is var run ? (run.Exit, run.Out) : default));
        string page = (await machine.CgAsync("migrate", "--help")).Out;
        foreach (string[] args in (string[][])[["migrate", "-h"], ["help", "migrate"], ["migrate", "web", "-h"]])
            Assert.Equal((0, page), ((await machine.CgAsync(args)) is var run ? (run.Exit, run.Out) : default));
        Assert.Equal(125, (await machine.CgAsync("help", "frobnicate")).Exit);
        Assert.Equal(0, (await machine.CgAsync("run", "-d", "--name", "x", "-h", "other", "sleep", "1")).Exit);
        Assert.Equal("other", machine.Cluster.Container("x").Status.Spec.Hostname);
    }

    [Fact]
    public async Task Help_of_a_program_is_the_programs()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal("--help\n", (await machine.CgAsync("run", "echo", "--help")).Out);
    }

    [Fact]
    public void Every_error_code_is_known_to_both_sides_and_explained()
    {
        string[] codes = Enum.GetNames<ContainerErrorCode>();
        string[] api = [.. typeof(ApiErrorCode).GetFields().Select(f => (string)f.GetRawConstantValue()!)];
        Assert.Equal(codes.Order(), api.Except([ApiErrorCode.Usage, ApiErrorCode.NoSilo]).Order());
        foreach (string code in api)
        {
            ExplainResult explanation = Assert.Single(Explanations.All, e => e.Topic == code);
            Assert.True(explanation.Text.Length > 60 && explanation.Remedy.Length > 5, code);
        }
    }

    [Fact]
    public async Task Explain_takes_any_case_and_lists_what_there_is()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun one = await machine.CgAsync("explain", "nametaken");
        Assert.StartsWith("NameTaken\n\nA name belongs to one container", one.Out);
        Assert.Contains("What to do:", one.Out);
        Assert.Equal(Explanations.All.Count, (await machine.CgAsync("explain")).Out.TrimEnd('\n').Split('\n').Length);
        Assert.Equal("pidspace", (await machine.CgAsync("explain", "pidspace", "--json")).Json[0].GetProperty("topic").GetString());
    }
}
