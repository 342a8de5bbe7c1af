namespace ContainerGrains.Api;

/// <summary>An error: the code is for programs (cg explain tells them), the message for people.</summary>
public sealed record ApiProblem(string Code, string Message);
