//! What the switch uses: trust, mailboxes as stored, counters, debug output.

pub mod history;
pub mod lines;
pub mod load;
pub mod log;
pub mod logins;
pub mod mailbox;
pub mod message;
pub mod metrics;
pub mod monitor;
pub mod names;
pub mod report;
pub mod servers;
pub mod smdi;
pub mod trust;
