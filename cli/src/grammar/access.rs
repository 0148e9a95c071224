//! What the commands about users, secrets, terminal lines and banners do.

use super::{Apply, Command, ModeKind, WHOLE};
use crate::command;
use crate::config::{
    Access, ApplyError, CommandLevel, Cx, Login, LoginBlock, Parity, SerialSettings, TerminalLine, User,
};
use crate::secret::{Secret, SecretError};
use std::time::Duration;

/// The keys are read from the sections when SSH asks for them.
pub(super) fn nothing(_: &mut Cx<'_>) -> Done {
    Ok(())
}

pub(super) static SSH_KEYS: &[Command] = &[command! {
    "username WORD", enters: Some(ModeKind::SshUser), keyed: 2,
    help: &["A user", "User name"], apply: Apply::Acted(nothing),
}];

pub(super) static SSH_USER: &[Command] = &[
    command! {
        "key-string", enters: Some(ModeKind::KeptKey), keyed: 1,
        help: &["Rows of the key in base 64, or as in authorized_keys; then exit"], apply: Apply::Acted(nothing),
    },
    command! {
        "key-hash WORD WORD [LINE]", keyed: WHOLE,
        help: &["Hash of the key", "Kind: ssh-rsa, ssh-ed25519, ...", "MD5 in hexadecimal", "Comment"], apply: Apply::Acted(nothing),
    },
];

type Done = Result<(), ApplyError>;

fn refused(error: SecretError) -> ApplyError {
    ApplyError::Text(format!("% Invalid secret: {error}"))
}

/// The argument of kind LINE, which is the last one.
fn rest<'a>(cx: &Cx<'a>) -> &'a str {
    cx.args.words.last().filter(|w| !w.is_keyword()).map_or("", |w| w.text.as_str())
}

pub(super) fn enable(cx: &mut Cx<'_>) -> Done {
    let level = cx.args.number_after("level").unwrap_or(15);
    let (secret, text) = (cx.args.has("secret"), rest(cx));
    let access = &mut cx.config.access;
    let place = if secret { &mut access.enable_secrets } else { &mut access.enable_passwords };
    if cx.no {
        place.remove(&level);
        return Ok(());
    }
    let value = if secret { Secret::one_way(text) } else { Secret::reversible(text) }.map_err(refused)?;
    place.insert(level, value);
    Ok(())
}

pub(super) fn show_enable(cx: &Cx<'_>) -> Option<String> {
    let level = cx.args.number_after("level").unwrap_or(15);
    let (word, place) = match cx.args.has("secret") {
        true => ("secret", &cx.config.access.enable_secrets),
        false => ("password", &cx.config.access.enable_passwords),
    };
    let level_words = if cx.args.has("level") { format!("level {level} ") } else { String::new() };
    Some(format!("enable {word} {level_words}{}", place.get(&level)?))
}

pub(super) fn username(cx: &mut Cx<'_>) -> Done {
    let name = cx.args.argument(0).unwrap_or("").to_owned();
    let users = &mut cx.config.access.users;
    if cx.no {
        users.retain(|u| u.name != name);
        return Ok(());
    }
    let mut user = users.iter().find(|u| u.name == name).cloned().unwrap_or(User {
        name: name.clone(),
        privilege: 1,
        secret: None,
        no_password: false,
    });
    if let Some(level) = cx.args.number_after("privilege") {
        user.privilege = level;
    }
    if cx.args.has("nopassword") {
        (user.secret, user.no_password) = (None, true);
    }
    let text = rest(cx);
    let secret = match () {
        () if cx.args.has("secret") => Some(Secret::one_way(text)),
        () if cx.args.has("password") => Some(Secret::reversible(text)),
        () => None,
    };
    if let Some(secret) = secret {
        (user.secret, user.no_password) = (Some(secret.map_err(refused)?), false);
    }
    let users = &mut cx.config.access.users;
    match users.iter_mut().find(|u| u.name == name) {
        Some(old) => *old = user,
        None => users.push(user),
    }
    Ok(())
}

pub(super) fn show_username(cx: &Cx<'_>) -> Option<String> {
    let user = cx.config.access.user(cx.args.argument(0)?)?;
    let mut line = format!("username {}", user.name);
    if user.privilege != 1 {
        line.push_str(&format!(" privilege {}", user.privilege));
    }
    match &user.secret {
        Some(secret @ Secret::Reversible(_)) => line.push_str(&format!(" password {secret}")),
        Some(secret) => line.push_str(&format!(" secret {secret}")),
        None if user.no_password => line.push_str(" nopassword"),
        None => {}
    }
    Some(line)
}

