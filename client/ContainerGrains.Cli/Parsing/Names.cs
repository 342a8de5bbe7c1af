using System.Security.Cryptography;

namespace ContainerGrains.Cli.Parsing;

/// <summary>Names for containers that nobody named.</summary>
internal static class Names
{
    private static readonly string[] First = ["amber", "brisk", "calm", "deft", "early", "fair", "glad", "keen", "light", "merry", "noble", "plain", "quiet", "ready", "swift", "warm"];
    private static readonly string[] Second = ["barley", "clover", "flax", "grain", "hazel", "maize", "millet", "oat", "poppy", "reed", "rice", "rye", "sedge", "sesame", "spelt", "wheat"];

    public static string MakeUp() =>
        $"{First[RandomNumberGenerator.GetInt32(First.Length)]}-{Second[RandomNumberGenerator.GetInt32(Second.Length)]}-{RandomNumberGenerator.GetInt32(0x10000):x4}";
}
