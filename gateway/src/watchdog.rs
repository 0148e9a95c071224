//! systemd's watchdog: a daemon whose loop stands still is started again.

use std::time::Duration;

/// How often to say that all is well: half of what the service manager waits (`WatchdogSec=`, `sd_watchdog_enabled(3)`).
/// `None` where nobody waits, or for another process.
///
/// ```
/// use std::time::Duration;
/// use gateway::watchdog::period;
/// assert_eq!(period(Some("30000000"), None, 7), Some(Duration::from_secs(15)));
/// assert_eq!(period(Some("30000000"), Some("8"), 7), None);
/// assert_eq!(period(Some("soon"), None, 7), None);
/// ```
#[must_use]
pub fn period(microseconds: Option<&str>, process: Option<&str>, own: u32) -> Option<Duration> {
    if process.is_some_and(|process| process.parse() != Ok(own)) {
        return None;
    }
    let microseconds: u64 = microseconds?.parse().ok()?;
    (microseconds > 0).then(|| Duration::from_micros(microseconds / 2).max(Duration::from_millis(1)))
}

/// [`period`] of this process.
pub(crate) fn own_period() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    period(variable("WATCHDOG_USEC").as_deref(), variable("WATCHDOG_PID").as_deref(), std::process::id())
}

/// All is well.
pub(crate) fn alive() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]) {
        tracing::debug!(%error, "service manager");
    }
}
