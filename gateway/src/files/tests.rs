#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use cli::session::FileCommand;

use super::scp::{Sink, Source};
use super::tftp::{TftpError, Transfer};
use super::*;

fn disk() -> (tempfile::TempDir, FileSystem) {
    let state = tempfile::tempdir().unwrap();
    let system = FileSystem::open(state.path(), &state.path().join("startup-config")).unwrap();
    (state, system)
}

fn context(system: &FileSystem, command: FileCommand, answers: &[&str]) -> Context {
    let exec = Exec::Files(command);
    let answers: Vec<String> = answers.iter().map(|a| (*a).to_owned()).collect();
    let exec = match answers.as_slice() {
        [] => exec,
        _ => Exec::Answered { exec: Box::new(exec), answers },
    };
    let running = Config::parse("hostname Quay\n").config;
    Context::new(system.clone(), running, "ann".into(), exec)
}

fn reply(system: &FileSystem, command: FileCommand, answers: &[&str]) -> Reply {
    match run(context(system, command, answers)) {
        Next::Reply(reply) => reply,
        Next::Then(_) => panic!("no switch is needed"),
    }
}

fn copy(from: &str, to: &str) -> FileCommand {
    FileCommand::Copy { silent: false, from: from.into(), to: to.into() }
}

fn place(text: &str) -> Place {
    Place::parse(text).unwrap()
}

#[test]
fn a_copy_asks_for_its_name_and_before_something_is_lost() {
    let (_state, system) = disk();
    let first = reply(&system, copy("running-config", "flash:"), &[]);
    assert_eq!(first.ask.unwrap().text, "Destination filename [running-config]? ");
    let done = reply(&system, copy("running-config", "flash:"), &["one.cfg"]);
    assert!(done.text.contains(" bytes copied in "), "{}", done.text);
    let running = Config::parse("hostname Quay\n").config.running();
    assert_eq!(system.read(&place("flash:/one.cfg")).unwrap(), running.into_bytes());
    let again = reply(&system, copy("running-config", "flash:one.cfg"), &["one.cfg"]);
    let question = again.ask.unwrap();
    assert!(question.text.ends_with("Do you want to over write? [confirm]"), "{}", question.text);
    assert_eq!(
        question.exec.clone().answered("y".into()),
        Exec::Answered {
            exec: Box::new(Exec::Files(copy("running-config", "flash:one.cfg"))),
            answers: vec!["one.cfg".into(), "y".into()],
        }
    );
    let silent = FileCommand::Copy { silent: true, from: "flash:one.cfg".into(), to: "flash:two.cfg".into() };
    assert_eq!(reply(&system, silent, &[]).ask, None);
    assert_eq!(system.read(&place("flash:one.cfg")).unwrap(), system.read(&place("flash:two.cfg")).unwrap());
    let nothing = reply(&system, copy("null:", "flash:empty"), &["empty"]);
    assert!(!nothing.error && system.read(&place("flash:empty")).unwrap().is_empty());
}

#[test]
fn directories_are_made_listed_and_removed_in_ios_words() {
    let (_state, system) = disk();
    let directory = || Some("backup".to_owned());
    let made = reply(&system, FileCommand::MakeDirectory { path: directory() }, &["backup"]);
    assert_eq!(made.text, "Created dir flash:/backup");
    let again = reply(&system, FileCommand::MakeDirectory { path: directory() }, &["backup"]);
    assert_eq!(again.text, "%Error Creating dir flash:/backup (File exists)");
    system.write(&place("flash:/backup/a.cfg"), b"hostname A\n").unwrap();
    let list = |path: &str, recursive| {
        reply(&system, FileCommand::Dir { recursive, path: Some(path.into()) }, &[]).text
    };
    let shown = list("flash:", true);
    assert!(shown.starts_with("Directory of flash:/\n\n    1  drw-"), "{shown}");
    assert!(shown.contains("  -rw-            11  ") && shown.contains("  backup/a.cfg\n"), "{shown}");
    assert!(shown.contains("268435456 bytes total ("), "{shown}");
    assert!(list("flash:/backup/a.cfg", false).starts_with("Directory of flash:/backup/a.cfg\n"));
    assert_eq!(list("flash:/none", false), "%Error opening flash:/none (No such file or directory)");
    assert_eq!(list("slot9:", false), "%Error opening slot9: (No such device)");
    assert!(list("tmp:", false).contains("No files in directory"));
    let full = reply(&system, FileCommand::RemoveDirectory { path: directory() }, &["backup", "y"]);
    assert_eq!(full.text, "%Error Removing dir flash:/backup (Directory not empty)");
    let renamed = FileCommand::Rename { from: "backup/a.cfg".into(), to: Some("backup/b.cfg".into()) };
    assert_eq!(reply(&system, renamed, &["b.cfg"]), Reply::text(""));
    let delete = FileCommand::Delete { force: false, recursive: false, path: "backup/b.cfg".into() };
    let sure = reply(&system, delete.clone(), &["b.cfg"]).ask.unwrap();
    assert_eq!(sure.text, "Delete flash:/backup/b.cfg? [confirm]");
    assert!(!reply(&system, delete.clone(), &["b.cfg", "y"]).error);
    assert!(reply(&system, delete, &["b.cfg", "y"]).text.starts_with("%Error Deleting flash:/backup/b.cfg"));
    let removed = reply(&system, FileCommand::RemoveDirectory { path: directory() }, &["backup", "y"]);
    assert_eq!(removed.text, "Removed dir flash:/backup");
}

