//! `show running-config`.

use super::tree::Order;
use super::{Body, Config, Node};
use crate::grammar::{ModeKind, matcher};

impl Config {
    /// The body of `show running-config`: sections in IOS order, defaults left out, kept lines in their place, one blank
    /// more for each level, sections separated by `!`, `end` at the end. Reading it again gives the same configuration.
    pub fn running(&self) -> String {
        let mut out = String::new();
        let mut last: Option<&str> = None;
        for node in self.tree.nodes() {
            let group = first_word(&node.line);
            if node.section.is_some() || last.is_none_or(|l| l != group) {
                separate(&mut out);
            }
            print(node, 0, &mut out);
            if node.section.is_some() {
                separate(&mut out);
            }
            last = Some(group);
        }
        separate(&mut out);
        out.push_str("end\n");
        out
    }

    /// As [`Config::running`], with the lines that state a default (`show running-config all`).
    pub fn running_all(&self) -> String {
        let mut config = self.clone();
        fill(ModeKind::Global, &mut config.tree);
        config.running()
    }

    /// One section of `show running-config` with its header, or `None` if there is none of that name.
    pub fn running_section(&self, header: &str) -> Option<String> {
        let node = self.tree.nodes().iter().find(|n| n.key.eq_ignore_ascii_case(header))?;
        let mut out = String::new();
        print(node, 0, &mut out);
        Some(out)
    }
}

/// `service` of both `service x` and `no service x`.
fn first_word(line: &str) -> &str {
    let line = line.strip_prefix("no ").unwrap_or(line);
    line.split(' ').next().unwrap_or("")
}

fn separate(out: &mut String) {
    // A line may end in `!` too.
    if out != "!\n" && !out.ends_with("\n!\n") {
        out.push_str("!\n");
    }
}

fn print(node: &Node, depth: usize, out: &mut String) {
    for (row, line) in node.line.lines().enumerate() {
        if row == 0 {
            out.extend(std::iter::repeat_n(' ', depth));
        }
        out.push_str(line);
        out.push('\n');
    }
    if let Some((_, body)) = &node.section {
        print_body(body, depth + 1, out);
    }
}

fn print_body(body: &Body, depth: usize, out: &mut String) {
    for node in body.nodes() {
        print(node, depth, out);
    }
}

/// Puts the lines in that state what nothing else says.
fn fill(kind: ModeKind, body: &mut Body) {
    for (inner, lines) in body.sections_mut() {
        fill(*inner, lines);
    }
    let table = kind.table();
    for (index, (command, syntax)) in table.entries().enumerate() {
        if command.default.is_empty() {
            continue;
        }
        let identity = matcher::identity(command, syntax);
        let key = command.default.split(' ').take(identity).collect::<Vec<_>>().join(" ");
        let said = body.nodes().iter().any(|n| n.key == key || n.key.strip_prefix("no ") == Some(&key));
        if !said {
            body.insert(Node::new(Order::of(table, index), key, command.default.to_owned(), None));
        }
    }
}
