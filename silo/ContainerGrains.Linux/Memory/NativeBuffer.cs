using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>Page-aligned memory outside the garbage collector, touched when made, for bulk copies.</summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    private byte* _address;

    public NativeBuffer(int length)
    {
        Length = length;
        _address = (byte*)NativeMemory.AlignedAlloc((nuint)length, Kernel.PageSize);
        new Span<byte>(_address, length).Clear();
    }

    public int Length { get; }
    public byte* Address => _address;
    public Span<byte> Span => new(_address, Length);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
    }
}
