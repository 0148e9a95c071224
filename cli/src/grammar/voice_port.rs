//! `voice-port`.

use super::reasons::{CALLS, FEATURE, LINE};
use super::{Apply, Command, WHOLE};
use crate::config::{
    ApplyError, CallerIdAlert, CallerIdMode, Connection, Cx, PortTimeouts, RingCadence, ToneDisconnect, Vmwi,
};
use crate::{acted, command, kept};

/// Why lines are kept that mean nothing on the ports there are.
const E_AND_M: &str = "there are no E&M ports";
const CARD: &str = "the line card has its own, which nothing changes";
const LEARNT: &str = "the echo canceller learns it by itself";
const SILENCE: &str = "what counts as silence follows the noise on the line by itself";
const DISCONNECT: &str = "without isdn T306 a trunk's DISCONNECT always ends the call, with tones or without";

/// `connection plar opx cut-through-wait` without a time, ms. Ours: the model (150 to 750) has no default.
const CUT_THROUGH_MS: u32 = 500;
/// `groundstart auto-tip` without a time, ms.
const AUTO_TIP_MS: u32 = 200;

/// A setting that is a number, or none where it is the default.
macro_rules! number {
    ($($field:ident).+ $(, $default:literal)?) => {
        Apply::Acted(|cx| {
            let value = if cx.no { None } else { cx.args.number(0) };
            $( let value = value.filter(|value| *value != $default); )?
            cx.voice_port()?.line.$($field).+ = value;
            Ok(())
        })
    };
}

/// A setting that is there or not.
macro_rules! flag {
    ($($field:ident).+) => {
        Apply::Acted(|cx| {
            let on = !cx.no;
            cx.voice_port()?.line.$($field).+ = on;
            Ok(())
        })
    };
}

