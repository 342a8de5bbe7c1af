using ContainerGrains.Api;

namespace ContainerGrains.Cli;

/// <summary>What ends a verb: a code for programs, a sentence for people.</summary>
internal sealed class CgException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;

    /// <summary>As podman: 127 no such program, 126 not executable, 125 everything else.</summary>
    public int ExitCode => Code switch
    {
        ApiErrorCode.ProgramNotFound => CgProgram.ProgramNotFoundExit,
        ApiErrorCode.ProgramNotExecutable => CgProgram.ProgramNotExecutableExit,
        _ => CgProgram.ErrorExit,
    };

    public static CgException Usage(string message) => new(ApiErrorCode.Usage, message);

    public static CgException Of(ApiProblem problem) => new(problem.Code, problem.Message);
}
