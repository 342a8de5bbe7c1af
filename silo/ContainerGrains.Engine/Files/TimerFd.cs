using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// timerfd_create(2). It goes on with the time that remained. Only an absolute time of the wall clock stays that time, because the
/// wall clock is the same on every host.
/// </summary>
public sealed class TimerFd : FileResource<TimerFd.Record>
{
    /// <param name="SettimeFlags">TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET.</param>
    /// <param name="RemainingNs">Until the next expiration; 0: not armed.</param>
    /// <param name="ExpiresNs">The wall clock's time of the next expiration, for absolute timers of that clock.</param>
    /// <param name="Ticks">Expirations that nobody has read.</param>
    public sealed record Record(int Clock, int SettimeFlags, long RemainingNs, long IntervalNs, long? ExpiresNs, ulong Ticks);

    public override string Kind => "timerfd";

    public override bool Owns(OpenFile file) => file.Link == "anon_inode:[timerfd]";

    public override Record Dump(OpenFile file, DumpContext context)
    {
        int clock = file.Info.Int32("clockid"), flags = file.Info.Octal("settime flags");
        // The kernel counts overdue expirations only when it is asked; fdinfo alone shows one.
        (long remaining, long interval) = TimerFds.Get(file.Fd.Number);
        ulong ticks = (ulong)ProcFields.Read($"/proc/self/fdinfo/{file.Fd.Number}").Int64("ticks");
        bool wallTime = (flags & TimerFds.TFD_TIMER_ABSTIME) != 0 && clock is (TimerFds.CLOCK_REALTIME or TimerFds.CLOCK_REALTIME_ALARM);
        return new Record(clock, flags, remaining, interval, wallTime && remaining > 0 ? TimerFds.Now(TimerFds.CLOCK_REALTIME) + remaining : null, ticks);
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => TimerFds.Create(record.Clock, 0);

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        if (record.RemainingNs < 0 || record.IntervalNs < 0) throw new EngineException(EngineError.BadImage, file.Stage(), "the timer has a negative time");
        bool absolute = (record.SettimeFlags & TimerFds.TFD_TIMER_ABSTIME) != 0;
        long value = record switch
        {
            { RemainingNs: 0 } => 0,
            { ExpiresNs: { } expires } => expires,
            _ when absolute => TimerFds.Now(record.Clock) + record.RemainingNs,
            _ => record.RemainingNs,
        };
        TimerFds.Set(fd.Number, record.SettimeFlags, value, record.IntervalNs);
        if (record.Ticks > 0) TimerFds.SetTicks(fd.Number, record.Ticks);
    }
}