/// A setting that is on unless a `no` form says otherwise.
macro_rules! unless_no {
    ($($field:ident).+) => {
        Apply::Acted(|cx| {
            let off = cx.no && !cx.default;
            cx.voice_port()?.line.$($field).+ = off;
            Ok(())
        })
    };
}

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
    command! {
        "input gain <-6-14>", keyed: 2, help: &["Input gain", "Gain", "dB"], apply: number!(input_gain),
    },
    command! {
        "output attenuation <-6-14>", keyed: 2, default: "output attenuation 3",
        help: &["Output attenuation", "Attenuation", "dB"], apply: number!(output_attenuation, 3),
    },
    kept!("trunk-type LINE", ["Trunk type", "Type"], LINE),
    command! {
        "echo-cancel enable", no_shown: true, default: "echo-cancel enable",
        help: &["Echo-cancellation option", "Enable"], apply: unless_no!(no_echo_cancel),
    },
    command! {
        "echo-cancel coverage (8|16|24|32|48|64|80|96|112|128)", keyed: 2, default: "echo-cancel coverage 64",
        help: &["Echo-cancellation option", "Longest echo", "8 ms", "16 ms", "24 ms", "32 ms", "48 ms", "64 ms", "80 ms", "96 ms",
            "112 ms", "128 ms"],
        apply: Apply::Acted(|cx| {
            let ms = cx.args.word(2).and_then(|word| word.parse().ok()).filter(|ms| !cx.no && *ms != 64);
            cx.voice_port()?.line.echo_coverage = ms;
            Ok(())
        }),
    },
    command! {
        "echo-cancel erl worst-case (0|3|6)", keyed: 3, default: "echo-cancel erl worst-case 6",
        help: &["Echo-cancellation option", "Echo return loss", "The least there can be", "0 dB", "3 dB", "6 dB"],
        apply: Apply::Acted(|cx| {
            let db = cx.args.word(3).and_then(|word| word.parse().ok()).filter(|db| !cx.no && *db != 6);
            cx.voice_port()?.line.erl_worst_case = db;
            Ok(())
        }),
    },
    kept!("echo-cancel (suppressor|mode|loudness|comfort-noise) LINE", ["Echo-cancellation option",
        "Suppressor", "Mode", "Loudness", "Comfort noise", "Value"], LEARNT, keyed: 2),
    command! {
        "non-linear", no_shown: true, default: "non-linear", help: &["Use non-linear processing during echo cancellation"],
        apply: unless_no!(no_non_linear),
    },
    kept!("vad", ["Use voice activity detection"], "the dial peer's vad acts", no_shown: true, default: "vad"),
    command! {
        "comfort-noise", no_shown: true, default: "comfort-noise", help: &["Use fill-silence option"],
        apply: unless_no!(no_comfort_noise),
    },
    command! {
        "music-threshold <-70--30>", default: "music-threshold -38",
        help: &["Threshold of music on hold, louder than which nothing is a pause", "dBm0"], apply: number!(music_threshold, -38),
    },
    acted!("playout-delay mode (adaptive|fixed)", ["Configure voice playout delay", "Jitter buffer", "Follows the jitter", "Stays as it is"],
        keyed: 2, default: "playout-delay mode adaptive"),
    acted!("playout-delay nominal <40-200>", ["Configure voice playout delay", "At the beginning", "Milliseconds"], keyed: 2),
    acted!("playout-delay maximum <40-320>", ["Configure voice playout delay", "At most", "Milliseconds"], keyed: 2),
    acted!("playout-delay minimum (low|default|high)", ["Configure voice playout delay", "At least", "10 ms", "40 ms", "80 ms"], keyed: 2),
    kept!("playout-delay fax <0-700>", ["Configure voice playout delay", "For fax", "Milliseconds"], "fax goes as it comes", keyed: 2),
    command! {
        "shutdown", help: &["Take voice-port offline"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.voice_port()?.shutdown = on; Ok(()) }),
    },
    command! {
        "busyout forced", help: &["Configure busyout trigger event & procedure", "Force the port into busyout"],
        apply: flag!(busyout.forced),
    },
    command! {
        "busyout graceful", with_previous: true,
        help: &["Configure busyout trigger event & procedure", "Busyout when the calls on the port are over"],
        apply: flag!(busyout.graceful),
    },
    command! {
        "busyout seize (ignore|repeat)", keyed: 2, default: "busyout seize ignore",
        help: &["Configure busyout trigger event & procedure", "What an exchange line does", "Stay on hook", "Be off hook"],
        apply: Apply::Acted(|cx| {
            let seize = !cx.no && cx.args.word(2) == Some("repeat");
            cx.voice_port()?.line.busyout.seize = seize;
            Ok(())
        }),
    },
    acted!("tipring call-forward (all|busy) WORD", ["Settings of this gateway that IOS does not have", "Calls to this telephone go elsewhere",
        "Always", "When it is busy", "Number"], keyed: 3),
    acted!("tipring call-forward noan WORD timeout <3-300>", ["Settings of this gateway that IOS does not have",
        "Calls to this telephone go elsewhere", "When nobody answers", "Number", "After so long", "Seconds"], keyed: 3, with_previous: true),
    acted!("busyout monitor keepalive", ["Configure busyout trigger event & procedure", "While what is watched is down",
        "Every keepalive target of sip-ua"], keyed: WHOLE),
    command! {
        "busyout monitor serial WORD", keyed: WHOLE,
        help: &["Configure busyout trigger event & procedure", "While what is watched is down", "Serial interface of a trunk",
            "Number of the interface"],
        apply: Apply::Acted(|cx| {
            let name = cx.args.argument(0).unwrap_or_default().to_owned();
            let no = cx.no;
            let monitor = &mut cx.voice_port()?.line.busyout.monitor;
            monitor.retain(|other| *other != name);
            if !no {
                monitor.push(name);
            }
            Ok(())
        }),
    },
    kept!("busyout monitor (action|ethernet|FastEthernet|GigabitEthernet|gatekeeper|interface|probe) [LINE]", [
        "Configure busyout trigger event & procedure", "While what is watched is down", "Action", "Ethernet", "Ethernet", "Ethernet",
        "Gatekeeper", "Interface", "Probe", "The setting"], "the Linux host owns its interfaces", keyed: WHOLE),
    kept!(
        "compand-type (a-law|u-law)",
        ["Companding type", "A-law", "mu-law"],
        "a port speaks linear samples"
    ),
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
    command! {
        "impedance (600c|600r|900c|900r|complex1|complex2|complex3|complex4|complex5|complex6)", keyed: 1,
        default: "impedance 600r",
        help: &["Specifies the terminating impedance of the interface", "600 ohms complex", "600 ohms real", "900 ohms complex",
            "900 ohms real", "Complex 1", "Complex 2", "Complex 3", "Complex 4", "Complex 5", "Complex 6"],
        apply: Apply::Acted(|cx| {
            let word = cx.args.word(1).map(str::to_ascii_lowercase).filter(|word| !cx.no && word != "600r");
            cx.voice_port()?.line.impedance = word;
            Ok(())
        }),
    },
    kept!("idle-voltage (high|low)", ["Idle voltage", "High", "Low"], CARD),
    kept!("loop-length (long|short)", ["Loop length", "Long", "Short"], CARD),
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
    command! {
        "ring number <1-10>", keyed: 2, default: "ring number 1",
        help: &["Ring frequency, cadence, number", "Rings before an exchange line's call is answered", "Number"],
        apply: number!(ring_number, 1),
    },
    kept!("ring (frequency|cadence|dc-offset) LINE", ["Ring frequency, cadence, number", "Frequency", "Cadence",
        "DC offset", "Value"], CARD, keyed: 2),
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
    command! {
        "timing digit <50-100>", keyed: 2, default: "timing digit 100",
        help: &["Configure voice timing parameters", "Length of a DTMF digit sent", "Milliseconds"], apply: number!(timing.digit, 100),
    },
    command! {
        "timing inter-digit <50-500>", keyed: 2, default: "timing inter-digit 100",
        help: &["Configure voice timing parameters", "Pause after a DTMF digit", "Milliseconds"],
        apply: number!(timing.inter_digit, 100),
    },
    command! {
        "timing pulse <10-20>", keyed: 2, default: "timing pulse 10",
        help: &["Configure voice timing parameters", "Dial pulses", "Pulses a second"], apply: number!(timing.pulse, 10),
    },
    command! {
        "timing percentbreak <20-80>", keyed: 2, default: "timing percentbreak 60",
        help: &["Configure voice timing parameters", "Open part of a dial pulse", "Percent"], apply: number!(timing.percent_break, 60),
    },
    command! {
        "timing pulse-inter-digit <100-1000>", keyed: 2, default: "timing pulse-inter-digit 750",
        help: &["Configure voice timing parameters", "Pause after a pulsed digit", "Milliseconds"],
        apply: number!(timing.pulse_inter_digit, 750),
    },
    command! {
        "timing hookflash-out <50-1550>", keyed: 2, default: "timing hookflash-out 400",
        help: &["Configure voice timing parameters", "Flash sent to the exchange", "Milliseconds"], apply: number!(timing.hookflash_out, 400),
    },
    command! {
        "timing guard-out <300-3000>", keyed: 2, default: "timing guard-out 2000",
        help: &["Configure voice timing parameters", "Rest of an exchange line after a call", "Milliseconds"], apply: number!(timing.guard_out, 2000),
    },
    command! {
        "timing sup-disconnect <50-1500>", keyed: 2, default: "timing sup-disconnect 350",
        help: &["Configure voice timing parameters", "Open loop that ends a call", "Milliseconds"], apply: number!(timing.sup_disconnect, 350),
    },
    command! {
        "timing dialout-delay <50-5000>", keyed: 2,
        help: &["Configure voice timing parameters", "Off hook to the first digit", "Milliseconds"], apply: number!(timing.dialout_delay),
    },
    command! {
        "timing opx-ringwait <2000-10000>", keyed: 2, default: "timing opx-ringwait 6000",
        help: &["Configure voice timing parameters", "Longest pause of an exchange's ringing", "Milliseconds"],
        apply: number!(timing.opx_ring_wait, 6000),
    },
    kept!("timing (answer-winkwidth|clear-wait|delay-connect|delay-duration|delay-start|delay-with-integrity|dial-pulse|wait-wink|wink-duration|wink-wait) LINE", ["Configure voice timing parameters", "Answer wink", "Clear wait",
        "Delay of the connection", "Delay signal", "Delay start", "Delay with integrity", "Dial pulse", "Wait for wink", "Wink", "Wink wait", "Milliseconds"], E_AND_M, keyed: 2),
    command! {
        "connection plar WORD", keyed: 1,
        help: &["Specify trunking parameters", "Private line automatic ringdown", "Number to call"],
        apply: Apply::Acted(|cx| {
            let number = cx.text(0);
            cx.voice_port()?.connection = number.map(Connection::Plar);
            Ok(())
        }),
    },
    command! {
        "connection plar opx [immediate] WORD", keyed: 1, with_previous: true,
        help: &["Specify trunking parameters", "Private line automatic ringdown", "Off-premises extension",
            "Do not wait for the caller's number", "Number to call"],
        apply: Apply::Acted(|cx| {
            let immediate = cx.args.has("immediate");
            let number = cx.text(0);
            cx.voice_port()?.connection =
                number.map(|number| Connection::PlarOpx { number, immediate, cut_through: None });
            Ok(())
        }),
    },
    command! {
        "connection plar opx cut-through-wait [<150-750>] WORD", keyed: 1, with_previous: true,
        help: &["Specify trunking parameters", "Private line automatic ringdown", "Off-premises extension",
            "Audio only a while after the exchange line was answered", "Milliseconds, 500 where nothing is said", "Number to call"],
        apply: Apply::Acted(|cx| {
            let (ms, number) = match cx.text(1) {
                Some(number) => (cx.args.number(0), Some(number)),
                None => (None, cx.text(0)),
            };
            let cut_through = ms.or(Some(CUT_THROUGH_MS));
            cx.voice_port()?.connection =
                number.map(|number| Connection::PlarOpx { number, immediate: false, cut_through });
            Ok(())
        }),
    },
    command! {
        "connection tie-line WORD", keyed: 1, with_previous: true,
        help: &["Specify trunking parameters", "A tie line", "Digits before those dialled"],
        apply: Apply::Acted(|cx| {
            let digits = cx.text(0);
            cx.voice_port()?.connection = digits.map(Connection::TieLine);
            Ok(())
        }),
    },
    command! {
        "connection trunk WORD [answer-mode]", keyed: 1, with_previous: true,
        help: &["Specify trunking parameters", "A call that stands all the time", "Number to call", "The other side calls"],
        apply: Apply::Acted(|cx| {
            let answer = cx.args.has("answer-mode");
            let number = cx.text(0);
            cx.voice_port()?.connection = number.map(|number| Connection::Trunk { number, answer });
            Ok(())
        }),
    },
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
        "battery-reversal [answer] [detection-delay <0-800>]", no_shown: true,
        help: &["Battery reversal", "On answer", "How long it must last", "Milliseconds"],
        apply: Apply::Acted(|cx| {
            let off = cx.no && !cx.default;
            let answers = !cx.no && cx.args.has("answer");
            let delay = cx.args.number(0).filter(|ms| !cx.no && *ms > 0);
            let line = &mut cx.voice_port()?.line;
            (line.no_battery_reversal, line.reversal_answers, line.reversal_delay) = (off, answers, delay);
            Ok(())
        }),
    },
    command! {
        "disconnect-ack", help: &["Acknowledge the release of the telephone by power denial"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.voice_port()?.line.disconnect_ack = on; Ok(()) }),
    },
    command! {
        "supervisory disconnect", no_shown: true, default: "supervisory disconnect",
        help: &["Supervision", "End of a call told by the exchange"], apply: unless_no!(no_supervisory_disconnect),
    },
    command! {
        "supervisory disconnect lcfo", keyed: WHOLE, no_shown: true, default: "supervisory disconnect lcfo",
        help: &["Supervision", "End of a call told by the exchange", "By opening the loop"],
        apply: unless_no!(no_supervisory_disconnect),
    },
    command! {
        "supervisory disconnect (anytone|dualtone (mid-call|pre-connect))", keyed: 3,
        help: &["Supervision", "End of a call told by the exchange", "By any tone", "By tones that are known", "In conversation",
            "Also before the answer"],
        apply: Apply::Acted(|cx| {
            let tone = match (cx.no, cx.args.word(2), cx.args.word(3)) {
                (true, ..) => None,
                (_, Some("anytone"), _) => Some(ToneDisconnect::AnyTone),
                (_, _, Some("pre-connect")) => Some(ToneDisconnect::PreConnect),
                _ => Some(ToneDisconnect::MidCall),
            };
            cx.voice_port()?.line.tone_disconnect = tone;
            Ok(())
        }),
    },
    command! {
        "supervisory disconnect dualtone voice-class <1-10000>", keyed: 3, with_previous: true,
        help: &["Supervision", "End of a call told by the exchange", "By tones that are known", "Those of a class",
            "Tag of the class"],
        apply: Apply::Acted(|cx| {
            let tag = if cx.no { None } else { cx.args.number(0) };
            cx.voice_port()?.line.tone_disconnect = tag.map(ToneDisconnect::Class);
            Ok(())
        }),
    },
    command! {
        "supervisory answer dualtone", help: &["Supervision", "Answer", "By the end of ringback"], apply: flag!(tone_answer),
    },
    command! {
        "supervisory custom-cptone WORD", keyed: 2, help: &["Supervision", "Tones to listen for", "Name of the class"],
        apply: Apply::Acted(|cx| { let name = cx.text(0); cx.voice_port()?.line.custom_cptone = name; Ok(()) }),
    },
    command! {
        "supervisory dualtone-detect-params <1-10000>", keyed: 2,
        help: &["Supervision", "How exact a tone must be", "Tag of the class"], apply: number!(detect_params),
    },
    kept!("supervisory LINE", ["Supervision", "The setting"], LINE, keyed: WHOLE, no_shown: true),
    kept!("disc_pi_off", ["Disconnect without tones"], DISCONNECT),
    kept!("disc-pi-off", ["Disconnect without tones"], DISCONNECT),
    kept!("threshold noise LINE", ["Threshold", "Noise", "dB"], SILENCE),
    command! {
        "dial-type (dtmf|pulse)", keyed: 1, default: "dial-type dtmf", help: &["The type of dialing", "DTMF", "Pulse"],
        apply: Apply::Acted(|cx| {
            let pulse = !cx.no && cx.args.word(1) == Some("pulse");
            cx.voice_port()?.line.dial_pulse = pulse;
            Ok(())
        }),
    },
    kept!("dial-type mf", ["The type of dialing", "MF"], E_AND_M, keyed: 1, with_previous: true),
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
        "tipring mwi-poll <10-86400>", keyed: 2,
        help: &["Settings that IOS does not have", "Seize the idle exchange line to hear whether its dial tone stutters (FXO)", "Seconds between"],
        apply: number!(mwi_poll),
    },
    command! {
        "tipring vmwi-repeat <1-1440>", keyed: 2,
        help: &["Settings that IOS does not have", "Send message waiting data again while messages wait", "Minutes"],
        apply: number!(vmwi_repeat),
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
    command! {
        "caller-id block", help: &["Configure port caller id parameters", "Withhold the number of calls from here"],
        apply: flag!(caller_id_block),
    },
    command! {
        "caller-id alerting (line-reversal|pre-ring|ring <1-4>)", keyed: 2,
        help: &["Configure port caller id parameters", "When the number is sent", "After a reversal, before ringing",
            "After a touch of the bell", "In the pause of ringing", "Bursts before it"],
        apply: Apply::Acted(|cx| {
            let alerting = match (cx.no, cx.args.word(2)) {
                (true, _) => None,
                (_, Some("line-reversal")) => Some(CallerIdAlert::LineReversal),
                (_, Some("pre-ring")) => Some(CallerIdAlert::PreRing),
                _ => cx.args.number(0).map(CallerIdAlert::Ring),
            };
            cx.voice_port()?.line.caller_id_alerting = alerting;
            Ok(())
        }),
    },
    kept!("caller-id alerting dsp-pre-allocate", ["Configure port caller id parameters", "When the number is sent",
        "Keep a DSP for it"], "there are no DSPs to keep", keyed: WHOLE),
    command! {
        "caller-id attenuation <0-64>", keyed: 2, help: &["Configure port caller id parameters", "Level of the data", "dB below 0 dBm0"],
        apply: number!(caller_id_attenuation),
    },
    command! {
        "caller-id mode (BT|FSK|DTMF [start (#|*|A|B|C|D)] [end (#|*|A|B|C|D)])", keyed: 2,
        help: &["Configure port caller id parameters", "How the number is sent", "British Telecom", "Data", "Digits",
            "First digit", "#", "*", "A", "B", "C", "D", "Last digit", "#", "*", "A", "B", "C", "D"],
        apply: Apply::Acted(caller_id_mode),
    },
    kept!("caller-id format LINE", ["Configure port caller id parameters", "Format", "The setting"],
        "no message form besides the country's is known", keyed: 2),
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
    kept!("local-bypass", ["Local bypass"], "voice local-bypass acts, for all ports", no_shown: true),
    command! {
        "pre-dial-delay <0-10>", default: "pre-dial-delay 1", help: &["Delay before dialling", "Seconds"],
        apply: number!(pre_dial_delay, 1),
    },
    command! {
        "pulse-digit-detection", no_shown: true, default: "pulse-digit-detection",
        help: &["Digits of a telephone with a dial"], apply: unless_no!(no_pulse_digits),
    },
    kept!(
        "secondary dialtone",
        ["Secondary dial tone", "For callers on an exchange line"],
        "a caller on an exchange line without a connection always hears dial tone"
    ),
    kept!("idle-detection (code|duration) LINE", ["Idle code of a digital line", "The code", "How long", "Value"], E_AND_M, keyed: 2),
    kept!("operation (2-wire|4-wire)", ["Operation", "Two wires", "Four wires"], E_AND_M),
    kept!("type <1-5>", ["E&M type", "Type"], E_AND_M),
    kept!("ani LINE", ["Automatic number identification", "The setting"], LINE, keyed: WHOLE),
    command! {
        "groundstart auto-tip [delay <10-1000>]", keyed: 2,
        help: &["Ground start", "The exchange need not ground the tip", "How long it has for it", "Milliseconds, default 200"],
        apply: Apply::Acted(|cx| {
            let ms = cx.args.number(0).unwrap_or(AUTO_TIP_MS);
            let on = !cx.no;
            cx.voice_port()?.line.auto_tip = on.then_some(ms);
            Ok(())
        }),
    },
    kept!("auto-cut-through", ["Auto cut-through"], E_AND_M, no_shown: true),
    kept!("define LINE", ["Define signalling bits", "Bits"], E_AND_M, keyed: WHOLE),
    kept!("lpcor LINE", ["Logical partitioning", "The setting"], FEATURE, keyed: WHOLE),
    kept!("hook-flash LINE", ["Hook flash", "The setting"], "a flash of the telephone always asks for service, one of the far end is passed on",
        keyed: WHOLE),
];

/// One to six pairs of pulse and interval, each 1 to 50 times 100 ms.
fn ring_cadence(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let units: Vec<u32> = (0..12).map_while(|n| cx.args.number(n)).collect();
    let pairs = units.chunks_exact(2).filter_map(|pair| Some((pair.first()? * 100, pair.last()? * 100)));
    let cadence = Some(RingCadence::Define(pairs.collect())).filter(|_| !cx.no);
    cx.voice_port()?.line.ring_cadence = cadence;
    Ok(())
}

/// `BT`, `FSK`, or `DTMF` with its first and last digit, which are `A` and `C` where nothing is said.
fn caller_id_mode(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let after = |word: &str| {
        let at = (3..6).find(|at| cx.args.word(*at) == Some(word))?;
        cx.args.word(at + 1)?.chars().next()
    };
    let mode = match (cx.no, cx.args.word(2)) {
        (true, _) => None,
        (_, Some("BT")) => Some(CallerIdMode::Bt),
        (_, Some("FSK")) => Some(CallerIdMode::Fsk),
        _ => Some(CallerIdMode::Dtmf {
            start: after("start").unwrap_or('A'),
            end: after("end").unwrap_or('C'),
        }),
    };
    cx.voice_port()?.line.caller_id_mode = mode;
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
