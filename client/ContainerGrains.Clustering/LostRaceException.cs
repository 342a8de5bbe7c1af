namespace ContainerGrains.Clustering;

/// <summary>Rolls a transaction back whose row was changed by another silo in the meantime.</summary>
internal sealed class LostRaceException : Exception;

internal static class LostRace
{
    public static async Task<bool> FalseOnLostRaceAsync(this Task<bool> task)
    {
        try
        {
            return await task;
        }
        catch (LostRaceException)
        {
            return false;
        }
    }
}
