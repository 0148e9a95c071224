//! tshark's opinion of what is on the D channel.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::finish;

/// Values of `fields` for every frame that `filter` selects, one row a frame; several values of one field in a
/// frame are joined by commas.
///
/// # Panics
/// When tshark cannot read the file.
#[must_use]
#[track_caller]
pub fn tshark_fields(pcap: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-r"]).arg(pcap).args(["-Y", filter]);
    for field in fields {
        command.args(["-e", field]);
    }
    let run = finish(command, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "tshark {}: {}", pcap.display(), run.stderr);
    run.stdout.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// Every frame tshark calls malformed or flags with an expert warning or error, as it prints it.
///
/// # Panics
/// When tshark cannot read the file.
#[must_use]
#[track_caller]
pub fn tshark_complaints(pcap: &Path) -> Vec<String> {
    let filter = "_ws.malformed || _ws.expert.severity >= 6291456";
    let rows = tshark_fields(pcap, filter, &["frame.number", "_ws.col.Info", "_ws.expert.message"]);
    rows.into_iter().map(|row| row.join(" | ")).collect()
}