#[test]
fn no_name_leads_out_of_a_disk() {
    let (state, system) = disk();
    std::fs::write(state.path().join("outside"), "secret").unwrap();
    for path in ["flash:/../outside", "..", "flash:a/../../outside", "flash:/a\u{0}b", "nvram:/../outside"] {
        assert!(Place::parse(path).is_err(), "{path}");
    }
    assert!(Place::parse(&"a/".repeat(40)).is_err());
    // links that somebody on the host has made
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, state.path().join("flash").join(name)).unwrap();
    };
    link("../outside", "up");
    link("/etc", "etc");
    for path in ["flash:up", "flash:etc/passwd"] {
        assert!(system.read(&place(path)).is_err(), "{path}");
    }
    assert!(system.write(&place("flash:etc/tipring-test"), b"x").is_err());
    assert!(system.list(&place("flash:etc"), true).is_err());
    assert!(system.list(&place("flash:"), true).unwrap().iter().all(|e| !e.directory));
    system.delete(&place("flash:up"), true).unwrap();
    assert_eq!(std::fs::read_to_string(state.path().join("outside")).unwrap(), "secret");
}

#[test]
fn a_disk_has_an_end() {
    let (state, system) = disk();
    assert!(system.write(&place("flash:x"), &vec![0; MAX_FILE + 1]).is_err());
    for name in ["a", "b", "c", "d"] {
        // Full of holes: the test is not about the host's own disk.
        let file = std::fs::File::create(state.path().join("flash").join(name)).unwrap();
        file.set_len(MAX_FILE as u64).unwrap();
    }
    assert_eq!(system.usage(Disk::Flash).unwrap().1, 0);
    let full = system.write(&place("e"), b"x").unwrap_err();
    assert_eq!(full.to_string(), "%Error opening flash:/e (No space left on device)");
    system.write(&place("a"), b"less").unwrap();
    system.write(&place("e"), b"x").unwrap();
}

#[test]
fn verify_gives_the_md5_of_rfc_1321() {
    let (_state, system) = disk();
    system.write(&place("flash:abc"), b"abc").unwrap();
    let verify = |expected: Option<&str>| {
        let command =
            FileCommand::Verify { path: "flash:/abc".into(), expected: expected.map(str::to_owned) };
        reply(&system, command, &[])
    };
    let digest = "900150983cd24fb0d6963f7d28e17f72";
    let wanted = format!(".MD5 of flash:/abc Done!\nverify /md5 (flash:/abc) = {digest}\n");
    assert_eq!(verify(None).text, wanted);
    assert!(!verify(Some(digest)).error && verify(Some("00")).error);
}

#[test]
fn a_url_is_asked_for_what_it_leaves_out_and_never_shows_its_password() {
    let (_state, system) = disk();
    let command = copy("tftp:", "flash:");
    let questions =
        ["Address or name of remote host []? ", "Source filename []? ", "Destination filename [x.cfg]? "];
    let answers = ["10.0.0.1", "dir/x.cfg"];
    for (n, wanted) in questions.iter().enumerate() {
        let asked = reply(&system, command.clone(), answers.get(..n).unwrap()).ask.unwrap();
        assert_eq!(&asked.text, wanted);
    }
    let place = place("scp://ann:opensesame@10.0.0.1:2222/x");
    assert_eq!(place.to_string(), "scp://10.0.0.1:2222/x");
    assert!(!format!("{place:?}").contains("opensesame"));
}

