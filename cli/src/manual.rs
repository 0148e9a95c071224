//! The command reference, written from the grammar.

use crate::config::{Config, Mode};
use crate::grammar::syntax::{Kind, Syntax, Token};
use crate::grammar::{Apply, Command, ModeKind, walk};
use std::fmt::Write;

/// The chapters of the command reference: file name and Markdown text, one for each mode that has commands of its own, and
/// an index. Examples are run when the chapter is written: what they show is what the router shows.
///
/// ```
/// let chapters = cli::manual();
/// let (_, sip_ua) = chapters.iter().find(|(name, _)| name == "sip-ua.md").unwrap();
/// assert!(sip_ua.contains("mwi-server (ipv4:A.B.C.D|dns:WORD)"));
/// ```
pub fn manual() -> Vec<(String, String)> {
    let mut index =
        String::from("# Commands\n\nWritten from the grammar by `cargo xtask manual`; do not edit.\n\n");
    let _ = writeln!(index, "| chapter | prompt | commands | acted on |\n|---|---|---|---|");
    let mut chapters = Vec::new();
    for kind in ModeKind::ALL.iter().copied().filter(|k| *k != ModeKind::User && !k.table().keeps_all()) {
        let own: Vec<(&Command, &Syntax)> = kind
            .table()
            .entries()
            .filter(|(c, _)| matches!(c.apply, Apply::Acted(_) | Apply::Kept(_) | Apply::Exec(_)))
            .collect();
        let acted = own.iter().filter(|(c, _)| c.kept().is_none()).count();
        let name = file_name(kind);
        let _ = writeln!(
            index,
            "| [{}]({name}) | `Router{}` | {} | {acted} |",
            title(kind),
            kind.prompt(),
            own.len()
        );
        chapters.push((name, chapter(kind, &own)));
    }
    chapters.push(("README.md".to_owned(), index));
    chapters
}

fn title(kind: ModeKind) -> String {
    match kind {
        ModeKind::Privileged => "EXEC".into(),
        ModeKind::Global => "Global configuration".into(),
        ModeKind::PotsPeer => "Dial peer, pots".into(),
        ModeKind::VoipPeer => "Dial peer, voip".into(),
        ModeKind::SipUa => "sip-ua".into(),
        ModeKind::VoiceServiceVoip => "voice service voip".into(),
        ModeKind::VoiceServiceSip => "voice service voip, sip".into(),
        _ => kind.title().trim_end_matches(" configuration").to_owned(),
    }
}

fn file_name(kind: ModeKind) -> String {
    let mut name = String::new();
    for c in title(kind).chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    format!("{}.md", name.trim_end_matches('-'))
}

fn chapter(kind: ModeKind, commands: &[(&Command, &Syntax)]) -> String {
    let mut out = format!("# {}\n\nPrompt: `Router{}`\n", title(kind), kind.prompt());
    let path = walk::path(kind).unwrap_or_default();
    if !path.is_empty() {
        let _ = writeln!(out, "\nEntered by: `{}`", path.join("` › `"));
    }
    let mut sorted = commands.to_vec();
    sorted.sort_by_key(|(c, _)| c.syntax);
    for (command, syntax) in sorted {
        entry(kind, &path, command, syntax, &mut out);
    }
    out
}

fn entry(kind: ModeKind, path: &[String], command: &Command, syntax: &Syntax, out: &mut String) {
    let _ = write!(out, "\n## {}\n\n    {}\n\n", heading(syntax), command.syntax);
    if let Some(reason) = command.kept() {
        let _ = writeln!(out, "Kept and shown, but without effect: {reason}.\n");
    }
    if let Apply::Exec(_) = command.apply {
        let _ = writeln!(out, "Privilege level {}.\n", command.privilege);
    }
    let mut rows = Vec::new();
    syntax.tokens(&mut |token| rows.push(row(command, token)));
    // Long lists that share one text are told in one row.
    if command.help.len() == 1 && rows.len() > 1 {
        let _ = writeln!(out, "{}.\n", command.help_of(0));
    } else {
        let _ = writeln!(out, "| word | meaning |\n|---|---|");
        out.extend(rows);
        out.push('\n');
    }
    if !command.default.is_empty() {
        let _ = writeln!(out, "Default: `{}`, not shown in the running configuration.\n", command.default);
    }
    let _ = writeln!(out, "Since Tipring {}.\n", command.since);
    if command.no_shown {
        let _ =
            writeln!(out, "The `no` form is configuration and shown; `default` brings back the default.\n");
    }
    example(kind, path, command, syntax, out);
}

fn heading(syntax: &Syntax) -> String {
    let mut words = Vec::new();
    let wanted = syntax.leading_keywords().max(1);
    syntax.tokens(&mut |token: &Token| {
        if words.len() < wanted {
            words.push(token.label());
        }
    });
    words.join(" ")
}

fn row(command: &Command, token: &Token) -> String {
    let note = match token.kind {
        Some(Kind::Line) => ", to the end of the line",
        _ => "",
    };
    let help = command.help_of(token.number).replace('\n', "<br>");
    format!("| `{}` | {help}{note} |\n", token.label())
}

/// A line of the command typed into an empty configuration, and what the running configuration shows of it.
fn example(kind: ModeKind, path: &[String], command: &Command, syntax: &Syntax, out: &mut String) {
    let Some(line) = walk::samples(command, syntax).into_iter().max_by_key(String::len) else { return };
    if kind.is_exec() {
        let _ = writeln!(out, "```\nRouter# {line}\n```");
        return;
    }
    let (mut config, mut mode) = (Config::default(), Mode::global());
    let mut typed = String::new();
    for line in path.iter().chain([&line]) {
        let prompt = mode.kind().prompt();
        if config.apply_line(&mut mode, line).is_err() {
            return;
        }
        let _ = writeln!(typed, "Router{prompt} {line}");
    }
    let shown: Vec<String> =
        config.running().lines().filter(|l| *l != "!" && *l != "end").map(str::to_owned).collect();
    let _ = writeln!(out, "```\n{typed}Router(config)# do show running-config\n{}\n```", shown.join("\n"));
}
