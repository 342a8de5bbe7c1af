using ContainerGrains.Cli;

return CgProgram.Run(args, Surroundings.OfThisProcess());
