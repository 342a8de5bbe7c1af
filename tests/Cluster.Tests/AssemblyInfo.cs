// Every test freezes and measures on a machine of few cores: one after the other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
