//! Manual pages and shell completion of `tipring` and `tipringd`, written from their own command lines.

use clap::CommandFactory as _;
use clap_complete::Shell;
use std::collections::BTreeMap;

use crate::shell::Outcome;

// Only the declarations are wanted here; nobody reads the fields.
#[allow(dead_code)]
#[path = "../../cli/src/bin/tipring/arguments.rs"]
mod tipring;
#[allow(dead_code)]
#[path = "../../gateway/src/arguments.rs"]
mod tipringd;

/// Where the files are, below the workspace.
pub(crate) const FOLDERS: [&str; 2] = ["docs/man", "docs/completion"];

/// All files by path below the workspace.
pub(crate) fn files() -> Outcome<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (name, section, command) in
        [("tipring", "1", tipring::Arguments::command()), ("tipringd", "8", tipringd::Arguments::command())]
    {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut octets = Vec::new();
            clap_complete::generate(shell, &mut command.clone(), name, &mut octets);
            let file = match shell {
                Shell::Bash => format!("{name}.bash"),
                Shell::Zsh => format!("_{name}"),
                _ => format!("{name}.fish"),
            };
            files.insert(format!("docs/completion/{file}"), text(octets)?);
        }
        pages(&command.name(name), name, section, &mut files)?;
    }
    Ok(files)
}

/// The manual page of a program, and one of each of its subcommands.
fn pages(
    command: &clap::Command,
    name: &str,
    section: &str,
    files: &mut BTreeMap<String, String>,
) -> Outcome {
    // No date: what the sources give is the same every day.
    let page = clap_mangen::Man::new(command.clone().display_name(name).bin_name(name.replacen('-', " ", 1)));
    let page = page.title(name).section(section).date("").manual("Tipring");
    let mut octets = Vec::new();
    page.render(&mut octets).map_err(|e| format!("{name}: {e}"))?;
    files.insert(format!("docs/man/{name}.{section}"), text(octets)?);
    for inner in command.get_subcommands() {
        let full = format!("{name}-{}", inner.get_name());
        pages(&inner.clone().version(env!("CARGO_PKG_VERSION")), &full, section, files)?;
    }
    Ok(())
}

fn text(octets: Vec<u8>) -> Outcome<String> {
    String::from_utf8(octets).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::files;
    use std::process::Command;

    #[test]
    fn bash_completes_options_subcommands_and_values() {
        let dir = tempfile::tempdir().unwrap();
        let files = files().unwrap();
        for (program, words, wanted) in [
            ("tipring", vec!["--k"], "--keep-going"),
            ("tipring", vec!["ph"], "phone"),
            ("tipringd", vec!["ch"], "check"),
            ("tipringd", vec!["run", "--hard"], "--hardware"),
        ] {
            let file = dir.path().join(program);
            std::fs::write(&file, &files[&format!("docs/completion/{program}.bash")]).unwrap();
            let typed = [&[program], words.as_slice()].concat();
            let last = typed.last().unwrap();
            let script = format!(
                "source {}; COMP_WORDS=({}); COMP_CWORD={}; _{program} {program} '{last}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                file.display(),
                typed.join(" "),
                typed.len() - 1,
                typed[typed.len() - 2]
            );
            let out = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
            let shown = String::from_utf8_lossy(&out.stdout).into_owned();
            assert_eq!(shown.trim(), wanted, "{typed:?}: {}", String::from_utf8_lossy(&out.stderr));
        }
    }

    /// What is typed, and the word that Tab makes of its end.
    const TYPED: [(&str, &str); 5] = [
        ("tipring --k", "--keep-going"),
        ("tipring ph", "phone"),
        ("tipringd ch", "check"),
        ("tipringd check --js", "--json"),
        ("tipringd run --hard", "--hardware"),
    ];

    /// Writes the completion of both programs for a shell where it looks for it.
    fn install(dir: &std::path::Path, name: impl Fn(&str) -> String) {
        let files = files().unwrap();
        for program in ["tipring", "tipringd"] {
            let file = name(program);
            std::fs::write(dir.join(&file), &files[&format!("docs/completion/{file}")]).unwrap();
        }
    }

    #[test]
    fn zsh_completes_what_is_typed_at_its_line_editor() {
        // A real zsh at a terminal of zpty: Tab, then a widget that prints the line.
        const SCRIPT: &str = r#"
            zmodload zsh/zpty
            zpty z zsh -f -i
            zpty -w z "PS1=; unsetopt prompt_sp; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; show() { print -r -- \"<\$BUFFER>\"; exit }; zle -N show; bindkey '^X' show; print READY"
            zpty -r z seen '*READY*READY*'
            zpty -w -n z "$2"$'\t\x18'
            zpty -r z seen '*<*>*'
            print -r -- "${${seen##*<}%%>*}"
        "#;
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), |program| format!("_{program}"));
        for (typed, wanted) in TYPED {
            let mut zsh = Command::new("zsh");
            zsh.args(["-f", "-c", SCRIPT, "zsh"]).arg(dir.path()).arg(typed);
            let run = system_tests::finish(zsh, std::time::Duration::from_secs(60));
            // What takes a value goes on with `=`.
            let shown = run.stdout.trim().trim_end_matches('=');
            let before = typed.rsplit_once(' ').unwrap().0;
            assert_eq!(shown, format!("{before} {wanted}"), "{run:?}");
        }
    }

    #[test]
    fn fish_offers_what_is_typed() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), |program| format!("{program}.fish"));
        for (typed, wanted) in TYPED {
            let program = typed.split(' ').next().unwrap();
            let mut fish = Command::new("fish");
            fish.args(["--no-config", "-c"]).arg(format!("source {program}.fish; complete -C '{typed}'"));
            fish.current_dir(dir.path()).env("HOME", dir.path());
            let run = system_tests::finish(fish, std::time::Duration::from_secs(60));
            let offered: Vec<&str> = run.stdout.lines().filter_map(|line| line.split('\t').next()).collect();
            assert_eq!(offered, [wanted], "{typed}: {run:?}");
        }
    }

    #[test]
    fn groff_formats_every_page_without_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let mut pages = 0;
        for (path, text) in files().unwrap().iter().filter(|(path, _)| path.starts_with("docs/man/")) {
            let file = dir.path().join("page");
            std::fs::write(&file, text).unwrap();
            let out = Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(&file).output();
            let Ok(out) = out else { return println!("skipped: there is no groff") };
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(out.status.success() && said.is_empty(), "{path}: {said}");
            let name = path.trim_start_matches("docs/man/").split('.').next().unwrap();
            assert!(text.contains(name), "{path}");
            pages += 1;
        }
        assert!(pages >= 6, "tipring, its phone; tipringd and its three commands: {pages}");
    }
}