pub(super) fn aaa_new_model(cx: &mut Cx<'_>) -> Done {
    cx.config.access.aaa = !cx.no;
    Ok(())
}

/// The terminal line whose section is open.
fn line<'a>(cx: &'a mut Cx<'_>) -> Result<&'a mut TerminalLine, ApplyError> {
    let header = cx.frames.last().map(|f| f.key.as_str()).unwrap_or("");
    let lines = &mut cx.config.access.lines;
    lines
        .iter_mut()
        .find(|l| l.header == header)
        .ok_or_else(|| ApplyError::Text("% The line of this section no longer exists".to_owned()))
}

pub(super) fn enter_line(cx: &mut Cx<'_>) -> Done {
    let header = cx.frames.last().map(|f| f.key.clone()).unwrap_or_default();
    let no = cx.no;
    let lines = &mut cx.config.access.lines;
    if no {
        lines.retain(|l| l.header != header);
    } else if !lines.iter().any(|l| l.header == header) {
        lines.push(TerminalLine::from_header(&header));
    }
    Ok(())
}

/// The default of a line of the same kind.
fn fresh(line: &TerminalLine) -> TerminalLine {
    TerminalLine::new(line.kind, line.first, line.last)
}

/// Changes one setting of the line whose section is open; `no` brings back the default.
macro_rules! line_setting {
    ($($name:ident, $field:ident: |$cx:ident| $value:expr;)+) => {
        $(pub(super) fn $name($cx: &mut Cx<'_>) -> Done {
            let value = if $cx.no { None } else { Some($value) };
            let line = line($cx)?;
            let fresh = fresh(line);
            line.$field = value.unwrap_or(fresh.$field);
            Ok(())
        })+
    };
}

line_setting! {
    line_privilege, privilege: |cx| cx.args.number_after("level").unwrap_or(1);
    line_history, history: |cx| cx.args.number_after("size").unwrap_or(20);
    line_length, length: |cx| cx.args.number(0);
    line_width, width: |cx| cx.args.number(0);
    line_limit, session_limit: |cx| cx.args.number(0);
    line_synchronous, synchronous: |cx| !cx.no;
    line_location, location: |cx| cx.text(0);
    line_monitor, monitor: |cx| !cx.no;
    line_login_timeout, login_timeout: |cx| cx.args.number(0).map(Duration::from_secs);
}

pub(super) fn line_timeout(cx: &mut Cx<'_>) -> Done {
    let minutes: u64 = cx.args.number(0).unwrap_or(10);
    let seconds: u64 = cx.args.number(1).unwrap_or(0);
    let timeout = Some(Duration::from_secs(60 * minutes + seconds)).filter(|t| !t.is_zero() && !cx.no);
    let default = cx.default;
    let line = line(cx)?;
    line.exec_timeout = if default { fresh(line).exec_timeout } else { timeout };
    Ok(())
}

pub(super) fn line_password(cx: &mut Cx<'_>) -> Done {
    let password = if cx.no { None } else { Some(Secret::reversible(rest(cx)).map_err(refused)?) };
    line(cx)?.password = password;
    Ok(())
}

pub(super) fn show_line_password(cx: &Cx<'_>) -> Option<String> {
    let header = cx.frames.last().map(|f| f.key.as_str()).unwrap_or("");
    let line = cx.config.access.lines.iter().find(|l| l.header == header)?;
    Some(format!("password {}", line.password.as_ref()?))
}

pub(super) fn line_login(cx: &mut Cx<'_>) -> Done {
    let login = match () {
        () if cx.default => Login::Default,
        () if cx.no => Login::None,
        () if cx.args.has("local") || cx.args.has("authentication") => Login::Local,
        () => Login::Password,
    };
    line(cx)?.login = login;
    Ok(())
}

pub(super) fn line_exec(cx: &mut Cx<'_>) -> Done {
    let on = !cx.no;
    line(cx)?.exec = on;
    Ok(())
}

pub(super) fn line_banner(cx: &mut Cx<'_>) -> Done {
    let (on, motd) = (!cx.no, cx.args.has("motd-banner"));
    let line = line(cx)?;
    if motd {
        line.motd_banner = on
    } else {
        line.exec_banner = on
    }
    Ok(())
}

pub(super) fn line_transport(cx: &mut Cx<'_>) -> Done {
    if !cx.args.has("input") {
        return Ok(());
    }
    let (no, has) = (cx.no, |word: &str| cx.args.has(word));
    let (ssh, telnet) = (has("ssh") || has("all"), has("telnet") || has("all"));
    let line = line(cx)?;
    let fresh = fresh(line);
    (line.ssh, line.telnet) = if no { (fresh.ssh, fresh.telnet) } else { (ssh, telnet) };
    Ok(())
}

