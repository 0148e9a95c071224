//! `reload`: at once, in a while, or at a time of the router's own clock.

use std::time::{Duration, Instant};

use cli::config::Config;
use cli::session::{Exec, Reload, ReloadTime, Reply};

use super::Caller;
use super::host::Host;
use crate::files::{Answer, Context, Next, Place, Stop};
use crate::service::message::Message;
use crate::switch::Switch;

/// As on a router: a reload lies at most this far ahead.
const LONGEST: Duration = Duration::from_secs(24 * 86_400);

/// A reload that will come.
#[derive(Debug, Clone)]
pub(super) struct Scheduled {
    pub(super) at: Instant,
    /// `console`, `ann on vty0 (192.0.2.1)`.
    by: String,
    reason: Option<String>,
}

impl Host {
    pub(super) fn reload(
        &mut self,
        now: Instant,
        switch: &mut Switch,
        exec: Exec,
        reload: Reload,
        caller: &Caller,
    ) -> Answer {
        let Reload { time, reason } = reload;
        let zone = &switch.style().zone;
        let wait = match time {
            ReloadTime::Cancel => return self.cancel_reload(now, switch).into(),
            ReloadTime::Now => None,
            ReloadTime::In { minutes } => Some(Duration::from_secs(60 * u64::from(minutes))),
            ReloadTime::At { hour, minute, date } => {
                match switch.clock().until(now, zone, hour, minute, date) {
                    Some(wait) => Some(wait),
                    None => return Reply::error("% There is no such day").into(),
                }
            }
        };
        if wait.is_some_and(|wait| wait > LONGEST) {
            return Reply::error("% Reload must take place within 24 days").into();
        }
        let scheduled =
            wait.map(|wait| Scheduled { at: now + wait, by: self.who(caller), reason: reason.clone() });
        let told = scheduled.as_ref().map(|scheduled| scheduled.show(now, switch)).unwrap_or_default();
        let context = self.context(switch, caller, exec);
        Answer::later(move || {
            agreed(context, &told).map_or_else(
                |stop| Next::Reply(stop.into()),
                |()| {
                    Next::then(move |host, now, switch| match scheduled {
                        Some(scheduled) => host.schedule(now, switch, scheduled).into(),
                        None => host.reload_now(now, switch, reason.as_deref()).into(),
                    })
                },
            )
        })
    }

    fn reload_now(&mut self, now: Instant, switch: &mut Switch, reason: Option<&str>) -> Reply {
        match reason {
            Some(reason) => switch.log(now, Message::ReloadReason { reason: &reason }),
            None => switch.log(now, Message::ReloadRequested {}),
        }
        self.reload = true;
        Reply { close: true, ..Reply::none() }
    }

    fn schedule(&mut self, now: Instant, switch: &mut Switch, scheduled: Scheduled) -> Reply {
        let at = switch.clock().moment(scheduled.at, &switch.style().zone);
        switch.log(now, Message::ReloadLater { at: &at, by: &scheduled.by });
        self.restart = Some(scheduled);
        Reply::text(self.show_reload(now, switch))
    }

    fn cancel_reload(&mut self, now: Instant, switch: &mut Switch) -> Reply {
        if self.restart.take().is_none() {
            return Reply::error("%No reload is scheduled.");
        }
        let at = switch.clock().moment(now, &switch.style().zone);
        switch.log(now, Message::ReloadCancelled { at: &at });
        Reply::text("\n***\n*** --- SHUTDOWN ABORTED ---\n***\n")
    }

    /// `show reload`.
    pub(super) fn show_reload(&self, now: Instant, switch: &Switch) -> String {
        match &self.restart {
            None => "No reload is scheduled.\n".to_owned(),
            Some(scheduled) => scheduled.show(now, switch),
        }
    }
}

impl Scheduled {
    fn show(&self, now: Instant, switch: &Switch) -> String {
        let at = switch.clock().moment(self.at, &switch.style().zone);
        let left = words(self.at.saturating_duration_since(now));
        let reason =
            self.reason.as_ref().map(|reason| format!("Reload reason: {reason}\n")).unwrap_or_default();
        format!("Reload scheduled for {at} (in {left}) by {}\n{reason}", self.by)
    }
}

/// `2 hours and 10 minutes`, as `show reload` says how long it is.
fn words(time: Duration) -> String {
    // What has passed since the command was typed is not counted.
    let seconds = time.as_millis().div_ceil(1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let many = |n: u128, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match (hours, minutes) {
        (0, 0) => many(seconds, "second"),
        (0, _) => many(minutes, "minute"),
        _ => format!("{} and {}", many(hours, "hour"), many(minutes, "minute")),
    }
}

/// Offers to save what is not saved, says when it will be, and asks whether it shall be.
fn agreed(mut context: Context, told: &str) -> Result<(), Stop> {
    let startup = context.system.read(&Place::Startup).unwrap_or_default();
    let startup = Config::parse(&String::from_utf8_lossy(&startup)).config;
    if !startup.same_lines(&context.running)
        && context.yes("\nSystem configuration has been modified. Save? [yes/no]: ", false, false)?
    {
        context.system.write(&Place::Startup, context.running.running().as_bytes())?;
    }
    context.insist(&format!("{told}Proceed with reload?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_in_hours_and_minutes() {
        for (seconds, wanted) in [
            (49, "49 seconds"),
            (60, "1 minute"),
            (5400, "1 hour and 30 minutes"),
            (7800, "2 hours and 10 minutes"),
        ] {
            assert_eq!(words(Duration::from_secs(seconds)), wanted);
        }
    }
}
