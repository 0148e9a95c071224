//! When the far end of an RTP stream counts as gone, and how often it is told of us.

use std::time::Duration;

use cli::config::Config;

/// Whose silence ends a call (`media-inactivity-criteria`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Criteria {
    /// Whichever timer runs out first.
    #[default]
    Either,
    /// Only that of RTP.
    Rtp,
    /// Only that of RTCP.
    Rtcp,
    /// RTP and RTCP, both past their timers.
    All,
}

/// The timers of `gateway` for media, and the time between reports.
///
/// ```
/// use std::time::Duration;
///
/// use cli::config::Config;
/// use gateway::media::Inactivity;
///
/// let text = "ip rtcp report interval 9000\ngateway\n timer receive-rtcp 5\n timer receive-rtp 1200\n";
/// let inactivity = Inactivity::new(&Config::parse(text).config);
/// assert_eq!(inactivity.rtp, Some(Duration::from_secs(1200)));
/// assert_eq!(inactivity.rtcp, Some(Duration::from_secs(45)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inactivity {
    /// `timer receive-rtp`, 180 to 86,400 s: without a packet for so long the far end counts as gone. It does not run
    /// while nothing is to come (a call on hold).
    pub rtp: Option<Duration>,
    /// `timer receive-rtcp`, 2 to 1,000 times [`report_every`](Self::report_every): without a report for so long the
    /// far end counts as gone. It runs on hold as well, and for silence that is not sent.
    pub rtcp: Option<Duration>,
    /// Which of the two count.
    pub criteria: Criteria,
    /// `ip rtcp report interval`, 1 to 65,535 ms; 5 s when not configured.
    pub report_every: Duration,
}

impl Default for Inactivity {
    /// No timer runs, and reports leave every 5 s.
    fn default() -> Self {
        Self { rtp: None, rtcp: None, criteria: Criteria::Either, report_every: Duration::from_secs(5) }
    }
}

impl Inactivity {
    /// That of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let tree = config.tree();
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let gateway = tree.section("gateway");
        let timer = |words: &str| gateway?.value(words).and_then(number);
        let report_every = tree
            .beginning("ip rtcp report interval ")
            .find_map(|node| number(node.line.strip_prefix("ip rtcp report interval ")?))
            .map_or(Self::default().report_every, |ms| Duration::from_millis(ms.into()));
        let said = |words: &str| tree.section(words)?.value("media-inactivity-criteria ");
        let criteria = match said("gateway").or_else(|| said("voice service voip")) {
            Some("rtp") => Criteria::Rtp,
            Some("rtcp") => Criteria::Rtcp,
            Some("all") => Criteria::All,
            _ => Criteria::Either,
        };
        Self {
            rtp: timer("timer receive-rtp ").map(|seconds| Duration::from_secs(seconds.into())),
            rtcp: timer("timer receive-rtcp ").map(|times| report_every * times),
            criteria,
            report_every,
        }
    }

    /// Whether a stream counts as dead on which nothing has come for so long; `None` where nothing is to come.
    #[must_use]
    pub fn is_over(&self, without_rtp: Option<Duration>, without_rtcp: Option<Duration>) -> bool {
        let over = |limit: Option<Duration>, passed: Option<Duration>| {
            limit.is_some_and(|limit| passed.is_some_and(|passed| passed >= limit))
        };
        let (rtp, rtcp) = (over(self.rtp, without_rtp), over(self.rtcp, without_rtcp));
        match self.criteria {
            Criteria::Either => rtp || rtcp,
            Criteria::Rtp => rtp,
            Criteria::Rtcp => rtcp,
            Criteria::All if self.rtp.is_some() && self.rtcp.is_some() => rtp && rtcp,
            // A timer that is not configured holds nothing up.
            Criteria::All => rtp || rtcp,
        }
    }
}