pub(super) fn line_access_class(cx: &mut Cx<'_>) -> Done {
    let list = if cx.no { None } else { cx.args.argument(0).map(str::to_owned) };
    line(cx)?.access_class = list;
    Ok(())
}

pub(super) fn line_serial(cx: &mut Cx<'_>) -> Done {
    let (no, word, value) =
        (cx.no, cx.args.word(0).unwrap_or("").to_owned(), cx.args.word(1).unwrap_or("").to_owned());
    let flow = |kind: &str| !no && cx.args.has(kind);
    let (hardware, software) = (flow("hardware"), flow("software"));
    let serial = &mut line(cx)?.serial;
    let fresh = SerialSettings::default();
    let text = if no { "" } else { value.as_str() };
    match word.as_str() {
        "speed" => serial.speed = text.parse().unwrap_or(fresh.speed),
        "databits" => serial.databits = text.parse().unwrap_or(fresh.databits),
        "stopbits" => serial.stopbits = if text == "2" { 2 } else { 1 },
        "parity" => {
            serial.parity = match text {
                "even" => Parity::Even,
                "odd" => Parity::Odd,
                _ => Parity::None,
            };
        }
        _ => (serial.hardware_flow, serial.software_flow) = (hardware, software),
    }
    Ok(())
}

pub(super) fn login_block(cx: &mut Cx<'_>) -> Done {
    let seconds = |word: &str| Duration::from_secs(cx.args.number_after(word).unwrap_or(1));
    cx.config.access.block = (!cx.no).then(|| LoginBlock {
        quiet: seconds("block-for"),
        attempts: cx.args.number_after("attempts").unwrap_or(1),
        within: seconds("within"),
    });
    Ok(())
}

pub(super) fn exec_level(cx: &mut Cx<'_>) -> Done {
    let (level, command) = (cx.args.number(0).unwrap_or(15), cx.args.argument(1).unwrap_or("").to_owned());
    let no = cx.no;
    let levels = &mut cx.config.access.levels;
    let entry = CommandLevel { level, command };
    if no {
        let longer = format!("{} ", entry.command);
        levels.retain(|l| l.level != level || (*l != entry && !l.command.starts_with(&longer)));
    } else if !levels.contains(&entry) {
        levels.push(entry);
    }
    Ok(())
}

pub(super) fn exec_alias(cx: &mut Cx<'_>) -> Done {
    let name = cx.args.argument(0).unwrap_or("").to_owned();
    match cx.text(1) {
        Some(command) => cx.config.access.aliases.insert(name, command),
        None => cx.config.access.aliases.remove(&name),
    };
    Ok(())
}

pub(super) fn mode_alias(cx: &mut Cx<'_>) -> Done {
    let (Some(mode), name) = (cx.args.word(1), cx.args.argument(0).unwrap_or("")) else { return Ok(()) };
    let key = (mode.to_owned(), name.to_owned());
    match cx.text(1) {
        Some(command) => cx.config.access.mode_aliases.insert(key, command),
        None => cx.config.access.mode_aliases.remove(&key),
    };
    Ok(())
}

pub(super) fn timezone(cx: &mut Cx<'_>) -> Done {
    let known = cx.no || crate::config::offset(cx.args.argument(1), cx.args.argument(2)).is_some();
    if known { Ok(()) } else { Err(ApplyError::Argument(1)) }
}

pub(super) fn summer_time(cx: &mut Cx<'_>) -> Done {
    let rule = format!("{} {}", cx.args.word(3).unwrap_or(""), cx.args.argument(1).unwrap_or(""));
    let known = cx.no || crate::config::summer("", &rule).is_some();
    if known { Ok(()) } else { Err(ApplyError::Argument(1)) }
}

pub(super) fn ssh_timeout(cx: &mut Cx<'_>) -> Done {
    let seconds = if cx.no { None } else { cx.args.number(0) };
    cx.config.access.ssh_timeout = seconds.map_or(Access::default().ssh_timeout, Duration::from_secs);
    Ok(())
}

pub(super) fn ssh_retries(cx: &mut Cx<'_>) -> Done {
    let retries = if cx.no { None } else { cx.args.number(0) };
    cx.config.access.ssh_retries = retries.unwrap_or(Access::default().ssh_retries);
    Ok(())
}

/// Only `no` comes here; the text is taken over when its delimiter has been read.
pub(super) fn banner(cx: &mut Cx<'_>) -> Done {
    if cx.no {
        let key = cx.args.join(2);
        cx.config.access.set_banner(&key, None);
    }
    Ok(())
}
