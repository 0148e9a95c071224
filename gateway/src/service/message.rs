//! The catalogue of log lines: every `%FACILITY-SEVERITY-MNEMONIC` that the gateway writes stands here, and nowhere else.
//! `docs/messages.md` is written from it.
//!
//! This file stands on the standard library alone: the programs that write the manual read it too.

use std::fmt::{self, Display};

/// A row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who speaks: `SIP`.
    pub facility: &'static str,
    /// 0 (the system is unusable) to 7 (debugging), as syslog has them.
    pub severity: u8,
    /// What it is about: `LISTEN`.
    pub mnemonic: &'static str,
    /// The text, with the names of what varies in braces.
    pub text: &'static str,
    /// What has happened, and what to do about it.
    pub meaning: &'static str,
}

/// A line that went through the catalogue, without number and time stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    severity: u8,
    text: String,
}

impl LogLine {
    /// 0 to 7.
    #[must_use]
    pub fn severity(&self) -> u8 {
        self.severity
    }

    /// `%FACILITY-SEVERITY-MNEMONIC: text`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<Message<'_>> for LogLine {
    fn from(message: Message<'_>) -> Self {
        Self { severity: message.severity(), text: message.to_string() }
    }
}

macro_rules! messages {
    ($($(#[doc = $meaning:literal])+ $name:ident { $($field:ident),* } $facility:literal $severity:literal $mnemonic:literal $text:literal;)+) => {
        /// A line of the log, with what varies in it.
        #[derive(Clone, Copy)]
        pub enum Message<'a> {
            $($(#[doc = $meaning])+ #[allow(missing_docs)] $name { $($field: &'a dyn Display),* },)+
        }

        /// Every message, in the order of facilities.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            facility: $facility, severity: $severity, mnemonic: $mnemonic, text: $text, meaning: concat!($($meaning),+),
        },)+];

        impl Message<'_> {
            /// 0 to 7.
            #[must_use]
            pub fn severity(&self) -> u8 {
                match self { $(Message::$name { .. } => $severity,)+ }
            }
        }

        impl Display for Message<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Message::$name { $($field),* } => {
                        f.write_str(concat!("%", $facility, "-", $severity, "-", $mnemonic, ": "))?;
                        write!(f, $text)
                    })+
                }
            }
        }
    };
}

