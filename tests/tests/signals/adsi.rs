//! Caller ID and message waiting: what we send is read by spandsp, minimodem and multimon-ng, what spandsp sends is read
//! by us; as it is made, through both laws, with noise of -30 dBm0, 6 dB louder and softer.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use media::callerid::plan::{self, Action, VmwiAlert, VmwiForm};
use media::callerid::player::Player;
use media::callerid::receive::{CallerIdReceiver, Message};
use media::callerid::{CallSetup, DtmfForm, Party, When, dtmf_digits, sdmf_call};
use media::dtmf;
use media::fsk::{FskBurst, Modem};
use media::locale::{self, CallerIdDefaults, CidAlert, CidScheme, CidWhen};
use system_tests::{Value, adsi_decode, finish, json, peer};

use super::channel::{Channel, judge, write};

const WHEN: When = When { month: 11, day: 21, hour: 9, minute: 30 };

/// A signal and what an independent decoder must say of it.
struct Case {
    name: String,
    actions: Vec<Action>,
    expected: Expected,
}

enum Expected {
    /// Message type, modem, dual tone alerts before it, fields by name and text (or value).
    Fsk {
        kind: u8,
        modem: &'static str,
        alerts: usize,
        fields: Vec<(&'static str, Value)>,
        mwi: Option<bool>,
    },
    /// NTT's frame: fields.
    Ntt(Vec<(&'static str, Value)>),
    /// Digits.
    Digits(String),
}

fn known(text: &str) -> Party {
    Party::Known(text.into())
}

/// Number and name: both, one, none, withheld, as long as they may be.
fn callers() -> Vec<CallSetup> {
    let call = |number: Party, name: Party| CallSetup { when: Some(WHEN), number, name };
    vec![
        call(known("5551234567"), known("JANE DOE")),
        call(known("0301234567"), Party::Unavailable),
        call(Party::Private, Party::Private),
        call(Party::Unavailable, Party::Unavailable),
        call(Party::Private, known("OTTO")),
        call(known("12345678901234567890"), known("FIFTEEN LETTERS")),
    ]
}

fn fields(call: &CallSetup, etsi: bool) -> Vec<(&'static str, Value)> {
    let mut out = vec![("date_time", json!("11210930"))];
    if etsi {
        out.push(("call_type", json!(1)));
    }
    out.push(match &call.number {
        Party::Known(number) => ("calling_number", json!(number)),
        Party::Private => ("calling_number_absent_reason", json!("P")),
        Party::Unavailable => ("calling_number_absent_reason", json!("O")),
    });
    out.push(match &call.name {
        Party::Known(name) => ("calling_name", json!(name)),
        Party::Private => ("calling_name_absent_reason", json!("P")),
        Party::Unavailable => ("calling_name_absent_reason", json!("O")),
    });
    out
}

fn modem_name(modem: Modem) -> &'static str {
    match modem {
        Modem::Bell202 => "bell202",
        Modem::V23 => "v23",
    }
}

/// Every scheme with every alert it is sent with anywhere, and those `caller-id alerting` can ask for.
fn call_cases() -> Vec<Case> {
    let mut seen: Vec<(CallerIdDefaults, &'static locale::Locale)> = Vec::new();
    for locale in locale::all() {
        let cid = CallerIdDefaults { assumed: false, ..locale.caller_id };
        if !seen.iter().any(|(other, _)| *other == cid) {
            seen.push((cid, locale));
        }
    }
    assert!(seen.len() >= 10, "{}", seen.len());
    for scheme in [CidScheme::Bell202, CidScheme::V23] {
        for alert in [CidAlert::None, CidAlert::LineReversal, CidAlert::DtAs, CidAlert::LineReversalDtAs] {
            let cid = CallerIdDefaults { scheme, when: CidWhen::BeforeRing, alert, assumed: false };
            if !seen.iter().any(|(other, _)| *other == cid) {
                seen.push((cid, locale::default()));
            }
        }
    }
    let mut out = Vec::new();
    for (cid, locale) in seen {
        for call in callers() {
            let plan = plan::with_defaults(&cid, locale, &call);
            let actions: Vec<Action> = plan.before_ring.into_iter().chain(plan.in_pause).collect();
            let alerts = usize::from(matches!(cid.alert, CidAlert::DtAs | CidAlert::LineReversalDtAs));
            let expected = match cid.scheme {
                CidScheme::Bell202 | CidScheme::V23 => {
                    let modem = if cid.scheme == CidScheme::V23 { Modem::V23 } else { Modem::Bell202 };
                    let fields = fields(&call, modem == Modem::V23);
                    Expected::Fsk { kind: 0x80, modem: modem_name(modem), alerts, fields, mwi: None }
                }
                CidScheme::NttV23 => Expected::Ntt(match &call.number {
                    Party::Known(number) => {
                        vec![("calling_number", json!(number.get(..15).unwrap_or(number)))]
                    }
                    Party::Private => vec![("calling_number_absent_reason", json!("P"))],
                    Party::Unavailable => vec![("calling_number_absent_reason", json!("O"))],
                }),
                CidScheme::Dtmf { start, stop } => {
                    let form = match (start, stop) {
                        ('A', 'C') => DtmfForm::Etsi,
                        ('A', '#') => DtmfForm::Hash,
                        _ => DtmfForm::Between { start, stop },
                    };
                    Expected::Digits(dtmf_digits(form, &call.number))
                }
            };
            out.push(Case { name: format!("{cid:?} {call:?}"), actions, expected });
        }
    }
    out
}

/// SDMF, and caller ID to a telephone in a call.
fn other_call_cases() -> Vec<Case> {
    let mut out = Vec::new();
    for number in [known("5551234567"), Party::Private, Party::Unavailable] {
        let call = CallSetup { when: Some(WHEN), number: number.clone(), name: Party::Unavailable };
        let (field, text) = match &number {
            Party::Known(number) => ("calling_number", number.as_str()),
            Party::Private => ("calling_number_absent_reason", "P"),
            Party::Unavailable => ("calling_number_absent_reason", "O"),
        };
        out.push(Case {
            name: format!("SDMF {text}"),
            actions: vec![Action::Fsk(FskBurst::on_hook(Modem::Bell202, sdmf_call(&call)))],
            expected: Expected::Fsk {
                kind: 0x04,
                modem: "bell202",
                alerts: 0,
                fields: vec![("date_time", json!("11210930")), (field, json!(text))],
                mwi: None,
            },
        });
    }
    for (code, modem) in [("us", "bell202"), ("gb", "v23"), ("de", "v23"), ("jp", "v23"), ("dk", "bell202")] {
        for call in callers() {
            let (cas, burst) = plan::call_waiting(locale::find(code).unwrap(), &call);
            out.push(Case {
                name: format!("call waiting {code} {call:?}"),
                actions: vec![
                    Action::Tone(cas),
                    Action::Wait { ms: plan::ACK_WAIT_MS / 2 + plan::ACK_TO_DATA_MS },
                    Action::Fsk(burst),
                ],
                expected: Expected::Fsk {
                    kind: 0x80,
                    modem,
                    alerts: 1,
                    fields: fields(&call, modem == "v23"),
                    mwi: None,
                },
            });
        }
    }
    out
}

fn vmwi_cases() -> Vec<Case> {
    let mut out = Vec::new();
    for form in [VmwiForm::Sdmf, VmwiForm::Mdmf, VmwiForm::Etsi] {
        for alert in [
            VmwiAlert::None,
            VmwiAlert::OpenSwitch,
            VmwiAlert::DtAs,
            VmwiAlert::LineReversalDtAs,
            VmwiAlert::RingPulse,
        ] {
            for on in [true, false] {
                let (kind, modem, fields) = match form {
                    VmwiForm::Sdmf => (0x06, "bell202", vec![]),
                    VmwiForm::Mdmf => (0x82, "bell202", vec![]),
                    VmwiForm::Etsi => (0x82, "v23", vec![("message_count", json!(3))]),
                };
                let alerts = usize::from(matches!(alert, VmwiAlert::DtAs | VmwiAlert::LineReversalDtAs));
                out.push(Case {
                    name: format!("VMWI {form:?} {alert:?} {on}"),
                    actions: plan::vmwi(form, alert, on, Some(3)),
                    expected: Expected::Fsk { kind, modem, alerts, fields, mwi: Some(on) },
                });
            }
        }
    }
    out
}

/// What goes over the pair, with silence around it; a set that is asked to lift lifts.
fn render(actions: &[Action]) -> Vec<i16> {
    let mut audio = vec![0; 1600];
    let mut player = Player::new(actions.to_vec());
    while !player.is_over() {
        let mut block = [0; 80];
        if player.awaits_off_hook() {
            player.handle_hook(true, |_| {});
        }
        player.fill(&mut block, |_| {});
        audio.extend(block);
    }
    audio.extend([0; 2400]);
    audio
}

/// In noise the decoder's look at the modem itself finds no burst that begins without a seizure (off-hook, NTT); spandsp's
/// receiver does, and what it read is judged.
fn check(case: &Case, channel: Channel, heard: &Value) -> Result<(), String> {
    let seizure = case.actions.iter().any(|a| matches!(a, Action::Fsk(burst) if burst.seizure_bits > 0));
    let bursts = usize::from(seizure || channel != Channel::Noise);
    let same = |what: &str, found: &Value, expected: &Value| {
        if found == expected { Ok(()) } else { Err(format!("{what} {found}, expected {expected}")) }
    };
    let count = |key: &str| heard[key].as_array().map_or(0, Vec::len);
    let message = &heard["messages"][0];
    let field = |name: &str, expected: &Value| {
        let all = message["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = all.iter().find(|f| f["name"] == name).ok_or(format!("no {name}"))?;
        same(name, &found[if expected.is_string() { "text" } else { "value" }], expected)
    };
    match &case.expected {
        Expected::Digits(digits) => same("digits", &heard["dtmf"]["digits"], &json!(digits)),
        Expected::Ntt(fields) => {
            same("standard", &message["accepted_by"][0], &json!("J-CLIP"))?;
            if bursts > 0 {
                same("modem", &heard["fsk_bursts"][0]["modem"], &json!("v23"))?;
            }
            fields.iter().try_for_each(|(name, text)| field(name, text))
        }
        Expected::Fsk { kind, modem, alerts, fields, mwi } => {
            if (count("messages"), count("fsk_bursts"), count("dual_tone_alerts")) != (1, bursts, *alerts) {
                return Err("not one message in one burst, or another number of alerts".into());
            }
            if bursts > 0 {
                let burst = &heard["fsk_bursts"][0];
                same("modem", &burst["modem"], &json!(modem))?;
                same("checksum", &burst["checksum_ok"], &json!(true))?;
                same("framing errors", &burst["framing_errors"], &json!(0))?;
            }
            same("type", &message["type"], &json!(kind))?;
            if let Some(on) = mwi {
                same("mwi", &message["mwi"], &json!(on))?;
            }
            fields.iter().try_for_each(|(name, text)| field(name, text))
        }
    }
}

fn decode_all(cases: &[Case]) {
    let dir = tempfile::tempdir().unwrap();
    let runs: Vec<(&Case, Channel)> =
        cases.iter().flat_map(|case| Channel::ALL.map(|channel| (case, channel))).collect();
    let wrong = judge(&runs, |at, (case, channel)| {
        let path = dir.path().join(format!("{at}.wav"));
        write(&path, &channel.carry(&render(&case.actions)));
        let heard = adsi_decode(&path);
        check(case, *channel, &heard).map_err(|why| format!("{}, {channel:?}: {why}: {heard}", case.name))
    });
    println!("{} signals, {} recordings", cases.len(), runs.len());
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

#[test]
fn every_caller_id_is_decoded_by_spandsp_through_every_channel() {
    decode_all(&call_cases());
}

#[test]
fn sdmf_and_call_waiting_caller_id_are_decoded_by_spandsp() {
    decode_all(&other_call_cases());
}

#[test]
fn every_message_waiting_form_is_decoded_by_spandsp_through_every_channel() {
    decode_all(&vmwi_cases());
}

#[test]
fn a_damaged_message_is_not_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.wav");
    let mut octets = media::callerid::mdmf_mwi(true);
    *octets.last_mut().unwrap() ^= 0x20;
    write(&path, &render(&[Action::Fsk(FskBurst::on_hook(Modem::Bell202, octets))]));
    let heard = adsi_decode(&path);
    assert_eq!(heard["messages"].as_array().map(Vec::len), Some(0), "{heard}");
    assert_eq!(heard["fsk_bursts"][0]["checksum_ok"], json!(false), "{heard}");
}

/// Standard output of a decoder.
fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    let run = finish(command, Duration::from_secs(30));
    format!("{}{}", run.stdout, run.stderr)
}

/// The same audio as raw samples at 22,050 Hz, as multimon-ng wants it.
fn for_multimon(wav: &Path) -> String {
    let raw = wav.with_extension("raw");
    let raw = raw.to_str().unwrap().to_owned();
    let told = output(
        "sox",
        &[wav.to_str().unwrap(), "-t", "raw", "-r", "22050", "-e", "signed", "-b", "16", "-c", "1", &raw],
    );
    assert!(Path::new(&raw).exists(), "{told}");
    raw
}

#[test]
fn minimodem_and_multimon_agree_on_bell_202_calls() {
    let dir = tempfile::tempdir().unwrap();
    let call = CallSetup { when: Some(WHEN), number: known("5551234567"), name: known("JANE DOE") };
    let plan = plan::caller_id(locale::default(), &call);
    for (at, channel) in Channel::ALL.into_iter().enumerate() {
        let wav = dir.path().join(format!("{at}.wav"));
        write(&wav, &channel.carry(&render(&plan.in_pause)));
        let minimodem =
            output("minimodem", &["--rx", "-q", "-R", "8000", "-f", wav.to_str().unwrap(), "callerid"]);
        assert!(
            minimodem.contains("555-123-4567") && minimodem.contains("JANE DOE"),
            "{channel:?}: {minimodem}"
        );
        let multimon =
            output("multimon-ng", &["-q", "-c", "-a", "CLIPFSK", "-t", "raw", &for_multimon(&wav)]);
        assert!(multimon.contains("5551234567") && multimon.contains("JANE DOE"), "{channel:?}: {multimon}");
    }
}

#[test]
fn minimodem_reads_the_octets_of_message_waiting_in_both_modems() {
    let dir = tempfile::tempdir().unwrap();
    for (at, (form, mark, space)) in
        [(VmwiForm::Sdmf, "1200", "2200"), (VmwiForm::Mdmf, "1200", "2200"), (VmwiForm::Etsi, "1300", "2100")]
            .into_iter()
            .enumerate()
    {
        let wav = dir.path().join(format!("{at}.wav"));
        let actions = plan::vmwi(form, VmwiAlert::None, true, Some(3));
        let sent =
            actions.iter().find_map(|a| if let Action::Fsk(b) = a { Some(b.octets.to_vec()) } else { None });
        let sent = sent.unwrap();
        write(&wav, &render(&actions));
        let mut command = Command::new("minimodem");
        command.args(["--rx", "-q", "-R", "8000", "--mark", mark, "--space", space, "--binary-output"]);
        command.args(["--startbits", "1", "--stopbits", "1", "-f", wav.to_str().unwrap(), "1200"]);
        let run = finish(command, Duration::from_secs(30));
        // Ones and zeros, lowest bit first, an octet a line.
        let octets: Vec<u8> = run
            .stdout
            .lines()
            .filter(|line| line.len() == 8)
            .filter_map(|line| u8::from_str_radix(&line.chars().rev().collect::<String>(), 2).ok())
            .collect();
        let found = octets.windows(sent.len()).any(|window| window == sent);
        assert!(found, "{form:?}: {octets:02x?}, expected {sent:02x?} in it; {}", run.stderr);
    }
}

#[test]
fn multimon_hears_caller_id_by_dtmf() {
    let dir = tempfile::tempdir().unwrap();
    for (at, code) in ["br", "dk", "nl", "se", "fi"].into_iter().enumerate() {
        let locale = locale::find(code).unwrap();
        let CidScheme::Dtmf { .. } = locale.caller_id.scheme else { continue };
        let call = CallSetup { when: None, number: known("0401234567"), name: Party::Unavailable };
        let plan = plan::caller_id(locale, &call);
        let wav = dir.path().join(format!("{at}.wav"));
        write(&wav, &render(&plan.before_ring));
        let told = output("multimon-ng", &["-q", "-c", "-a", "DTMF", "-t", "raw", &for_multimon(&wav)]);
        let digits: String = told.lines().filter_map(|line| line.trim().strip_prefix("DTMF: ")).collect();
        assert!(digits.contains("0401234567") && digits.len() == 12, "{code}: {told}");
    }
}

/// spandsp's transmitter, our receiver.
#[test]
fn what_spandsp_sends_is_heard_by_us_through_every_channel() {
    let dir = tempfile::tempdir().unwrap();
    let jane = |name: Party| Message::Call(CallSetup { when: Some(WHEN), number: known("5551234567"), name });
    let waiting = |on| Message::Waiting { on, count: None };
    let digits = |number| Message::Call(CallSetup { when: None, number, name: Party::Unavailable });
    let call = ["--num", "5551234567", "--name", "JANE DOE", "--date", "11210930"];
    let cases: Vec<(CidScheme, &str, Vec<&str>, Message)> = vec![
        (CidScheme::Bell202, "class", call.to_vec(), jane(known("JANE DOE"))),
        (CidScheme::Bell202, "class", [&call[..], &["--sdmf"]].concat(), jane(Party::Unavailable)),
        (
            CidScheme::Bell202,
            "class",
            [&call[..], &["--seizure", "0", "--mark", "80"]].concat(),
            jane(known("JANE DOE")),
        ),
        (CidScheme::V23, "clip", call.to_vec(), jane(known("JANE DOE"))),
        (CidScheme::V23, "clip", [&call[..], &["--alert"]].concat(), jane(known("JANE DOE"))),
        (CidScheme::Bell202, "class", vec!["--mwi", "on"], waiting(true)),
        (CidScheme::Bell202, "class", vec!["--mwi", "off"], waiting(false)),
        (CidScheme::Bell202, "class", vec!["--sdmf", "--mwi", "on"], waiting(true)),
        (CidScheme::Bell202, "class", vec!["--sdmf", "--mwi", "off"], waiting(false)),
        (CidScheme::V23, "clip", vec!["--mwi", "on"], waiting(true)),
        (CidScheme::V23, "clip", vec!["--mwi", "off"], waiting(false)),
        (CidScheme::NttV23, "jclip", vec!["--num", "0312345678"], digits(known("0312345678"))),
        (
            CidScheme::Dtmf { start: 'A', stop: 'C' },
            "dtmf",
            vec!["--digits", "A5551234C"],
            digits(known("5551234")),
        ),
        (
            CidScheme::Dtmf { start: 'A', stop: '#' },
            "dtmf",
            vec!["--digits", "A5551234#"],
            digits(known("5551234")),
        ),
        (
            CidScheme::Dtmf { start: 'D', stop: 'C' },
            "dtmf",
            vec!["--digits", "D5551234C"],
            digits(known("5551234")),
        ),
        (CidScheme::Dtmf { start: 'A', stop: 'C' }, "dtmf", vec!["--digits", "B10C"], digits(Party::Private)),
    ];
    for (at, (scheme, standard, options, expected)) in cases.iter().enumerate() {
        let raw = dir.path().join(format!("{at}.raw"));
        let mut command = Command::new(peer("adsi_gen"));
        command.arg(standard).arg(&raw).args(options);
        let run = finish(command, Duration::from_secs(30));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let octets = std::fs::read(&raw).unwrap();
        let audio: Vec<i16> =
            octets.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        for channel in Channel::ALL {
            let mut receiver = CallerIdReceiver::new(*scheme);
            let mut heard = Vec::new();
            let mut carried = channel.carry(&audio);
            carried.extend([0; 8000]);
            for block in carried.chunks(160) {
                receiver.feed(block, |message| heard.push(message));
            }
            assert_eq!(
                heard,
                std::slice::from_ref(expected),
                "{standard} {options:?} {channel:?}: {:?}",
                receiver.refused()
            );
        }
    }
}

#[test]
fn spandsp_hears_every_digit_at_every_level() {
    let dir = tempfile::tempdir().unwrap();
    let all = "0123456789*#ABCD";
    for (at, locale) in ["us", "gb", "jp", "au"].into_iter().filter_map(locale::find).enumerate() {
        let spec = dtmf::sequence(all, locale.dtmf, 70, 70).unwrap();
        for (number, channel) in Channel::ALL.into_iter().enumerate() {
            let path = dir.path().join(format!("{at}-{number}.wav"));
            write(&path, &channel.carry(&render(&[Action::Tone(spec.clone())])));
            assert_eq!(adsi_decode(&path)["dtmf"]["digits"], json!(all), "{} {channel:?}", locale.code);
        }
    }
}
