//! Commands that stand in every configuration mode, and modes without a grammar of their own.

use super::{Apply, Command};
use crate::command;

pub(super) static NONE: &[Command] = &[];

pub(super) static COMMON: &[Command] = &[
    command! { "default LINE", help: &["Set a command to its defaults", "The command"], apply: Apply::Builtin },
    command! { "do LINE", help: &["To run exec commands in config mode", "Exec command"], apply: Apply::Do },
    command! { "end", help: &["Exit from configure mode"], apply: Apply::End },
    command! { "exit", help: &["Exit from the current mode"], apply: Apply::Exit },
    command! {
        "help", help: &["Description of the interactive help system"], apply: Apply::Builtin,
    },
    command! {
        "no LINE", help: &["Negate a command or set its defaults", "The command"], apply: Apply::Builtin,
    },
];