messages! {
    /// A copy of the running configuration could not be saved into the archive. Look at `archive`, `path` and the free space.
    ArchiveWrite { why } "ARCHIVE" 3 "WRITE" "{why}";
    /// Somebody confirmed a change that would have been taken back.
    ChangeConfirmed { user } "ARCHIVE_DIFF" 5 "ROLLBK_CNFMD_CHG_CONFIRM" "User: {user}: Confirmed the change";
    /// Somebody took back a change before its time was up.
    ChangeRolledBack { user } "ARCHIVE_DIFF" 5 "ROLLBK_CNFMD_CHG_ROLLBACK_START" "User: {user}: Rolled back";
    /// Nobody confirmed a change in time: the configuration before it is back.
    ChangeNotConfirmed {} "ARCHIVE_DIFF" 5 "ROLLBK_CNFMD_CHG_ROLLBACK_START" "not confirmed in time, rolled back";
    /// A change will be taken back unless `configure confirm` comes.
    ChangeScheduled { user, minutes } "ARCHIVE_DIFF" 5 "ROLLBK_CNFMD_CHG_START_ABSTIMER" "User: {user}: Scheduled to rollback in {minutes} minutes";
    /// The threads that move the audio of boards run without real-time priority, and may be late when the machine is busy. Allow
    /// it (`LimitRTPRIO=` of the service, CAP_SYS_NICE), or set `audio-priority = 0` in `hardware.toml`.
    AudioPriority { priority, error } "AUDIO" 4 "PRIORITY" "real-time priority {priority} of the boards' audio: {error}";
    /// A call was refused since the dial peer has as many as its `max-conn` allows.
    MaxConnections { peer } "CALL_CONTROL" 6 "MAX_CONNECTIONS" "Maximum number of connections reached for dial-peer {peer}";
    /// `clear counters`: `show interfaces` counts anew.
    CountersCleared { which, by } "CLEAR" 5 "COUNTERS" "Clear counter on {which} by {by}";
    /// The terminal that shows this took lines so slowly that some were lost; the log buffer has them.
    ConsoleLost { lost } "CONSOLE" 4 "LOST" "{lost} lines were lost on this console";
    /// The local console's socket takes no connection for the moment.
    ConsoleAccept { error } "CONSOLE" 4 "ACCEPT" "{error}";
    /// The D channel's device gives errors. Look at the board and its driver.
    ControllerDevice { controller, error } "CONTROLLER" 4 "DEVICE" "Controller {controller}: {error}";
    /// A board is not set as the configuration says; the board's setting counts. Change `/etc/dahdi/system.conf` and run `dahdi_cfg`,
    /// or the configuration.
    ControllerSetting { controller, difference } "CONTROLLER" 4 "SETTING" "Controller {controller}: {difference}";
    /// Layer 1 of a trunk came or went.
    ControllerUpDown { controller, state } "CONTROLLER" 5 "UPDOWN" "Controller {controller}, changed state to {state}";
    /// A fax wants T.38 at a telephone or trunk, and there is no `libspandsp.so.2` with the modems for it: the call stays audio.
    FaxNoModems {} "FAX" 4 "NOMODEMS" "T.38 refused: libspandsp is not installed";
    /// The data link to the PBX was lost. Calls in progress go on for a while.
    Layer2Down { port } "ISDN" 6 "LAYER2DOWN" "Layer 2 for Interface Se{port}, TEI 0 changed to down";
    /// The data link to the PBX was established.
    Layer2Up { port } "ISDN" 6 "LAYER2UP" "Layer 2 for Interface Se{port}, TEI 0 changed to up";
    /// The serial port of the console refuses a setting of `line con 0`; the old one stays.
    LineSetting { error } "LINE" 4 "SETTING" "line con 0: {error}";
    /// The serial port of the console is gone: a USB adapter was pulled out, for instance.
    ConsoleGone { tty } "LINEPROTO" 4 "UPDOWN" "console {tty} is gone";
    /// The serial port of the console cannot be opened; it is tried again every second.
    ConsoleMissing { tty, error } "LINEPROTO" 4 "UPDOWN" "console {tty}: {error}";
    /// The serial port of the console is there again.
    ConsoleBack { tty } "LINEPROTO" 5 "UPDOWN" "console {tty} is back";
    /// A voice port went into `busyout`, its board was pulled out, or it came back.
    PortUpDown { kind, name, state } "LINK" 3 "UPDOWN" "Interface Foreign Exchange {kind} {name}, changed state to {state}";
    /// A voice port's channel cannot be opened: the board, its driver or its line in `system.conf` is missing, or another program
    /// has it. The port is down, and tried every second.
    PortDevice { port, error } "LINK" 4 "DEVICE" "voice-port {port}: {error}";
    /// `hardware.toml` leaves a port's echo to its board, and no canceller is attached to the channel (`echocanceller=` of
    /// `/etc/dahdi/system.conf`): the gateway cancels it.
    PortNoCanceller { port } "LINK" 4 "ECHOCANCEL" "voice-port {port}: its board has no echo canceller, ours is used";
    /// A server refuses our NOTIFY about a telephone behind it. 403: its trunk has to accept unsolicited notifications. It is told
    /// again when the state changes.
    MwiNotifyRefused { server, number, status } "MWI" 4 "NOTIFYREFUSED" "{server} refused the NOTIFY for {number}: {status}";
    /// The PBX was asked what waits for a telephone and has no such service.
    MwiNoInterrogate { port } "MWI" 4 "NOINTERROGATE" "the PBX on trunk {port} cannot be asked what waits";
    /// The PBX does not know message waiting; `show mwi` has the mailboxes it concerns.
    MwiUnsupported { port } "MWI" 4 "UNSUPPORTED" "the PBX on trunk {port} has no message waiting service";
    /// A lamp that was switched by hand: how it ended.
    MwiByHand { number, words } "MWI" 6 "BYHAND" "{number}: {words}";
    /// Lamps that were switched by hand: how many ended well.
    MwiByHandDone { well, failed } "MWI" 6 "BYHAND" "{well} done, {failed} failed, nothing left to tell";
    /// A line of configuration was entered: `log config` with `notify syslog`.
    ConfigLogged { user, line } "PARSER" 5 "CFGLOG_LOGGEDCMD" "User:{user}  logged command:{line}";
    /// The certificate or key of a trustpoint cannot be read. The files are below `pki/` in the state directory.
    PkiTrustpoint { name, why } "PKI" 3 "TRUSTPOINT" "{name}: {why}; TLS is not spoken";
    /// No UDP ports are left for audio: the range is too small, or somebody else has them.
    RtpPorts { low, high, address, error } "RTP" 3 "PORTS" "no pair of UDP ports in {low}-{high} on {address}: {error}";
    /// Too many logins failed: `login block-for` lets nobody in for a while.
    QuietMode { user, from, seconds } "SEC_LOGIN" 1 "QUIET_MODE_ON" "Still timeleft for watching failures is 0 secs, [user: {user}] [Source: {from}], nobody is let in for {seconds} seconds";
    /// A name or password was wrong.
    LoginFailed { user, from } "SEC_LOGIN" 4 "LOGIN_FAILED" "Login failed [user: {user}] [Source: {from}] [Reason: Login Authentication Failed]";
    /// Somebody logged in over the network.
    LoginSuccess { user, from } "SEC_LOGIN" 5 "LOGIN_SUCCESS" "Login Success [user: {user}] [Source: {from}]";
    /// Somebody logged in at a terminal line.
    LineLoginSuccess { user, line } "SEC_LOGIN" 5 "LOGIN_SUCCESS" "Login Success [user: {user}] [line: {line}]";
    /// SIP cannot be spoken on the new address nor on the old one. Another program has the port.
    SipNotSpoken { what, error } "SIP" 2 "LISTEN" "{what}: {error}; SIP is not spoken";
    /// The SIP sockets have ended, and the gateway with them.
    SipTransport {} "SIP" 2 "TRANSPORT" "the SIP sockets are gone";
    /// The host's resolver cannot be used: dial peers with `dns:` targets lead nowhere.
    SipNoDns { error } "SIP" 3 "DNS" "{error}: names of servers are not looked up";
    /// SIP cannot be spoken on the address or port that was just configured.
    SipOldAddress { what, error } "SIP" 3 "LISTEN" "{what}: {error}; the old address stays in use";
    /// `bind` names an interface whose address this host does not have.
    SipBind { address, fallback } "SIP" 4 "BIND" "{address} is no address of this host, listening on {fallback}";
    /// A `dns:` target is no name that could be looked up.
    SipNoName { name } "SIP" 4 "DNS" "{name} is no name of a server";
    /// The DNS gave no answer for a server; it is asked again.
    SipLookup { name, error } "SIP" 4 "DNS" "{name}: {error}";
    /// The DNS knows no address for a server; it is asked again.
    SipNowhere { name } "SIP" 4 "DNS" "{name} leads nowhere";
    /// A TLS connection could not be made: a certificate, most of the time.
    SipTls { remote, error } "SIP" 4 "TLS" "{remote}: {error}";
    /// A server began or ceased to answer OPTIONS: its dial peers are used again, or not.
    SipKeepalive { whose, server, state } "SIP" 5 "KEEPALIVE" "{whose}: {server} is {state}";
    /// SIP is spoken on other addresses now.
    SipListen { addresses } "SIP" 5 "LISTEN" "SIP listens on {addresses}";
    /// The serial line to a PBX's SMDI port cannot be opened or was lost; it is tried again every second.
    SmdiTty { tty, error } "SMDI" 4 "TTY" "{tty}: {error}";
    /// An SMDI line came or went.
    SmdiUpDown { name, state } "SMDI" 5 "UPDOWN" "SMDI line {name}, changed state to {state}";
    /// The PBX told of a call that went to voice mail.
    SmdiCall { name, words } "SMDI" 6 "CALL" "{name}: {words}";
    /// SSH or telnet cannot be served: another program has the port, or the host key cannot be read.
    TerminalsListen { error } "SSH" 3 "LISTEN" "terminals: {error}";
    /// The state of mailboxes or subscriptions could not be written to disk; a NOTIFY got 500. Look at the free space.
    StoreWrite { error } "STORE" 2 "WRITE" "mailbox state could not be written: {error}";
    /// The startup configuration is damaged; the one saved before it runs. Look at the lines named above, mend and save.
    ConfigPrevious { file } "SYS" 2 "CONFIG_PREVIOUS" "{file} is used in its place";
    /// A line of the startup configuration was refused; the others, or the configuration saved before, are in use.
    ConfigRefused { file, number, text } "SYS" 3 "CONFIG_REFUSED" "{file} line {number}: {text}";
    /// Somebody changed the configuration.
    Configured { who } "SYS" 5 "CONFIG_I" "Configured from console by {who}";
    /// `reload` at once.
    ReloadRequested {} "SYS" 5 "RELOAD" "Reload requested";
    /// `reload` for which a reason was given.
    ReloadReason { reason } "SYS" 5 "RELOAD" "Reload requested. Reload Reason: {reason}";
    /// The time of `reload in` or `reload at` has come.
    ReloadScheduled {} "SYS" 5 "RELOAD" "Reload as scheduled";
    /// `reload in` or `reload at`.
    ReloadLater { at, by } "SYS" 5 "SCHEDULED_RELOAD" "Reload requested for {at} by {by}";
    /// `reload cancel`.
    ReloadCancelled { at } "SYS" 5 "SCHEDULED_RELOAD_CANCELLED" "Scheduled reload cancelled at {at}";
    /// The gateway was told to end (SIGTERM): it refuses new calls and ends with the last call, or when the time is up
    /// (`--drain`). A second SIGTERM ends it at once.
    Draining { calls, seconds } "SYS" 5 "SHUTDOWN" "Calls under way: {calls}. They have {seconds} seconds to end";
    /// Lines go to a syslog host from now on, or no longer.
    LogHost { host, port, what } "SYS" 6 "LOGGINGHOST_STARTSTOP" "Logging to host {host} port {port} {what} - CLI initiated";
    /// Somebody without rights tried to call: neither a dial peer's target nor on the trusted list.
    TollFraud { from } "VOICE_IEC" 3 "GW" "Application Framework Core: Internal Error (Toll fraud call rejected): IEC=1.1.228.3.31.0 on callID from {from}";
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_every_row_says_what_it_means() {
        let names = |e: &Entry| (e.facility, e.severity, e.mnemonic);
        for pair in CATALOGUE.windows(2) {
            let [one, two] = pair else { continue };
            assert!((one.facility, one.severity) <= (two.facility, two.severity), "{one:?} before {two:?}");
            assert!(names(one) != names(two) || one.text != two.text, "{one:?} twice");
        }
        for entry in CATALOGUE {
            assert!(entry.severity <= 7 && entry.meaning.trim().ends_with('.'), "{entry:?}");
            let upper =
                |word: &str| word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            assert!(upper(entry.facility) && upper(entry.mnemonic), "{entry:?}");
        }
    }

    #[test]
    fn a_message_prints_its_head_and_what_varies() {
        let line = LogLine::from(Message::PortUpDown { kind: &"Station", name: &"2/0", state: &"busyout" });
        assert_eq!(
            (line.severity(), line.text()),
            (3, "%LINK-3-UPDOWN: Interface Foreign Exchange Station 2/0, changed state to busyout")
        );
        assert_eq!(Message::SipTransport {}.to_string(), "%SIP-2-TRANSPORT: the SIP sockets are gone");
    }
}
