namespace ContainerGrains.Benchmarks;

/// <summary>One section of the run: adds its measurements to the report and leaves nothing else behind.</summary>
internal interface IBench
{
    void Run(CancellationToken cancellationToken);
}