/// A server of RFC 1350 in memory: what it holds, or what it was given.
fn serve(mut client: Transfer, file: &[u8], options: bool) -> (Result<Vec<u8>, TftpError>, Vec<u8>) {
    let mut now = Instant::now();
    let mut got = Vec::new();
    let mut size = 512;
    let mut round = 0_u32;
    loop {
        if let Some(outcome) = client.outcome() {
            return (outcome, got);
        }
        let Some(packet) = client.poll_transmit() else {
            now = client.poll_timeout();
            client.handle_timeout(now);
            continue;
        };
        round += 1;
        // Every third packet is lost.
        if round.is_multiple_of(3) {
            continue;
        }
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        let block = |number: u16, size: usize| {
            let from = (usize::from(number) - 1) * size;
            let end = (from + size).min(file.len());
            let mut out = vec![0, 3];
            out.extend(number.to_be_bytes());
            out.extend(&file[from..end]);
            out
        };
        let answer = match packet[1] {
            1 | 2 if options => {
                size = 1428;
                b"\0\x06blksize\x001428\0".to_vec()
            }
            1 => block(1, size),
            2 => vec![0, 4, 0, 0],
            3 => {
                if usize::from(number) == got.len() / size + 1 {
                    got.extend(&packet[4..]);
                }
                vec![0, 4, packet[2], packet[3]]
            }
            4 if usize::from(number) * size <= file.len() => block(number + 1, size),
            _ => continue,
        };
        client.handle_packet(now, &answer);
    }
}

#[test]
fn tftp_moves_files_of_every_length_over_a_bad_line() {
    for length in [0, 1, 511, 512, 513, 1428, 2856, 5000] {
        let file: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for options in [true, false] {
            let (got, _) = serve(Transfer::get(Instant::now(), "x"), &file, options);
            assert_eq!(got.as_ref(), Ok(&file), "{length} {options}");
            let (put, stored) = serve(Transfer::put(Instant::now(), "x", file.clone()), &[], options);
            assert_eq!((put, stored), (Ok(Vec::new()), file.clone()), "{length} {options}");
        }
    }
}

#[test]
fn tftp_gives_up_and_takes_a_refusal() {
    let start = Instant::now();
    let mut silent = Transfer::get(start, "x");
    let mut sent = 0;
    let outcome = loop {
        while silent.poll_transmit().is_some() {
            sent += 1;
        }
        if let Some(outcome) = silent.outcome() {
            break outcome;
        }
        silent.handle_timeout(silent.poll_timeout());
    };
    assert_eq!((outcome, sent), (Err(TftpError::Timeout), 5));
    assert_eq!(silent.poll_timeout() - start, Duration::from_secs(10));
    let mut refused = Transfer::get(start, "x");
    let _ = refused.poll_transmit();
    refused.handle_packet(start, b"\0\x05\0\x01File not found\0");
    assert_eq!(refused.outcome(), Some(Err(TftpError::Refused("File not found".into()))));
}

#[test]
fn scp_source_and_sink_understand_each_other_octet_by_octet() {
    let data: Vec<u8> = (0..=255).collect();
    let (mut source, mut sink) = (Source::new("a b.cfg", data.clone()), Sink::default());
    let mut file = None;
    while !source.is_done() {
        let mut moved = false;
        while let Some(out) = sink.poll_output() {
            moved = true;
            out.iter().for_each(|octet| source.feed(&[*octet]).unwrap());
        }
        while let Some(out) = source.poll_output() {
            moved = true;
            for octet in out {
                if let Some(got) = sink.feed(&[octet]).unwrap() {
                    file = Some(got);
                    sink.complete(Ok(()));
                }
            }
        }
        assert!(moved, "stuck");
    }
    assert_eq!(file, Some(("a b.cfg".to_owned(), data)));
}

#[test]
fn scp_refuses_what_is_no_file() {
    for line in ["D0755 0 dir\n", "C0644 99999999999 x\n", "C0644\n", "hello\n", &"x".repeat(5000)] {
        let mut sink = Sink::default();
        assert!(sink.feed(line.as_bytes()).is_err(), "{line:.20}");
        assert!(sink.poll_output().unwrap().contains(&1));
    }
}
