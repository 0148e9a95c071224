//! `voice-port`.

use super::reasons::{CALLS, FEATURE, LINE, MEDIA};
use super::{Apply, Command, WHOLE};
use crate::config::{ApplyError, Cx, PortTimeouts, RingCadence, Vmwi};
use crate::{acted, command, kept};

pub(super) static VOICE_PORT: &[Command] = &[
    command! {
        "signal (loopStart|groundStart)", default: "signal loopStart",
        help: &["The signaling type for the interface", "Loop start", "Ground start"],
        apply: Apply::Acted(|cx| {
            let ground = !cx.no && cx.args.word(1).is_some_and(|word| word.eq_ignore_ascii_case("groundStart"));
            cx.voice_port()?.line.ground_start = ground;
            Ok(())
        }),
    },
    kept!("signal LINE", ["The signaling type for the interface", "loopStart, groundStart, did, cama, ..."], LINE,
        default: "signal loopStart"),
    kept!("input gain LINE", ["Input gain", "Gain", "-6 to 14 dB"], LINE),
    kept!("output attenuation LINE", ["Output attenuation", "Attenuation", "-6 to 14 dB"], LINE),
    kept!("trunk-type LINE", ["Trunk type", "Type"], LINE),
    kept!("echo-cancel enable", ["Echo-cancellation option", "Enable"], MEDIA, no_shown: true, default: "echo-cancel enable"),
    kept!("echo-cancel (coverage|erl|suppressor|mode|loudness|comfort-noise) LINE", ["Echo-cancellation option", "Coverage", "Echo return loss",
        "Suppressor", "Mode", "Loudness", "Comfort noise", "Value"], MEDIA, keyed: 2),
    kept!("non-linear", ["Use non-linear processing during echo cancellation"], MEDIA, no_shown: true, default: "non-linear"),
    kept!("vad", ["Use voice activity detection"], MEDIA, no_shown: true, default: "vad"),
    kept!("comfort-noise", ["Use fill-silence option"], MEDIA, no_shown: true, default: "comfort-noise"),
    kept!("music-threshold LINE", ["Threshold of music on hold", "dB"], MEDIA),
    kept!("playout-delay LINE", ["Configure voice playout delay", "The setting"], MEDIA, keyed: WHOLE),
    command! {
        "shutdown", help: &["Take voice-port offline"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.voice_port()?.shutdown = on; Ok(()) }),
    },
    kept!("busyout LINE", ["Configure busyout trigger event & procedure", "The setting"], LINE, keyed: WHOLE),
    kept!("compand-type (a-law|u-law)", ["Companding type", "A-law", "mu-law"], MEDIA),
    command! {
        "cptone (AR|AU|AT|BE|BR|CA|CL|CN|CO|C1|C2|CY|CZ|DK|EG|FI|FR|DE|GH|GR|HK|HU|IS|IN|ID|IE|IL|IT|JP|JO|KE|KR|KW|LB|LU|MY|MT|MX|NP|NL|NZ|NG|NO|OM|PK|PA|PE|PH|PL|PT|RU|SA|SG|SK|SI|ZA|ES|SE|CH|TW|TH|TR|AE|GB|US|VE|ZW)",
        default: "cptone US",
        help: &["Configure voice call progress tone locale", "Argentina", "Australia", "Austria", "Belgium", "Brazil", "Canada",
            "Chile", "China", "Colombia", "Custom Tone 1", "Custom Tone 2", "Cyprus", "Czech Republic", "Denmark", "Egypt",
            "Finland", "France", "Germany", "Ghana", "Greece", "Hong Kong", "Hungary", "Iceland", "India", "Indonesia", "Ireland",
            "Israel", "Italy", "Japan", "Jordan", "Kenya", "Korea Republic", "Kuwait", "Lebanon", "Luxembourg", "Malaysia",
            "Malta", "Mexico", "Nepal", "Netherlands", "New Zealand", "Nigeria", "Norway", "Oman", "Pakistan", "Panama", "Peru",
            "Philippines", "Poland", "Portugal", "Russian Federation", "Saudi Arabia", "Singapore", "Slovakia", "Slovenia",
            "South Africa", "Spain", "Sweden", "Switzerland", "Taiwan", "Thailand", "Turkey", "United Arab Emirates",
            "United Kingdom", "United States", "Venezuela", "Zimbabwe"],
        apply: Apply::Acted(|cx| {
            let code = match cx.args.word(1) {
                Some(code) if !cx.no => code.to_ascii_lowercase(),
                _ => "us".to_owned(),
            };
            cx.voice_port()?.cptone = code;
            Ok(())
        }),
    },
    kept!(
        "impedance WORD",
        ["Specifies the terminating impedance of the interface", "600r, 900c, complex1, ..."],
        LINE
    ),
    kept!("idle-voltage (high|low)", ["Idle voltage", "High", "Low"], LINE),
    kept!("loop-length (long|short)", ["Loop length", "Long", "Short"], LINE),
    command! {
        "ring cadence (pattern01|pattern02|pattern03|pattern04|pattern05|pattern06|pattern07|pattern08|pattern09|pattern10|pattern11|pattern12)",
        keyed: 2,
        help: &["Ring frequency, cadence, number", "Cadence", "2 s on, 4 s off", "1 s on, 4 s off", "1.5 s on, 3.5 s off",
            "1 s on, 2 s off", "1 s on, 5 s off", "1 s on, 3 s off", "0.8 s on, 3.2 s off", "1.5 s on, 3 s off",
            "1.2 s on, 3.7 s off", "1.2 s on, 4.7 s off", "0.4 s on, 0.2 s off, 0.4 s on, 2 s off",
            "0.4 s on, 0.2 s off, 0.4 s on, 2.6 s off"],
        apply: Apply::Acted(|cx| {
            let number = cx.args.word(2).and_then(|word| word.strip_prefix("pattern")?.parse().ok());
            let cadence = number.filter(|_| !cx.no).map(RingCadence::Pattern);
            cx.voice_port()?.line.ring_cadence = cadence;
            Ok(())
        }),
    },
    command! {
        "ring cadence define <1-50> <1-50> [<1-50> <1-50>] [<1-50> <1-50>] [<1-50> <1-50>] [<1-50> <1-50>] [<1-50> <1-50>]", keyed: 2,
        help: &["Ring frequency, cadence, number", "Cadence", "A cadence of one's own", "Pulse, in 100 ms", "Interval, in 100 ms", "Pulse, in 100 ms", "Interval, in 100 ms", "Pulse, in 100 ms", "Interval, in 100 ms", "Pulse, in 100 ms", "Interval, in 100 ms", "Pulse, in 100 ms", "Interval, in 100 ms", "Pulse, in 100 ms", "Interval, in 100 ms"],
        apply: Apply::Acted(ring_cadence),
    },
    kept!("ring (frequency|cadence|number|dc-offset) LINE", ["Ring frequency, cadence, number", "Frequency", "Cadence", "Number",
        "DC offset", "Value"], LINE, keyed: 2),
    command! {
        "ren <1-5>", help: &["Ringer equivalence number", "Number"],
        apply: Apply::Acted(|cx| {
            let ren = if cx.no { None } else { cx.args.number(0) };
            cx.voice_port()?.line.ren = ren;
            Ok(())
        }),
    },
    command! {
        "timeouts (initial|interdigit) <0-120>", keyed: 2,
        help: &["Configure voice timeout parameters", "Initial timeout", "Interdigit timeout", "Seconds"],
        apply: Apply::Acted(timeouts),
    },
    command! {
        "timeouts call-disconnect (<1-120>|infinity)", with_previous: true,
        help: &["Configure voice timeout parameters", "Call disconnect timeout", "Seconds", "Never"],
        apply: Apply::Acted(timeouts),
    },
    command! {
        "timeouts ringing (<3-60000>|infinity)", with_previous: true,
        help: &["Configure voice timeout parameters", "Ringing no answer timeout", "Seconds", "Never"],
        apply: Apply::Acted(timeouts),
    },
    command! {
        "timeouts wait-release (<1-3600>|infinity)", with_previous: true,
        help: &["Configure voice timeout parameters", "Wait release timeout", "Seconds", "Never"],
        apply: Apply::Acted(timeouts),
    },
    command! {
        "timeouts power-denial <0-2500>", keyed: 2, with_previous: true,
        help: &["Configure voice timeout parameters", "Power denial", "Milliseconds"],
        apply: Apply::Acted(|cx| {
            let ms = if cx.no { None } else { cx.args.number(0) };
            cx.voice_port()?.line.power_denial = ms;
            Ok(())
        }),
    },
    kept!("timeouts (teardown|call-forward|wait-answer) LINE", ["Configure voice timeout parameters", "Teardown",
        "Call forward", "Wait for answer", "Value"], LINE, keyed: 2, with_previous: true),
    command! {
        "timing hookflash-in <50-1550> [<0-400>]", keyed: 2,
        help: &["Configure voice timing parameters", "Flash of the telephone's hook", "Longest flash in milliseconds",
            "Shortest flash in milliseconds"],
        apply: Apply::Acted(|cx| {
            let longest = if cx.no { None } else { cx.args.number(0) };
            let shortest = cx.args.number(1);
            cx.voice_port()?.line.hookflash_in = longest.map(|longest| (longest, shortest));
            Ok(())
        }),
    },
    kept!("timing WORD LINE", ["Configure voice timing parameters", "Parameter", "Milliseconds"], LINE, keyed: 2),
    command! {
        "connection plar WORD",
        help: &["Specify trunking parameters", "Private line automatic ringdown", "Number to call"],
        apply: Apply::Acted(|cx| {
            let number = cx.text(0);
            cx.voice_port()?.connection_plar = number;
            Ok(())
        }),
    },
    kept!("connection (plar opx|tie-line|trunk) LINE", ["Specify trunking parameters", "Private line automatic ringdown",
        "Off-premises extension", "Tie line", "Trunk", "Number"], CALLS, keyed: 2, with_previous: true),
    command! {
        "description LINE", help: &["Description of what this port is connected to", "Up to 64 characters"],
        apply: Apply::Acted(|cx| { let text = cx.text(0); cx.voice_port()?.description = text; Ok(()) }),
    },
    kept!(
        "bearer-cap (Speech|3100Hz|unrestricted)",
        ["Bearer capability", "Speech", "3.1 kHz audio", "Unrestricted"],
        CALLS
    ),
    command! {
        "battery-reversal [answer]", no_shown: true, help: &["Battery reversal", "On answer"],
        apply: Apply::Acted(|cx| {
            let off = cx.no && !cx.default;
            cx.voice_port()?.line.no_battery_reversal = off;
            Ok(())
        }),
    },
    command! {
        "disconnect-ack", help: &["Acknowledge the release of the telephone by power denial"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.voice_port()?.line.disconnect_ack = on; Ok(()) }),
    },
    kept!("supervisory LINE", ["Supervision", "The setting"], LINE, keyed: WHOLE, no_shown: true),
    kept!("disc_pi_off", ["Disconnect without tones"], LINE),
    kept!("disc-pi-off", ["Disconnect without tones"], LINE),
    kept!("threshold noise LINE", ["Threshold", "Noise", "dB"], LINE),
    kept!("dial-type (dtmf|mf|pulse)", ["The type of dialing", "DTMF", "MF", "Pulse"], LINE),
    command! {
        "mwi", help: &["Message waiting indication on this port"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.voice_port()?.mwi = on; Ok(()) }),
    },
    command! {
        "vmwi (dc-voltage|fsk)",
        help: &["Visual message waiting indication", "High DC voltage on the line", "FSK message"],
        apply: Apply::Acted(|cx| {
            let lamp = match (cx.no, cx.args.word(1)) {
                (true, _) | (_, None) => None,
                (_, Some("fsk")) => Some(Vmwi::Fsk),
                _ => Some(Vmwi::DcVoltage),
            };
            cx.voice_port()?.vmwi = lamp;
            Ok(())
        }),
    },
    command! {
        "station-id name LINE",
        help: &["Configure station ID", "Name", "Up to 50 characters"],
        apply: Apply::Acted(|cx| { let text = cx.text(0); cx.voice_port()?.station_id_name = text; Ok(()) }),
    },
    command! {
        "station-id number WORD",
        help: &["Configure station ID", "Number", "Full E.164 telephone number"],
        apply: Apply::Acted(|cx| { let text = cx.text(0); cx.voice_port()?.station_id_number = text; Ok(()) }),
    },
    command! {
        "caller-id enable [LINE]",
        help: &["Configure port caller id parameters", "Enable caller ID", "Type"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.voice_port()?.caller_id = on; Ok(()) }),
    },
    kept!("caller-id (alerting|block|mode|format) [LINE]", ["Configure port caller id parameters", "Alerting", "Block", "Mode",
        "Format", "The setting"], LINE, keyed: 2),
    acted!("translation-profile (incoming|outgoing) WORD", ["Translation profile", "Incoming calls", "Outgoing calls", "Name"],
        keyed: 2),
    kept!("translate (called|calling) <1-2147483647>", ["Translation rule", "Called number", "Calling number", "Tag"], CALLS, keyed: 2),
    command! {
        "trunk-group WORD [<1-64>]", keyed: 2,
        help: &["Trunk group of this port", "Trunk group label", "Preference"],
        apply: Apply::Acted(|cx| {
            let (label, no, preference) = super::trunk_group_words(cx);
            super::member(&mut cx.voice_port()?.trunk_groups, label, no, preference);
            Ok(())
        }),
    },
    kept!("snmp-server LINE", ["SNMP", "The setting"], FEATURE, keyed: WHOLE),
    kept!("local-alerting", ["Local alerting"], LINE),
    kept!("local-bypass", ["Local bypass"], LINE, no_shown: true),
    kept!("pre-dial-delay <0-10>", ["Delay before dialling", "Seconds"], LINE),
    kept!("operation (2-wire|4-wire)", ["Operation", "Two wires", "Four wires"], LINE),
    kept!("type <1-5>", ["E&M type", "Type"], LINE),
    kept!("ani LINE", ["Automatic number identification", "The setting"], LINE, keyed: WHOLE),
    kept!("groundstart LINE", ["Ground start", "The setting"], LINE, keyed: WHOLE),
    kept!("auto-cut-through", ["Auto cut-through"], LINE, no_shown: true),
    kept!("define LINE", ["Define signalling bits", "Bits"], LINE, keyed: WHOLE),
    kept!("lpcor LINE", ["Logical partitioning", "The setting"], FEATURE, keyed: WHOLE),
    kept!("hook-flash LINE", ["Hook flash", "The setting"], LINE, keyed: WHOLE),
];

