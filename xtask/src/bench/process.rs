//! What another process has used so far, as the kernel counts it.

use std::time::Duration;

/// User and system time of a process and all its threads.
pub(super) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // the command name may hold spaces and parentheses; the fields we want stand behind it
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|&at| fields.get(at)?.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on every Linux of ours
    Duration::from_millis(ticks * 10)
}

/// Resident memory in KiB.
pub(super) fn rss_kib(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// Threads.
pub(super) fn threads(pid: u32) -> u64 {
    status(pid, "Threads:")
}

fn status(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value =
        status.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or(0)
}
