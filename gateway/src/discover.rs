//! `tipringd hardware`: what boards the box has, and a `hardware.toml` of them.

use std::fmt::Write as _;

use telephony_hal::SpanKind;
use telephony_hal::dahdi::{FoundSpan, Signalling};

/// A `hardware.toml` with a port for every channel that DAHDI has configured, boards described in comments.
///
/// A span's number is the slot: the ports of span 2 are `2/0`, `2/1`; the controller of span 3 is `E1 3/0`.
///
/// ```
/// use gateway::hardware::Hardware;
/// let text = gateway::discover::hardware_toml("2.11.1", &[]);
/// assert!(Hardware::parse(&text)?.fxs.is_empty());
/// # Ok::<(), gateway::hardware::HardwareError>(())
/// ```
#[must_use]
pub fn hardware_toml(version: &str, spans: &[FoundSpan]) -> String {
    let mut text = format!("# Found by tipringd hardware: DAHDI {}\n", plain(version));
    for span in spans {
        describe(&mut text, span);
        ports(&mut text, span);
    }
    text
}

/// Text of a driver's, which must not end the comment it stands in.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn describe(text: &mut String, span: &FoundSpan) {
    let board = [&span.manufacturer, &span.device, &span.location];
    let board: Vec<String> =
        board.into_iter().filter(|part| !part.is_empty()).map(|part| plain(part)).collect();
    let _ = write!(text, "\n# span {}: {} {}", span.number, plain(&span.name), plain(&span.description));
    let _ = write!(text, "\n#   {}", board.join(", "));
    let alarms = [
        (span.alarms.loss_of_signal, "red alarm"),
        (span.alarms.remote, "yellow alarm"),
        (span.alarms.all_ones, "blue alarm"),
    ];
    for (_, name) in alarms.into_iter().filter(|(raised, _)| *raised) {
        let _ = write!(text, ", {name}");
    }
    if span.kind.is_some() && span.timing > 0 {
        let _ = write!(text, ", source of timing {}", span.timing);
    }
    text.push('\n');
    let idle = span.channels.iter().filter(|channel| channel.signalling == Signalling::None).count();
    if idle > 0 {
        let _ = writeln!(text, "#   not configured: {idle} channels; see /etc/dahdi/system.conf");
    }
}

fn ports(text: &mut String, span: &FoundSpan) {
    let number = span.number;
    if span.channels.iter().any(|channel| channel.signalling == Signalling::DChannel) {
        let kind = match span.kind {
            Some(SpanKind::E1) => "E1",
            Some(SpanKind::T1) => "T1",
            None => return,
        };
        let _ = write!(
            text,
            "[[pri]]\ncontroller = \"{kind} {number}/0\"\nbackend = \"dahdi\"\nspan = {number}\n"
        );
    }
    for channel in &span.channels {
        let family = match channel.signalling {
            Signalling::Fxs => "fxs",
            Signalling::Fxo => "fxo",
            _ => continue,
        };
        let port = channel.position.saturating_sub(1);
        let _ = write!(
            text,
            "[[{family}]]\nport = \"{number}/{port}\"\nbackend = \"dahdi\"\nchannel = {}\n",
            channel.number
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hardware::Hardware;
    use telephony_hal::Alarms;
    use telephony_hal::dahdi::FoundChannel;

    fn span(number: u32, name: &str, kind: Option<SpanKind>, channels: &[(u32, Signalling)]) -> FoundSpan {
        let channels = channels.iter().zip(1..).map(|((number, signalling), position)| FoundChannel {
            number: *number,
            position,
            name: format!("{name}/{position}"),
            signalling: *signalling,
        });
        FoundSpan {
            number,
            name: name.into(),
            description: "a board\n[[fxs]]".into(),
            manufacturer: "Somebody".into(),
            device: "Card".into(),
            location: String::new(),
            kind,
            alarms: Alarms::default(),
            timing: 1,
            channels: channels.collect(),
        }
    }

    #[test]
    fn what_is_found_is_a_hardware_file() {
        use Signalling::{Bearer, DChannel, Fxo, Fxs, None as Nothing, Other};
        let trunk: Vec<_> = (5..36).map(|n| (n, if n == 20 { DChannel } else { Bearer })).collect();
        let found = [
            span(1, "WCTDM/0", None, &[(1, Fxs), (2, Fxs), (3, Fxo), (4, Nothing)]),
            span(2, "TE1/0", Some(SpanKind::E1), &trunk),
            span(3, "TE1/1", Some(SpanKind::T1), &[(36, Bearer), (37, Other(0x40))]),
            span(4, "BRI", None, &[(40, Bearer), (41, Bearer), (42, DChannel)]),
        ];
        let text = hardware_toml("2.11.1", &found);
        let hardware = Hardware::parse(&text).unwrap();
        let fxs: Vec<_> = hardware.fxs.iter().map(|fxs| (fxs.port.as_str(), fxs.channel)).collect();
        assert_eq!(fxs, [("1/0", Some(1)), ("1/1", Some(2))]);
        let fxo: Vec<_> = hardware.fxo.iter().map(|fxo| (fxo.port.as_str(), fxo.channel)).collect();
        assert_eq!(fxo, [("1/2", Some(3))]);
        let pri: Vec<_> = hardware.pri.iter().map(|pri| (pri.controller.as_str(), pri.span)).collect();
        assert_eq!(pri, [("E1 2/0", Some(2))], "a span without a D channel is none");
        assert!(
            text.contains(
                "# span 1: WCTDM/0 a board [[fxs]]\n#   Somebody, Card\n#   not configured: 1 channels; see"
            ),
            "{text}"
        );
    }
}