/// One to six pairs of pulse and interval, each 1 to 50 times 100 ms.
fn ring_cadence(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let units: Vec<u32> = (0..12).map_while(|n| cx.args.number(n)).collect();
    let pairs = units.chunks_exact(2).filter_map(|pair| Some((pair.first()? * 100, pair.last()? * 100)));
    let cadence = Some(RingCadence::Define(pairs.collect())).filter(|_| !cx.no);
    cx.voice_port()?.line.ring_cadence = cadence;
    Ok(())
}

fn timeouts(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let name = cx.args.word(1).unwrap_or("").to_owned();
    let value: Option<u32> = cx.args.number(0);
    let default = PortTimeouts::default();
    let no = cx.no;
    let timeouts = &mut cx.voice_port()?.timeouts;
    match name.as_str() {
        "initial" => timeouts.initial = value.filter(|_| !no).unwrap_or(default.initial),
        "interdigit" => timeouts.interdigit = value.filter(|_| !no).unwrap_or(default.interdigit),
        "call-disconnect" => timeouts.call_disconnect = if no { default.call_disconnect } else { value },
        "ringing" => timeouts.ringing = if no { default.ringing } else { value },
        "wait-release" => timeouts.wait_release = if no { default.wait_release } else { value },
        _ => *timeouts = default,
    }
    Ok(())
}
