//! One line into the configuration: mode, `no`, `default`, fall-through, free text.

use super::tree::Order;
use super::{
    ApplyError, Body, Config, Cx, Frame, LineError, LineErrorKind, LineOutcome, MAX_LINE, Mode, Node,
};
use crate::grammar::matcher::{self, Failure, Found, Typed};
use crate::grammar::syntax::Syntax;
use crate::grammar::{Apply, Command, ModeKind, Table, WHOLE};

/// Longest banner in lines; a forgotten delimiter must not swallow everything.
const MAX_TEXT_LINES: usize = 1000;
/// Reason of lines in modes without a grammar.
const NOT_MODELLED: &str = "the feature of this section is not modelled";

/// Free text that runs over several lines until its delimiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextBlock {
    head: String,
    key: String,
    order: Order,
    delimiter: String,
    lines: Vec<String>,
}

impl Mode {
    /// Global configuration of a pasted file, in which EXEC lines (`configure terminal`, `write memory`) may stand.
    pub fn paste() -> Mode {
        Mode { paste: true, ..Mode::default() }
    }
}

impl Mode {
    fn knows_in_full(&self, depth: usize, line: &str, input: &[Typed<'_>], sign: Sign) -> bool {
        (0..depth).rev().any(|outer| {
            let kind =
                outer.checked_sub(1).and_then(|d| self.frames.get(d)).map_or(ModeKind::Global, |f| f.kind);
            matcher::find(kind.table(), line, input, sign != Sign::Set)
                .is_ok_and(|found| !found.args.words.iter().any(|w| w.is_abbreviated()))
        })
    }
}

/// What `no` or `default` before a line asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Set,
    No,
    Default,
}

/// The octet that a terminal sends for ^C.
const CONTROL_C: char = '\u{3}';

impl Config {
    /// Applies one line at the place that `mode` says, and moves `mode` on.
    ///
    /// # Errors
    /// The router's refusal; neither configuration nor mode has changed then.
    ///
    /// ```
    /// use cli::config::{Config, Mode};
    /// let (mut config, mut mode) = (Config::default(), Mode::global());
    /// config.apply_line(&mut mode, "voice-port 2/0").unwrap();
    /// config.apply_line(&mut mode, " cptone gb").unwrap();
    /// assert_eq!(config.voice_ports[0].cptone, "gb");
    /// let error = config.apply_line(&mut mode, " cptone zz").unwrap_err();
    /// assert_eq!(error.column, Some(8));
    /// ```
    pub fn apply_line(&mut self, mode: &mut Mode, line: &str) -> Result<LineOutcome, LineError> {
        if !line.contains(CONTROL_C) {
            return self.apply_shown(mode, line);
        }
        // The octet of ^C, with which a router's file may fence a banner, is taken as the two characters shown for it.
        self.apply_shown(mode, &line.replace(CONTROL_C, "^C")).map_err(|error| LineError {
            column: error.column.map(|shown| column_before_shown(line, shown)),
            ..error
        })
    }

