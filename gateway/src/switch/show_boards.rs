//! `show diag` and the boards of `show inventory`: what DAHDI has in the box, span by span, used by the gateway or not.
//!
//! The frame of `show diag` is that of IOS (`Slot N:` and lines moved in by a tab); what stands in it is Tipring's own.

use std::fmt::Write as _;

use telephony_hal::SpanKind;
use telephony_hal::dahdi::{FoundSpan, Signalling, spans};

/// The spans there are; none without DAHDI.
pub(super) fn found() -> Vec<FoundSpan> {
    spans().unwrap_or_default()
}

/// Name, description and product of a span, for the inventory.
pub(super) fn inventory(span: &FoundSpan) -> (String, String, String) {
    let plain = |text: &str| text.replace(['"', '\n', '\r'], " ").trim().to_owned();
    let product: String = span
        .device
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._/".contains(c) { c } else { '-' })
        .collect();
    (
        format!("Span {}", span.number),
        plain(&format!("{} {}", span.name, span.description)),
        if product.is_empty() { "DAHDI".to_owned() } else { product },
    )
}

/// `show diag [SLOT]`. A span is a slot, as in `tipringd hardware`.
pub(super) fn diag(spans: &[FoundSpan], slot: Option<u32>) -> String {
    let mut out = String::new();
    for span in spans.iter().filter(|span| slot.is_none_or(|slot| slot == span.number)) {
        let (_, description, _) = inventory(span);
        let _ = writeln!(out, "Slot {}:\n\t{description}", span.number);
        let parts = [&span.manufacturer, &span.device, &span.location];
        let parts: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            let _ = writeln!(out, "\tBoard: {}", parts.join(", "));
        }
        let kind = match span.kind {
            Some(SpanKind::E1) => "E1, ",
            Some(SpanKind::T1) => "T1, ",
            None => "",
        };
        let _ = writeln!(out, "\t{kind}{} channels{}", span.channels.len(), uses(span));
        let alarms = [
            (span.alarms.loss_of_signal, "red"),
            (span.alarms.remote, "yellow"),
            (span.alarms.all_ones, "blue"),
        ];
        let raised: Vec<&str> =
            alarms.into_iter().filter(|(raised, _)| *raised).map(|(_, name)| name).collect();
        let _ =
            writeln!(out, "\tAlarms: {}", if raised.is_empty() { "none".into() } else { raised.join(", ") });
        if span.kind.is_some() {
            let own = span.timing == span.number;
            let _ = writeln!(out, "\tTiming: {}", if own { "from this line" } else { "not from this line" });
        }
        out.push('\n');
    }
    if out.is_empty() {
        out.push_str("No board of DAHDI is there.\n");
    }
    out
}

/// `: 30 bearers, 1 D channel`, as they are configured.
fn uses(span: &FoundSpan) -> String {
    let count = |wanted: fn(&Signalling) -> bool| {
        span.channels.iter().filter(|channel| wanted(&channel.signalling)).count()
    };
    let counts = [
        (count(|s| *s == Signalling::Fxs), "FXS"),
        (count(|s| *s == Signalling::Fxo), "FXO"),
        (count(|s| *s == Signalling::Bearer), "bearer"),
        (count(|s| *s == Signalling::DChannel), "D channel"),
        (count(|s| matches!(s, Signalling::Other(_))), "of no use here"),
        (count(|s| *s == Signalling::None), "not configured"),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use telephony_hal::Alarms;
    use telephony_hal::dahdi::FoundChannel;

    use super::*;

    fn span(number: u32, kind: Option<SpanKind>, signalling: &[Signalling]) -> FoundSpan {
        let channels = signalling.iter().zip(1..).map(|(signalling, position)| FoundChannel {
            number: position,
            position,
            name: String::new(),
            signalling: *signalling,
        });
        FoundSpan {
            number,
            name: format!("TE1/{number}"),
            description: "a \"board\"\nof 2".into(),
            manufacturer: "Somebody".into(),
            device: "Card 2 (5V)".into(),
            location: String::new(),
            kind,
            alarms: Alarms::default(),
            timing: 3,
            channels: channels.collect(),
        }
    }

    #[test]
    fn boards_are_told_span_by_span() {
        use Signalling::{Bearer, DChannel, Fxs, None as Nothing};
        let analogue = span(1, None, &[Fxs, Fxs, Nothing]);
        let mut trunk = span(3, Some(SpanKind::E1), &[Bearer, DChannel, Bearer]);
        trunk.alarms.remote = true;
        let (name, description, product) = inventory(&analogue);
        assert_eq!((name.as_str(), product.as_str()), ("Span 1", "Card-2--5V-"));
        assert_eq!(description, "TE1/1 a  board  of 2", "a quotation mark would end the field");
        let all = diag(&[analogue.clone(), trunk.clone()], None);
        assert!(all.contains("Slot 1:\n\tTE1/1 a  board  of 2\n\tBoard: Somebody, Card 2 (5V)\n"), "{all}");
        assert!(all.contains("\t3 channels: 2 FXS, 1 not configured\n\tAlarms: none\n\n"), "{all}");
        let one = diag(&[analogue, trunk], Some(3));
        assert!(!one.contains("Slot 1"), "{one}");
        assert!(one.contains(
            "\tE1, 3 channels: 2 bearer, 1 D channel\n\tAlarms: yellow\n\tTiming: from this line\n"
        ));
        assert_eq!(diag(&[], Some(9)), "No board of DAHDI is there.\n");
    }
}
