//! How busy the processor is with the gateway, and how full the memory: `show processes cpu`, `call threshold`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two samples.
pub const PERIOD: Duration = Duration::from_secs(5);
/// Samples of five minutes, and one to measure from.
const SAMPLES: usize = 61;

/// What a thread has used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    /// Its name.
    pub name: String,
    /// Milliseconds of processor time.
    pub runtime: u64,
    /// How often it has run.
    pub invoked: u64,
}

/// Threads by number.
pub type Threads = BTreeMap<u32, Thread>;

/// Samples of the last five minutes. Copies are the same samples.
#[derive(Debug, Clone, Default)]
pub struct Load {
    samples: Arc<Mutex<VecDeque<(Instant, Threads)>>>,
    /// Percent of the machine's memory in use.
    memory: Arc<AtomicU32>,
}

impl Load {
    /// Takes a sample every [`PERIOD`], for ever.
    pub async fn keep_sampling(self) {
        let mut tick = tokio::time::interval(PERIOD);
        loop {
            tick.tick().await;
            self.take(Instant::now(), threads());
            self.set_memory(memory());
        }
    }

    /// Takes a sample.
    pub fn take(&self, now: Instant, threads: Threads) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back((now, threads));
    }

    /// How much of the machine's memory is in use, percent.
    pub fn set_memory(&self, percent: u32) {
        self.memory.store(percent, Ordering::Relaxed);
    }

    /// Percent of the machine's memory in use.
    #[must_use]
    pub fn memory(&self) -> u32 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Percent of one processor that the gateway used in the `window` before the last sample; 0 before there are two.
    #[must_use]
    pub fn processor(&self, window: Duration) -> u32 {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((last, used)) = samples.back() else { return 0 };
        let since = |at: Instant| last.saturating_duration_since(at);
        let oldest = samples.iter().find(|(at, _)| since(*at) <= window + PERIOD / 2);
        let sum = |threads: &Threads| threads.values().map(|thread| thread.runtime).sum::<u64>();
        oldest
            .and_then(|(at, before)| {
                let wall = u64::try_from(since(*at).as_millis()).ok()?;
                let share = sum(used).saturating_sub(sum(before)).saturating_mul(100).checked_div(wall)?;
                u32::try_from(share).ok()
            })
            .unwrap_or(0)
    }

    /// `show processes cpu`, with what the threads have used by now.
    #[must_use]
    pub fn show(&self, now: Instant, threads: &Threads) -> String {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let windows = [5, 60, 300].map(Duration::from_secs);
        // Hundredths of a percent since the oldest sample in the window.
        let share = |window: Duration, number: Option<u32>| {
            let oldest =
                samples.iter().find(|(at, _)| now.saturating_duration_since(*at) <= window + PERIOD / 2)?;
            let used = |threads: &Threads| -> u64 {
                let wanted = threads.iter().filter(|(n, _)| number.is_none_or(|number| number == **n));
                wanted.map(|(_, thread)| thread.runtime).sum()
            };
            let wall = u64::try_from(now.saturating_duration_since(oldest.0).as_millis()).unwrap_or(u64::MAX);
            used(threads).saturating_sub(used(&oldest.1)).saturating_mul(10_000).checked_div(wall)
        };
        let [five, minute, minutes] = windows.map(|window| share(window, None).unwrap_or(0) / 100);
        let mut out = format!(
            "CPU utilization for five seconds: {five}%/0%; one minute: {minute}%; five minutes: {minutes}%\n \
             PID Runtime(ms)     Invoked      uSecs   5Sec   1Min   5Min TTY Process \n"
        );
        for (number, thread) in threads {
            let [five, minute, minutes] = windows.map(|window| {
                let share = share(window, Some(*number)).unwrap_or(0);
                format!("{}.{:02}%", share / 100, share % 100)
            });
            let Thread { name, runtime, invoked } = thread;
            let each = (runtime * 1000).checked_div(*invoked).unwrap_or(0);
            let _ = writeln!(
                out,
                "{number:>4} {runtime:>11} {invoked:>11} {each:>10} {five:>6} {minute:>6} {minutes:>6}   0 {name}"
            );
        }
        out
    }
}

/// Percent of the machine's memory that is not available, as the kernel says; 0 where it says nothing.
fn memory() -> u32 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let share = of("MemTotal:").zip(of("MemAvailable:")).and_then(|(total, available)| {
        u32::try_from(total.saturating_sub(available).saturating_mul(100).checked_div(total)?).ok()
    });
    share.unwrap_or(0)
}

/// What the threads of this process have used so far, as the kernel says.
#[must_use]
pub fn threads() -> Threads {
    let mut all = Threads::new();
    for entry in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse() else { continue };
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        // Nanoseconds on a processor, nanoseconds waiting for one, times run.
        let schedule = read("schedstat");
        let mut words = schedule.split_whitespace().map(|word| word.parse::<u64>().unwrap_or(0));
        let runtime = words.next().unwrap_or(0) / 1_000_000;
        let invoked = words.nth(1).unwrap_or(0);
        all.insert(number, Thread { name: read("comm").trim().to_owned(), runtime, invoked });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_over_their_windows() {
        let (load, start) = (Load::default(), Instant::now());
        let one = |runtime, invoked| Threads::from([(7, Thread { name: "switch".into(), runtime, invoked })]);
        assert!(load.show(start, &one(0, 0)).contains("five seconds: 0%/0%;"));
        // Busy for a minute, then idle.
        for second in (0..=120).step_by(5) {
            load.take(start + Duration::from_secs(second), one(500 * second.min(60), 10));
        }
        let shares = [5, 60, 120].map(|window| load.processor(Duration::from_secs(window)));
        assert_eq!(shares, [0, 0, 25]);
        let text = load.show(start + Duration::from_secs(120), &one(30_000, 100));
        assert!(
            text.starts_with("CPU utilization for five seconds: 0%/0%; one minute: 0%; five minutes: 25%\n"),
            "{text}"
        );
        assert!(
            text.ends_with("   7       30000         100     300000  0.00%  0.00% 25.00%   0 switch\n"),
            "{text}"
        );
    }

    #[test]
    fn this_process_has_threads_that_have_run() {
        let threads = threads();
        assert!(threads.values().any(|thread| thread.invoked > 0), "{threads:?}");
    }
}