    fn apply_shown(&mut self, mode: &mut Mode, line: &str) -> Result<LineOutcome, LineError> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.len() > MAX_LINE {
            return Err(LineError {
                column: None,
                kind: LineErrorKind::Text(format!("% Line is {} octets long, limit {MAX_LINE}", line.len())),
            });
        }
        if mode.text.is_some() {
            return Ok(self.text_line(mode, line));
        }
        let line = line.trim_start_matches('\u{feff}');
        let input = matcher::words(line);
        let Some(first) = input.first().copied() else { return Ok(LineOutcome::Empty) };
        if first.text.starts_with('!') {
            mode.separated = mode.paste && first.column == 0;
            return Ok(LineOutcome::Empty);
        }
        if let Some(at) = line.find(|c: char| c.is_control() && c != '\t') {
            return Err(LineError { column: Some(at), kind: LineErrorKind::Invalid });
        }
        let (sign, rest) = match first.text {
            t if t.eq_ignore_ascii_case("no") => (Sign::No, input.get(1..).unwrap_or(&[])),
            t if t.eq_ignore_ascii_case("default") => (Sign::Default, input.get(1..).unwrap_or(&[])),
            _ => (Sign::Set, input.as_slice()),
        };
        if rest.is_empty() {
            return Err(LineError { column: None, kind: LineErrorKind::Incomplete });
        }
        self.dispatch(mode, line, sign, rest)
    }

    fn dispatch(
        &mut self,
        mode: &mut Mode,
        line: &str,
        sign: Sign,
        input: &[Typed<'_>],
    ) -> Result<LineOutcome, LineError> {
        let indent = line.len() - line.trim_start().len();
        let unmodelled = mode.frames.last().is_some_and(|f| f.kind.table().keeps_all());
        // Behind a `!` a line at the left edge belongs to global configuration if that knows it, even if the section
        // that is still open knows it too: `ip …` and `no ip …` behind an interface.
        if std::mem::take(&mut mode.separated) && indent == 0 && !mode.frames.is_empty() && !is_builtin(input)
        {
            let table = ModeKind::Global.table();
            if let Ok(found) = matcher::find(table, line, input, sign != Sign::Set)
                && !found.args.words.iter().any(|w| w.is_abbreviated())
            {
                return self.execute(mode, 0, table, found, sign, line, indent);
            }
        }
        let mut worst: Option<(usize, Failure)> = None;
        let mut beyond = None;
        for depth in (0..=mode.frames.len()).rev() {
            let frame = depth.checked_sub(1).and_then(|d| mode.frames.get(d));
            let kind = frame.map_or(ModeKind::Global, |f| f.kind);
            let table = kind.table();
            let inner = depth == mode.frames.len();
            if table.keeps_all() && !is_builtin(input) {
                // Of a section that is kept as it is, single lines may be acted on.
                if let Ok(found) = matcher::find(table, line, input, sign != Sign::Set)
                    && table.command(found.command).is_some_and(|(c, _)| matches!(c.apply, Apply::Acted(_)))
                {
                    return self.execute(mode, depth, table, found, sign, line, indent);
                }
                let deeper = frame.is_some_and(|f| indent > f.indent);
                if inner && deeper {
                    return Ok(self.keep(mode, line, sign, input));
                }
                continue;
            }
            match matcher::find(table, line, input, sign != Sign::Set) {
                Ok(found) => {
                    let kept =
                        table.command(found.command).is_some_and(|(c, _)| matches!(c.apply, Apply::Kept(_)));
                    if kept && sign == Sign::Set {
                        beyond = beyond.or_else(|| matcher::out_of_range(table, line, input));
                    }
                    if let Some(word) = beyond.filter(|_| kept) {
                        return Err(LineError::from_failure(Failure::Invalid(word), input, line));
                    }
                    // An outer mode that knows the word in full is meant, not an abbreviation here:
                    // `ip route` behind an interface, which has `ip route-cache`.
                    let abbreviated = found.args.words.iter().any(|w| w.is_abbreviated());
                    if abbreviated && depth > 0 && mode.knows_in_full(depth, line, input, sign) {
                        continue;
                    }
                    return self.execute(mode, depth, table, found, sign, line, indent);
                }
                // An abbreviation that means several things here is not looked up further out.
                Err(failure @ Failure::Ambiguous(0))
                    if !unmodelled && !mode.knows_in_full(depth, line, input, sign) =>
                {
                    worst = Some((0, failure));
                    break;
                }
                Err(failure) => {
                    if sign == Sign::Set {
                        beyond = beyond.or_else(|| matcher::out_of_range(table, line, input));
                    }
                    let place = match failure {
                        Failure::Invalid(at) | Failure::Ambiguous(at) => at,
                        Failure::Incomplete => input.len(),
                    };
                    if worst.is_none_or(|(best, _)| place > best) {
                        worst = Some((place, failure));
                    }
                }
            }
            // What is only too short is no line of a feature that is not modelled.
            let unknown = !matches!(worst, Some((_, Failure::Incomplete)));
            let open = unknown && beyond.is_none() && matches!(kind, ModeKind::Interface | ModeKind::Line);
            if open && inner && frame.is_some_and(|f| indent > f.indent) {
                return Ok(self.keep(mode, line, sign, input));
            }
        }
        if mode.paste && sign == Sign::Set && is_dump_header(line) {
            return Ok(LineOutcome::Empty);
        }
        if mode.paste && sign == Sign::Set && is_exec_word(input) {
            return Ok(LineOutcome::Exec { line: line.trim().to_owned() });
        }
        if mode.paste
            && sign == Sign::Set
            && matcher::find(ModeKind::Privileged.table(), line, input, false).is_ok()
        {
            return Ok(LineOutcome::Exec { line: line.trim().to_owned() });
        }
        if mode.frames.last().is_some_and(|f| f.kind.table().keeps_all()) {
            return Ok(self.keep(mode, line, sign, input));
        }
        // A word that a section without a grammar shares with global configuration has led out of the section.
        if let (true, Some(frames)) = (mode.paste, mode.resume.take()) {
            mode.frames = frames;
            return Ok(self.keep(mode, line, sign, input));
        }
        let failure = worst.map_or(Failure::Invalid(0), |(_, failure)| failure);
        Err(LineError::from_failure(failure, input, line))
    }

    /// Keeps a line of a section that has no grammar for it.
    fn keep(&mut self, mode: &Mode, line: &str, sign: Sign, input: &[Typed<'_>]) -> LineOutcome {
        let indent = line.len() - line.trim_start().len();
        let header = mode.frames.last().map_or(0, |f| f.indent);
        let extra = indent.saturating_sub(header + 1);
        let text = format!("{:extra$}{}", "", line.trim());
        let Some(body) = body_mut(&mut self.tree, &mode.frames) else { return LineOutcome::Empty };
        let words = input.iter().map(|w| w.text).collect::<Vec<_>>().join(" ");
        let (words, text) = match crate::secret::conceal(&words) {
            Some(hidden) => (hidden.clone(), format!("{:extra$}{hidden}", "")),
            None => (words, text),
        };
        let hex = is_hex(&words);
        match sign {
            Sign::Set if hex => {
                // Certificates are octets in hex; equal rows are not repetitions.
                let rows = body.nodes().iter().filter(|n| is_hex(&n.line)).count();
                let key = format!("{rows} {words}");
                body.insert(Node::new(Order::LAST, key, text, None));
            }
            Sign::Set => {
                let negation = format!("no {words}");
                body.remove(|n| n.is_of(Order::LAST) && n.key == negation);
                body.put(Node::new(Order::LAST, words, text, None));
            }
            Sign::No | Sign::Default => {
                // Lines of commands are not taken away behind their backs.
                let gone = body.remove(|n| {
                    let rest = n.key.strip_prefix(&words);
                    n.is_of(Order::LAST) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                });
                if sign == Sign::No && !gone {
                    body.put(Node::new(Order::LAST, format!("no {words}"), format!("no {words}"), None));
                }
            }
        }
        LineOutcome::Kept { reason: NOT_MODELLED }
    }

    #[allow(clippy::too_many_arguments)] // one call site; the pieces have no common life
    fn execute(
        &mut self,
        mode: &mut Mode,
        depth: usize,
        table: &'static Table,
        found: Found,
        sign: Sign,
        line: &str,
        indent: usize,
    ) -> Result<LineOutcome, LineError> {
        let Some((command, syntax)) = table.command(found.command) else { return Ok(LineOutcome::Empty) };
        match command.apply {
            Apply::Exit | Apply::End | Apply::Do if sign != Sign::Set => {
                let column = matcher::words(line).get(1).map(|w| w.column);
                return Err(LineError { column, kind: LineErrorKind::Invalid });
            }
            Apply::Exit if mode.frames.is_empty() => return Ok(LineOutcome::Leave),
            Apply::Exit => {
                mode.frames.pop();
                mode.resume = None;
                return Ok(LineOutcome::Acted { notice: None });
            }
            Apply::End => return Ok(LineOutcome::Leave),
            Apply::Do => {
                let line = found.args.argument(0).unwrap_or("").to_owned();
                return Ok(LineOutcome::Exec { line });
            }
            Apply::Builtin => return self.builtin(mode, command, sign, line),
            Apply::Instead(spelled) => {
                let sign = match sign {
                    Sign::Set => "",
                    Sign::No => "no ",
                    Sign::Default => "default ",
                };
                return self.apply_line(mode, &format!("{:indent$}{sign}{}", "", spelled(&found.args)));
            }
            Apply::Exec(_) => return Ok(LineOutcome::Acted { notice: None }),
            Apply::Acted(_) | Apply::Kept(_) => {}
        }
        if command.syntax == crate::grammar::REENTER_PEER && sign == Sign::Set {
            return self.reenter_peer(mode, &found, line, indent);
        }
        let order = Order::of(table, found.command);
        let kept_before = mode.frames.last().is_some_and(|f| f.kind.table().keeps_all());
        let before = mode.frames.clone();
        let dropped = mode.frames.split_off(depth.min(mode.frames.len()));
        let result = if let Some(enters) = command.enters {
            self.section(mode, &found, command, syntax, order, enters, sign, indent)
        } else {
            self.setting(mode, &found, command, syntax, order, sign)
        };
        let notice = match result {
            Ok(notice) => notice,
            Err(error) => {
                mode.frames = before;
                return Err(locate(error, &found, line));
            }
        };
        mode.resume = (kept_before && !dropped.is_empty() && command.enters.is_none()).then_some(before);
        if is_banner(command) && sign == Sign::Set {
            self.open_text(mode, &found, order);
        }
        Ok(match command.kept() {
            // What the user must be told comes first; `check` then counts the line as acted on.
            Some(reason) if notice.is_none() => LineOutcome::Kept { reason },
            _ => LineOutcome::Acted { notice },
        })
    }

    /// `help`, and abbreviations of `no` and `default`.
    fn builtin(
        &mut self,
        mode: &mut Mode,
        command: &Command,
        sign: Sign,
        line: &str,
    ) -> Result<LineOutcome, LineError> {
        let input = matcher::words(line);
        let rest = input.get(1..).unwrap_or(&[]);
        match (command.syntax, sign) {
            ("no LINE", Sign::Set) => self.dispatch(mode, line, Sign::No, rest),
            ("default LINE", Sign::Set) => self.dispatch(mode, line, Sign::Default, rest),
            ("help", Sign::Set) => Ok(LineOutcome::Acted { notice: Some(crate::session::HELP.to_owned()) }),
            _ => Err(LineError { column: rest.first().map(|w| w.column), kind: LineErrorKind::Invalid }),
        }
    }

    fn reenter_peer(
        &mut self,
        mode: &mut Mode,
        found: &Found,
        line: &str,
        indent: usize,
    ) -> Result<LineOutcome, LineError> {
        let tag = found.args.number::<u32>(0);
        let peer = self.dial_peers.iter().find(|p| Some(p.tag) == tag);
        let Some(peer) = peer else {
            return Err(LineError { column: None, kind: LineErrorKind::Incomplete });
        };
        let kind = if peer.kind == dialpeer::PeerKind::Pots { "pots" } else { "voip" };
        let full = format!("{:indent$}{} {kind}", "", line.trim());
        self.apply_line(mode, &full)
    }

    #[allow(clippy::too_many_arguments)]
    fn section(
        &mut self,
        mode: &mut Mode,
        found: &Found,
        command: &Command,
        syntax: &Syntax,
        order: Order,
        enters: ModeKind,
        sign: Sign,
        indent: usize,
    ) -> Result<Option<String>, ApplyError> {
        let identity = matcher::identity(command, syntax).min(found.args.words.len());
        let key = found.args.join(identity);
        let frame = Frame { kind: enters, key: key.clone(), indent, hint: 0 };
        let outer = mode.frames.len();
        let there = body_mut(&mut self.tree, &mode.frames)
            .and_then(|b| b.position(&key, usize::MAX).and_then(|at| b.nodes().get(at)))
            .and_then(|n| n.section.as_ref().map(|(kind, _)| (*kind, n.line.clone())));
        // `no dial-peer voice 20` does not say of which type it is.
        let named = sign == Sign::Set || found.args.words.len() > identity;
        if let Some((kind, line)) = there
            && kind != enters
            && named
        {
            return Err(ApplyError::Text(match sign {
                Sign::Set => format!("% {line} exists; remove it first to change its type"),
                Sign::No | Sign::Default => format!("% {line} is of another type"),
            }));
        }
        mode.frames.push(frame);
        let (notice, appear, vanish) = self.act(mode, found, command, sign)?;
        if sign == Sign::Set {
            let parents = mode.frames.get(..outer).unwrap_or(&[]);
            let Some(body) = body_mut(&mut self.tree, parents) else { return Ok(None) };
            let line = found.args.canonical();
            let mut blank = false;
            let at = match body.position(&key, usize::MAX) {
                Some(at) => {
                    // What a text says of a section that the hardware has just made is all there is to say: a line
                    // that it leaves out had been removed.
                    if let Some(place) = mode.made.iter().position(|h| *h == key) {
                        mode.made.remove(place);
                        blank = true;
                    }
                    // Without its options the header only enters the section.
                    if line.len() > key.len() {
                        body.change(at, |node| node.line = line);
                    }
                    at
                }
                None => body.insert(Node::new(order, key.clone(), line, Some(enters))),
            };
            if blank {
                body.change(at, |node| node.section = Some((enters, Body::default())));
            }
            if let Some(frame) = mode.frames.last_mut() {
                frame.hint = at;
            }
            if blank {
                self.blank_serial(&key);
            }
        } else {
            mode.frames.truncate(outer);
            if let Some(body) = body_mut(&mut self.tree, &mode.frames) {
                body.remove(|n| n.key == key);
            }
        }
        self.hardware(appear, vanish);
        Ok(notice)
    }

    fn setting(
        &mut self,
        mode: &mut Mode,
        found: &Found,
        command: &Command,
        syntax: &Syntax,
        order: Order,
        sign: Sign,
    ) -> Result<Option<String>, ApplyError> {
        let hidden = concealed(mode.kind().table(), found, command);
        let found = hidden.as_ref().unwrap_or(found);
        let before = self.displace(mode, found, command, syntax);
        let (notice, appear, vanish) = match (self.act(mode, found, command, sign), before) {
            (Ok(done), _) => done,
            (Err(refused), Some(before)) => {
                *self = before;
                return Err(refused);
            }
            (Err(refused), None) => return Err(refused),
        };
        let shown = match (command.show, sign) {
            (Some(show), Sign::Set) => {
                let cx = Cx::new(self, &mode.frames, found, false);
                show(&cx)
            }
            _ => None,
        };
        let canonical = found.args.canonical();
        let identity = matcher::identity(command, syntax).min(found.args.words.len());
        let key = found.args.join(identity);
        if let Some(body) = body_mut(&mut self.tree, &mode.frames) {
            let negation = format!("no {key}");
            match sign {
                Sign::Set => {
                    body.remove(|n| n.key == negation);
                    if let Some(replaces) = command.replaces {
                        body.remove(|n| n.key != key && replaces(&key, &n.key));
                    }
                    let line = shown.unwrap_or(canonical);
                    if line == command.default {
                        body.remove(|n| n.key == key);
                    } else {
                        body.put(Node::new(order, key, line, None));
                    }
                }
                Sign::No | Sign::Default => {
                    let gone = body.remove(|n| match command.keyed {
                        // `no ip dhcp` is not about `ip dhcp pool`, which is another command.
                        WHOLE => n.key == canonical || (n.is_of(order) && n.begins_with(&canonical)),
                        _ => n.key == key,
                    });
                    body.remove(|n| n.key == negation);
                    if sign == Sign::No && command.no_shown && (!gone || command.keyed == 0) {
                        let line = format!("no {canonical}");
                        body.put(Node::new(order, negation, line, None));
                    }
                }
            }
        }
        if mode.paste {
            let new = appear.iter().map(|(h, _)| h).filter(|h| self.tree.position(h, usize::MAX).is_none());
            mode.made.extend(new.cloned());
        }
        self.hardware(appear, vanish);
        Ok(notice)
    }

    /// Takes back what another command with the same words has set: `dial-type mf` comes in place of `dial-type pulse`. Gives
    /// the configuration before, for a line that is refused after all.
    fn displace(&mut self, mode: &Mode, found: &Found, command: &Command, syntax: &Syntax) -> Option<Config> {
        let words = matcher::identity(command, syntax).min(found.args.words.len());
        let key = found.args.join(words);
        let body = body_mut(&mut self.tree, &mode.frames)?;
        let at = body.position(&key, usize::MAX)?;
        let line = body.nodes().get(at).map(|n| n.line.clone())?;
        let table = mode.kind().table();
        let input = matcher::words(&line);
        let old = matcher::find(table, &line, &input, false).ok()?;
        let (other, _) = table.command(old.command)?;
        if other.syntax == command.syntax || !matches!(other.apply, Apply::Acted(_)) || other.enters.is_some()
        {
            return None;
        }
        let before = self.clone();
        // What cannot be taken back stays as it is.
        let _ = self.act(mode, &old, other, Sign::Default);
        if let Some(body) = body_mut(&mut self.tree, &mode.frames) {
            body.remove(|n| n.key == key);
        }
        Some(before)
    }

    #[allow(clippy::type_complexity)]
    fn act(
        &mut self,
        mode: &Mode,
        found: &Found,
        command: &Command,
        sign: Sign,
    ) -> Result<(Option<String>, Vec<(String, Vec<String>)>, Vec<String>), ApplyError> {
        let Apply::Acted(apply) = command.apply else { return Ok((None, Vec::new(), Vec::new())) };
        // The default of a setting that is on unless negated is the positive form.
        let no = match sign {
            Sign::Set => false,
            Sign::No => true,
            Sign::Default => !command.no_shown || command.default.is_empty(),
        };
        let mut cx = Cx::new(self, &mode.frames, found, no);
        cx.default = sign == Sign::Default;
        apply(&mut cx)?;
        Ok((cx.notice, cx.appear, cx.vanish))
    }

    /// Brings a D channel interface back to its defaults.
    fn blank_serial(&mut self, header: &str) {
        let name = header.strip_prefix("interface Serial");
        if let Some(serial) = self.serial_interfaces.iter_mut().find(|s| Some(s.name.as_str()) == name) {
            serial.protocol_emulate = super::ProtocolEmulate::User;
            serial.switch_type = None;
            serial.timers.clear();
            serial.shutdown = false;
            serial.trunk_groups.clear();
        }
    }

    /// Lets the sections appear and vanish that come with hardware: a `pri-group` makes an interface and a port.
    fn hardware(&mut self, appear: Vec<(String, Vec<String>)>, vanish: Vec<String>) {
        for (header, lines) in appear {
            if self.tree.position(&header, usize::MAX).is_some() {
                continue;
            }
            let mut mode = Mode::global();
            for line in std::iter::once(header).chain(lines) {
                // These lines are our own; one that the grammar refused would only be missing from the section.
                let _ = self.apply_line(&mut mode, &line);
            }
        }
        for header in vanish {
            let _ = self.apply_line(&mut Mode::global(), &format!("no {header}"));
        }
    }

    fn open_text(&mut self, mode: &mut Mode, found: &Found, order: Order) {
        let Some(text) = found.args.argument(0) else { return };
        let delimiter = if text.starts_with("^C") {
            "^C".to_owned()
        } else {
            text.chars().next().map(String::from).unwrap_or_default()
        };
        let rest = text.get(delimiter.len()..).unwrap_or("");
        let key = found.args.join(2);
        let block = TextBlock {
            head: key.clone(),
            key,
            order,
            delimiter: delimiter.clone(),
            lines: vec![rest.to_owned()],
        };
        match rest.find(&delimiter) {
            Some(end) => {
                let lines = vec![rest.get(..end).unwrap_or("").to_owned()];
                self.close_text(TextBlock { lines, ..block });
            }
            None => {
                // Shown once it is complete.
                self.tree.remove(|n| n.key == block.key);
                self.access.set_banner(&block.key, None);
                mode.text = Some(block);
            }
        }
    }

    fn text_line(&mut self, mode: &mut Mode, line: &str) -> LineOutcome {
        let Some(mut block) = mode.text.take() else { return LineOutcome::Empty };
        match line.find(&block.delimiter) {
            Some(end) => {
                block.lines.push(line.get(..end).unwrap_or("").to_owned());
                self.close_text(block);
            }
            None if block.lines.len() >= MAX_TEXT_LINES => self.close_text(block),
            None => {
                block.lines.push(line.to_owned());
                mode.text = Some(block);
            }
        }
        LineOutcome::Acted { notice: None }
    }

    fn close_text(&mut self, block: TextBlock) {
        // Shown with the two characters `^C`, as a router does, whatever the delimiter was.
        let text: String =
            block.lines.join("\n").chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
        let text = text.replace("^C", "");
        let line = format!("{} ^C{text}^C", block.head);
        self.access.set_banner(&block.key, Some(text));
        self.tree.put(Node::new(block.order, block.key, line, None));
    }
}

/// The column of `line` that became column `shown` when each ^C became two characters.
fn column_before_shown(line: &str, shown: usize) -> usize {
    let mut at = 0;
    for (column, c) in line.char_indices() {
        if at >= shown {
            return column;
        }
        at += if c == CONTROL_C { 2 } else { c.len_utf8() };
    }
    line.len()
}

/// The line with its password turned into type 7, for a setting that has no way of its own to show it: neither the text nor
/// the model may have it in clear. `None` if there is none in the line.
fn concealed(table: &Table, found: &Found, command: &Command) -> Option<Found> {
    if command.show.is_some() {
        return None;
    }
    let line = crate::secret::conceal(&found.args.canonical())?;
    let hidden = matcher::find(table, &line, &matcher::words(&line), false).ok()?;
    (hidden.command == found.command).then_some(hidden)
}

/// Rows that a router prints around a configuration.
fn is_dump_header(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("Building configuration")
        || line.starts_with("Current configuration")
        || line.starts_with("Using ")
}

/// Commands of EXEC mode beyond those that this gateway has.
fn is_exec_word(input: &[Typed<'_>]) -> bool {
    const WORDS: &[&str] =
        &["show", "copy", "write", "ping", "debug", "undebug", "clear", "reload", "erase", "dir", "delete"];
    input.first().is_some_and(|w| WORDS.iter().any(|name| w.text.eq_ignore_ascii_case(name)))
}

fn is_banner(command: &Command) -> bool {
    command.syntax.starts_with("banner ")
}

/// A row of a certificate or of a key in hexadecimal.
fn is_hex(line: &str) -> bool {
    line.split_whitespace().all(|w| w.len() >= 2 && w.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_builtin(input: &[Typed<'_>]) -> bool {
    let word = input.first().map_or("", |w| w.text);
    let alone = input.len() == 1;
    (alone && (word.eq_ignore_ascii_case("exit") || word.eq_ignore_ascii_case("end")))
        || (!alone && word.eq_ignore_ascii_case("do"))
}

fn body_mut<'a>(tree: &'a mut Body, frames: &[Frame]) -> Option<&'a mut Body> {
    let mut body = tree;
    for frame in frames {
        let at = body.position(&frame.key, frame.hint)?;
        body = body.inner_mut(at)?;
    }
    Some(body)
}

fn locate(error: ApplyError, found: &Found, line: &str) -> LineError {
    match error {
        ApplyError::Text(text) => LineError { column: None, kind: LineErrorKind::Text(text) },
        ApplyError::Incomplete => LineError { column: None, kind: LineErrorKind::Incomplete },
        ApplyError::Argument(n) => {
            let word = found.args.words.iter().filter(|w| !w.is_keyword()).nth(n).map_or(0, |w| w.word);
            let typed = matcher::words(line);
            let skip = usize::from(typed.first().is_some_and(|w| {
                w.text.eq_ignore_ascii_case("no") || w.text.eq_ignore_ascii_case("default")
            }));
            let column = typed.get(word + skip).map(|w| w.column);
            LineError { column, kind: LineErrorKind::Invalid }
        }
    }
}
