//! From a message summary to QSIG operations (`QSIG-MWI.md` 6).

use serde::{Deserialize, Serialize};

use crate::summary::{ClassCount, MessageClass, Summary};

/// QSIG `basicService` speech: voice mail.
pub const SPEECH: u8 = 1;
/// QSIG `basicService` facsimile group 2/3.
pub const FAX: u8 = 37;
/// QSIG `basicService` short message.
pub const SHORT_MESSAGE: u8 = 54;
/// QSIG `basicService` multimedia unknown.
pub const MULTIMEDIA: u8 = 66;

/// One mWIActivate or mWIDeactivate to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// mWIActivate if true, else mWIDeactivate.
    pub on: bool,
    /// Served user and called party number.
    pub number: String,
    /// `basicService`, 1 for speech.
    pub service: u8,
    /// `nbOfMessages`, 1 to 65535; 0 is never sent, since it asks for a call back.
    pub messages: Option<u16>,
    /// New urgent messages: `priority` 0.
    pub urgent: bool,
}

/// Which operations a trunk's PBX is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Services {
    /// One operation per service the summary tells of.
    #[default]
    PerClass,
    /// One operation, speech, whatever the class: for PBXs with one lamp.
    SpeechOnly,
}

/// The operations that bring the PBX to the state `summary` tells, voice first.
///
/// `Messages-Waiting` decides; counts refine it. There is always at least one operation. With several classes,
/// one without new messages is switched off. Classes QSIG has no service for add nothing.
///
/// ```
/// use mwi::translate::{Services, activations};
///
/// let summary = mwi::summary::parse(b"Messages-Waiting: yes\r\nVoice-Message: 3/0\r\n")?;
/// let all = activations(&summary, "4711", Services::PerClass);
/// assert_eq!(all.len(), 1);
/// assert!(all[0].on && all[0].service == 1 && all[0].messages == Some(3));
/// # Ok::<(), mwi::summary::SummaryError>(())
/// ```
pub fn activations(summary: &Summary, number: &str, services: Services) -> Vec<Activation> {
    let mut totals: Vec<Total> = Vec::new();
    for count in &summary.classes {
        let Some(service) = service_of(&count.class) else { continue };
        match totals.iter_mut().find(|total| total.service == service) {
            Some(total) => total.add(count),
            None => totals.push(Total::new(service, count)),
        }
    }
    if services == Services::SpeechOnly {
        let voice = totals.iter().find(|total| total.service == SPEECH).copied();
        totals =
            vec![voice.unwrap_or(Total { service: SPEECH, new: 0, urgent: totals.iter().any(|t| t.urgent) })];
    }
    if totals.is_empty() {
        totals.push(Total { service: SPEECH, new: 0, urgent: false });
    }
    totals.sort_by_key(|total| total.service != SPEECH);
    let counted = totals.iter().any(|total| total.new > 0);
    let make = |(place, total): (usize, Total)| {
        // Without any new message the status alone speaks, for the first service.
        let on = summary.waiting && (total.new > 0 || (!counted && place == 0));
        Activation {
            on,
            number: number.to_owned(),
            service: total.service,
            messages: u16::try_from(total.new).ok().filter(|&new| on && new > 0),
            urgent: on && total.urgent,
        }
    };
    totals.into_iter().enumerate().map(make).collect()
}

/// The QSIG service of a message class.
pub fn service_of(class: &MessageClass) -> Option<u8> {
    match class {
        MessageClass::Voice => Some(SPEECH),
        MessageClass::Fax => Some(FAX),
        MessageClass::Pager | MessageClass::Text => Some(SHORT_MESSAGE),
        MessageClass::Multimedia => Some(MULTIMEDIA),
        MessageClass::None | MessageClass::Other(_) => None,
    }
}

/// New messages of one service.
#[derive(Clone, Copy)]
struct Total {
    service: u8,
    new: u32,
    urgent: bool,
}

impl Total {
    fn new(service: u8, count: &ClassCount) -> Self {
        Self { service, new: count.new, urgent: count.urgent_new.is_some_and(|urgent| urgent > 0) }
    }

    fn add(&mut self, count: &ClassCount) {
        self.new = self.new.saturating_add(count.new);
        self.urgent |= count.urgent_new.is_some_and(|urgent| urgent > 0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::summary::parse;

    fn all(body: &str, services: Services) -> Vec<(bool, u8, Option<u16>, bool)> {
        let summary = parse(body.replace('|', "\r\n").as_bytes()).unwrap();
        let all = activations(&summary, "4711", services);
        assert!(all.iter().all(|one| one.number == "4711"));
        all.into_iter().map(|one| (one.on, one.service, one.messages, one.urgent)).collect()
    }

    #[test]
    fn a_summary_becomes_operations_voice_first() {
        for (body, expected) in [
            ("Messages-Waiting: yes", vec![(true, 1, None, false)]),
            ("Messages-Waiting: no", vec![(false, 1, None, false)]),
            ("Messages-Waiting: yes|Voice-Message: 3/1", vec![(true, 1, Some(3), false)]),
            ("Messages-Waiting: yes|Voice-Message: 3/1 (1/0)", vec![(true, 1, Some(3), true)]),
            ("Messages-Waiting: yes|Voice-Message: 3/1 (0/1)", vec![(true, 1, Some(3), false)]),
            ("Messages-Waiting: yes|Voice-Message: 65535/0", vec![(true, 1, Some(65_535), false)]),
            ("Messages-Waiting: yes|Voice-Message: 65536/0", vec![(true, 1, None, false)]),
            // Old messages only: the status alone speaks, and 0 is never sent.
            ("Messages-Waiting: yes|Voice-Message: 0/3", vec![(true, 1, None, false)]),
            ("Messages-Waiting: no|Voice-Message: 0/3 (0/0)", vec![(false, 1, None, false)]),
            // The status decides, against the counts.
            ("Messages-Waiting: no|Voice-Message: 2/0 (1/0)", vec![(false, 1, None, false)]),
            (
                "Messages-Waiting: yes|Fax-Message: 1/0|Voice-Message: 2/0",
                vec![(true, 1, Some(2), false), (true, 37, Some(1), false)],
            ),
            (
                "Messages-Waiting: yes|Fax-Message: 1/0|Voice-Message: 0/9",
                vec![(false, 1, None, false), (true, 37, Some(1), false)],
            ),
            (
                "Messages-Waiting: yes|Pager-Message: 1/0|Text-Message: 2/0 (1/0)",
                vec![(true, 54, Some(3), true)],
            ),
            ("Messages-Waiting: yes|Multimedia-Message: 4/0", vec![(true, 66, Some(4), false)]),
            ("Messages-Waiting: yes|Video-Message: 4/0|None: 1/0", vec![(true, 1, None, false)]),
        ] {
            assert_eq!(all(body, Services::PerClass), expected, "{body}");
        }
    }

    #[test]
    fn a_pbx_with_one_lamp_gets_speech_only() {
        for (body, expected) in [
            ("Messages-Waiting: yes|Fax-Message: 1/0", (true, 1, None, false)),
            ("Messages-Waiting: yes|Fax-Message: 1/0|Voice-Message: 2/0", (true, 1, Some(2), false)),
            ("Messages-Waiting: yes|Fax-Message: 1/0|Voice-Message: 0/0", (true, 1, None, false)),
            ("Messages-Waiting: no|Fax-Message: 0/0", (false, 1, None, false)),
        ] {
            assert_eq!(all(body, Services::SpeechOnly), [expected], "{body}");
        }
    }
}
