//! `tipring`: the console client of the gateway.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod interactive;
mod phone;

use arguments::{Arguments, Tool};
use clap::Parser;
use client::Client;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader of our output has gone, as `tipring -c "show run" | head` does it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tipring: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if nothing was refused.
fn run(arguments: &Arguments) -> std::io::Result<bool> {
    if let Some(Tool::Phone { port, socket }) = &arguments.tool {
        return phone::run(&client::socket(socket.as_deref(), "lines.sock"), port);
    }
    let socket = client::socket(arguments.socket.as_deref(), "console.sock");
    let mut clean = true;
    if !arguments.command.is_empty() {
        let mut client = Client::connect(&socket)?;
        for command in &arguments.command {
            clean &= execute(&mut client, command)?;
        }
        if arguments.file.is_none() {
            return Ok(clean);
        }
    }
    match &arguments.file {
        Some(file) => {
            let octets = std::fs::read(file)
                .map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", file.display())))?;
            Ok(clean & push(&socket, &cli::check::text_of(&octets), arguments.keep_going)?)
        }
        None if std::io::stdin().is_terminal() && arguments.raw => interactive::raw(&socket),
        None if std::io::stdin().is_terminal() => interactive::run(&socket),
        None => {
            let mut octets = Vec::new();
            std::io::stdin().read_to_end(&mut octets)?;
            push(&socket, &cli::check::text_of(&octets), arguments.keep_going)
        }
    }
}

fn execute(client: &mut Client, command: &str) -> std::io::Result<bool> {
    let response = client.exec(command)?;
    if response.error {
        // The caret needs the line above it.
        eprint!("{command}\n{}", response.output);
    } else {
        print!("{}", response.output);
        std::io::stdout().flush()?;
    }
    Ok(!response.error)
}

fn push(socket: &std::path::Path, text: &str, keep_going: bool) -> std::io::Result<bool> {
    let response = Client::connect(socket)?.configure(text, keep_going)?;
    if response.error {
        eprint!("{}", response.output);
    } else {
        print!("{}", response.output);
    }
    Ok(!response.error)
}
