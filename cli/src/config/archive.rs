//! `archive`, `file prompt`: what the configuration says about keeping configurations.

use super::{Config, Node};
use std::time::Duration;

/// `archive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// `path`: where copies go; `$h` stands for the host name, `$t` for the time. The feature is off without it.
    pub path: Option<String>,
    /// `maximum`: copies kept, 1 to 14; the oldest goes first.
    pub maximum: usize,
    /// `time-period`: a copy is saved this often, 1 to 525600 minutes.
    pub time_period: Option<Duration>,
    /// `write-memory`: a copy is saved with the startup configuration.
    pub write_memory: bool,
    /// `log config` with `logging enable`.
    pub log: Option<CommandLog>,
}

/// `log config` of `archive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLog {
    /// `logging size`: commands kept, 1 to 1000.
    pub size: usize,
    /// `hidekeys`: passwords are not kept.
    pub hide_keys: bool,
    /// `notify syslog`.
    pub notify_syslog: bool,
}

/// `file prompt`: how much is asked about files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilePrompt {
    /// Before something is lost, and for names that are not given.
    #[default]
    Alert,
    /// Always.
    Noisy,
    /// Never.
    Quiet,
}

impl Config {
    /// `archive`, if it is configured.
    ///
    /// ```
    /// use cli::config::Config;
    /// let config = Config::parse("archive\n path flash:backup\n maximum 5\n").config;
    /// assert_eq!(config.archive().unwrap().maximum, 5);
    /// ```
    pub fn archive(&self) -> Option<Archive> {
        let section = self.tree().section("archive")?;
        let log = section.subsection("log config").filter(|log| log.has("logging enable"));
        Some(Archive {
            path: section.value("path ").map(str::to_owned),
            maximum: number(section, "maximum ").unwrap_or(10),
            time_period: number(section, "time-period ")
                .map(|minutes: u64| Duration::from_secs(60 * minutes)),
            write_memory: section.has("write-memory"),
            log: log.map(|log| CommandLog {
                size: number(log, "logging size ").unwrap_or(100),
                hide_keys: log.has("hidekeys"),
                notify_syslog: log.lines().any(|line| line.starts_with("notify syslog")),
            }),
        })
    }

    /// `file prompt`.
    pub fn file_prompt(&self) -> FilePrompt {
        match self.tree().beginning("file prompt ").next().map(|node| node.line.as_str()) {
            Some("file prompt quiet") => FilePrompt::Quiet,
            Some("file prompt noisy") => FilePrompt::Noisy,
            _ => FilePrompt::Alert,
        }
    }

    /// `ip http client secure-trustpoint`: whose `ca.pem` servers of `https:` are believed by, in place of the host's.
    pub fn http_client_trustpoint(&self) -> Option<&str> {
        self.tree().beginning("ip http client secure-trustpoint ").next()?.line.rsplit(' ').next()
    }

    /// `ip scp server enable`.
    pub fn scp_server(&self) -> bool {
        self.tree().section("ip scp server enable").is_some()
    }
}

fn number<T: std::str::FromStr>(section: &Node, words: &str) -> Option<T> {
    section.value(words)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn archive_is_read_with_its_defaults_and_its_log() {
        let text = "archive\n log config\n  logging enable\n  logging size 5\n  notify syslog\n  hidekeys\n \
                    path flash:$h\n time-period 60\n write-memory\nfile prompt quiet\nip scp server enable\n";
        let config = Config::parse(text).config;
        let archive = config.archive().unwrap();
        assert_eq!((archive.path.as_deref(), archive.maximum), (Some("flash:$h"), 10));
        assert_eq!(archive.time_period, Some(Duration::from_secs(3600)));
        assert!(archive.write_memory);
        assert_eq!(archive.log, Some(CommandLog { size: 5, hide_keys: true, notify_syslog: true }));
        assert_eq!((config.file_prompt(), config.scp_server()), (FilePrompt::Quiet, true));
        assert_eq!(Config::parse(&config.running()).config, config);
        let text = text.replace("  logging enable\n", "");
        let without = Config::parse(&(text + "no file prompt quiet\nno ip scp server enable\n")).config;
        assert_eq!(without.archive().unwrap().log, None);
        assert_eq!((without.file_prompt(), without.scp_server()), (FilePrompt::Alert, false));
        assert_eq!(Config::default().archive(), None);
        let text = "ip http client secure-trustpoint LAB\n";
        assert_eq!(Config::parse(text).config.http_client_trustpoint(), Some("LAB"));
        assert_eq!(Config::default().http_client_trustpoint(), None);
    }
}
