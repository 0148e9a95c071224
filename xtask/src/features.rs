//! `docs/features.toml`: what Tipring can do and the test that proves each point; the table in README.md.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::libtest::{Ended, Report};
use crate::shell::{Outcome, root};

const BEGIN: &str = "<!-- features:begin -->";
const END: &str = "<!-- features:end -->";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    feature: Vec<Feature>,
}

/// One row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    /// Short name, lower case with hyphens, never changed.
    pub(crate) id: String,
    /// Group in the table.
    pub(crate) area: String,
    /// What one can do.
    pub(crate) feature: String,
    /// `program::path::of::test`, as `cargo test` runs it.
    pub(crate) test: String,
}

/// Rows whose test did not pass, as sentences.
pub(crate) fn unproved(report: &Report) -> Outcome<Vec<String>> {
    let missing = |feature: &Feature| match report.tests.get(&feature.test) {
        Some(Ended::Passed) => None,
        Some(Ended::Failed) => Some("failed"),
        Some(Ended::Skipped) => Some("was skipped"),
        None => Some("does not exist or did not run"),
    };
    let rows = load()?;
    let sentence =
        |f: &Feature| missing(f).map(|how| format!("feature {} is not proved: test {} {how}", f.id, f.test));
    Ok(rows.iter().filter_map(sentence).collect())
}

/// Writes the table into README.md, or with `check` fails when it is not current.
pub(crate) fn readme(check: bool) -> Outcome {
    let path = root().join("README.md");
    let old = std::fs::read_to_string(&path).map_err(|e| format!("README.md: {e}"))?;
    let new = replaced(&old, &table(&load()?))?;
    if new == old {
        return Ok(());
    }
    if check {
        return Err(
            "the feature table of README.md is not current; type\n\n    cargo xtask features\n".into()
        );
    }
    std::fs::write(&path, new).map_err(|e| format!("README.md: {e}"))
}

fn load() -> Outcome<Vec<Feature>> {
    let path = root().join("docs/features.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("docs/features.toml: {e}"))?;
    parse(&text)
}

fn parse(text: &str) -> Outcome<Vec<Feature>> {
    let file: File = toml::from_str(text).map_err(|e| format!("docs/features.toml: {e}"))?;
    let mut ids = BTreeSet::new();
    match file.feature.iter().find(|feature| !ids.insert(feature.id.as_str())) {
        Some(twice) => Err(format!("docs/features.toml: id {} stands there twice", twice.id)),
        None => Ok(file.feature),
    }
}

fn table(rows: &[Feature]) -> String {
    let mut text = String::from("| area | feature | proved by |\n|---|---|---|\n");
    for row in rows {
        let _ = writeln!(text, "| {} | {} | `{}` |", row.area, row.feature.replace('|', "\\|"), row.test);
    }
    text
}

fn replaced(readme: &str, table: &str) -> Outcome<String> {
    let cut = readme
        .split_once(BEGIN)
        .and_then(|(before, rest)| rest.split_once(END).map(|(_, after)| (before, after)));
    let (before, after) = cut.ok_or_else(|| format!("README.md has no {BEGIN} … {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "[[feature]]\nid=\"a\"\narea=\"MWI\"\nfeature=\"x | y\"\ntest=\"sip::t\"\n";

    #[test]
    fn the_table_replaces_what_stands_between_the_markers() {
        let rows = parse(ROW).unwrap_or_default();
        let readme = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&readme, &table(&rows));
        let table = "| area | feature | proved by |\n|---|---|---|\n| MWI | x \\| y | `sip::t` |\n";
        assert_eq!(new, Ok(format!("a\n{BEGIN}\n{table}{END}\nb\n")));
        assert!(replaced("no markers", table).is_err());
    }

    #[test]
    fn an_id_stands_there_once() {
        assert!(parse(&format!("{ROW}{ROW}")).is_err_and(|why| why.contains("twice")));
    }
}
