//! `cargo xtask manual`: the command reference in docs/commands, written from the grammar; the catalogue of log messages;
//! the tables of SIP compliance; manual pages and shell completion.

use std::collections::BTreeMap;
use std::path::Path;

use crate::shell::{Outcome, cargo, root, run};

/// Writes docs/commands, or with `check` fails when it is not what the grammar gives.
pub(crate) fn manual(check: bool) -> Outcome {
    page("docs/messages.md", crate::messages::catalogue(), check)?;
    page("docs/sip-compliance.md", crate::compliance::page()?, check)?;
    programs(check)?;
    let docs = root().join("docs/commands");
    let fresh = system_tests::target_dir().join("manual");
    // chapters of commands that are gone must not stay
    match std::fs::remove_dir_all(&fresh) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {e}", fresh.display()));
        }
        _ => {}
    }
    run(cargo().args(["run", "--quiet", "--package", "cli", "--example", "manual", "--"]).arg(&fresh))?;
    let new = chapters(&fresh)?;
    let old = if docs.is_dir() { chapters(&docs)? } else { BTreeMap::new() };
    if new == old {
        return Ok(());
    }
    if check {
        let stale = |name: &&String| new.get(*name) != old.get(*name);
        let mut names: Vec<&String> = new.keys().chain(old.keys()).filter(stale).collect();
        names.sort();
        names.dedup();
        return Err(format!("docs/commands is not current ({names:?}); type\n\n    cargo xtask manual\n"));
    }
    std::fs::create_dir_all(&docs).map_err(|e| format!("{}: {e}", docs.display()))?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        std::fs::remove_file(docs.join(name)).map_err(|e| format!("docs/commands/{name}: {e}"))?;
    }
    for (name, text) in &new {
        std::fs::write(docs.join(name), text).map_err(|e| format!("docs/commands/{name}: {e}"))?;
    }
    Ok(())
}

/// A page that is written whole.
fn page(path: &str, new: String, check: bool) -> Outcome {
    let file = root().join(path);
    // Nothing is there before the first time.
    if std::fs::read_to_string(&file).unwrap_or_default() == new {
        return Ok(());
    }
    if check {
        return Err(format!("{path} is not current; type\n\n    cargo xtask manual\n"));
    }
    std::fs::write(&file, new).map_err(|e| format!("{}: {e}", file.display()))
}

/// Manual pages and completion of the programs.
fn programs(check: bool) -> Outcome {
    let new = crate::programs::files()?;
    let mut old = BTreeMap::new();
    for folder in crate::programs::FOLDERS {
        let dir = root().join(folder);
        std::fs::create_dir_all(&dir).map_err(|e| format!("{folder}: {e}"))?;
        for (name, text) in texts(&dir, |_| true)? {
            old.insert(format!("{folder}/{name}"), text);
        }
    }
    if old == new {
        return Ok(());
    }
    if check {
        return Err("docs/man or docs/completion is not current; type\n\n    cargo xtask manual\n".into());
    }
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        std::fs::remove_file(root().join(path)).map_err(|e| format!("{path}: {e}"))?;
    }
    for (path, text) in &new {
        std::fs::write(root().join(path), text).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// The Markdown files of a directory by name.
fn chapters(dir: &Path) -> Outcome<BTreeMap<String, String>> {
    texts(dir, |name| name.ends_with(".md"))
}

/// The files of a directory by name.
fn texts(dir: &Path, wanted: impl Fn(&str) -> bool) -> Outcome<BTreeMap<String, String>> {
    let problem = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|name| wanted(name)) {
            found.insert(name.to_owned(), std::fs::read_to_string(&path).map_err(problem)?);
        }
    }
    Ok(found)
}
