//! `tipringd demo`: the main job and a call, on simulated telephones and a simulated PBX, with nothing but loopback.
//!
//! The gateway is the real one with `examples/branch.cfg`; the voice mail is a few lines that send NOTIFY by UDP. What
//! is printed is what was measured: SIP messages and QSIG as the debug commands print them, lamps as the PBX and the
//! telephone have them, tones as an ear without knowledge of the tone tables hears them.

mod call;
pub mod listen;
mod terminal;
mod voicemail;

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use cli::session::{Action, DebugTopic, Exec, Show};
use tokio::sync::{broadcast, oneshot};

use crate::console::{Caller, Command};
use crate::hardware::{Hardware, HardwareError};
use crate::run::{Gateway, RunError, Setup, start};
use voicemail::VoiceMail;

/// The configuration the demonstration starts with.
const BRANCH: &str = include_str!("../../../examples/branch.cfg");
/// Its hardware.
const HARDWARE: &str = "\
[[fxs]]
port = \"2/0\"
backend = \"sim\"
[[fxs]]
port = \"2/1\"
backend = \"sim\"
[[pri]]
controller = \"E1 1/0\"
backend = \"sim\"
";
/// No step takes longer than this, or it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The gateway did not start.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A socket, file or the terminal.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that should have happened did not.
    #[error("step {step:?}: {why}")]
    Step {
        /// Which step.
        step: &'static str,
        /// What was expected and what came.
        why: String,
    },
}

impl From<HardwareError> for DemoError {
    fn from(error: HardwareError) -> Self {
        Self::Run(error.into())
    }
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> DemoError {
    move |source| DemoError::Io { what, source }
}

/// Runs the demonstration; leaves the user at the console if there is a terminal and `json` is off.
///
/// # Errors
/// The first step that did not happen.
pub fn run(json: bool) -> Result<(), DemoError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io("tokio runtime"))?;
    let state = TemporaryDirectory::make().map_err(io("state directory"))?;
    runtime.block_on(async {
        let gateway = start(Setup {
            hardware: Hardware::parse(HARDWARE)?,
            config: BRANCH.to_owned(),
            startup: state.path().join("startup-config"),
            state_dir: state.path().to_owned(),
            sip_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            sip_port: Some(0),
            dns: Vec::new(),
            metrics: None,
            terminals: Default::default(),
            keeper: Default::default(),
        })
        .await?;
        let mut show = Stage { gateway, json, out: std::io::stdout() };
        let result = show.play().await;
        if let Err(error) = &result {
            show.report("failed", false, &error.to_string());
        }
        result?;
        if !json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            show.say("The gateway stays up; `exit` ends it. Try: enable, show mwi, show call history voice brief.\n");
            terminal::attach(&state.path().join("console.sock")).await.map_err(io("console"))?;
        }
        Ok(())
    })
}

struct Stage {
    gateway: Gateway,
    json: bool,
    out: std::io::Stdout,
}

impl Stage {
    async fn play(&mut self) -> Result<(), DemoError> {
        self.say("Tipring: from SIP NOTIFY to lamp, on simulated telephones and a simulated QSIG PBX.\n");
        let server = self.sip_address()?;
        let mut voicemail = VoiceMail::connect(server).await.map_err(io("voice mail"))?;
        self.trunk_up().await?;
        self.pbx(&mut voicemail, "4711", true).await?;
        self.tone("dial tone before", "2/0", Duration::from_millis(1200), |heard| {
            heard == "350+440 Hz steady"
        })
        .await?;
        self.notify(&mut voicemail, "message for 8000", "8000", true).await?;
        self.tone("stutter dial tone", "2/0", Duration::from_millis(3000), |heard| {
            heard == "10 x (350+440 Hz, 100 ms on, 100 ms off), then 350+440 Hz steady"
        })
        .await?;
        self.notify(&mut voicemail, "message for 8001", "8001", true).await?;
        self.lamp("lamp of 8001", "2/1", "high_voltage").await?;
        self.endpoints(&["8000", "8001", "4711"], "ON").await?;
        self.pbx(&mut voicemail, "4711", false).await?;
        self.notify(&mut voicemail, "no message for 8000", "8000", false).await?;
        self.tone("dial tone after", "2/0", Duration::from_millis(1200), |heard| {
            heard == "350+440 Hz steady"
        })
        .await?;
        self.endpoints(&["8000", "4711"], "OFF").await?;
        self.call().await?;
        self.report("done", true, "every step happened");
        Ok(())
    }

    fn sip_address(&self) -> Result<SocketAddr, DemoError> {
        let why = || "SIP listens nowhere".to_owned();
        self.gateway.udp.first().copied().ok_or_else(|| DemoError::Step { step: "start", why: why() })
    }

    async fn trunk_up(&mut self) -> Result<(), DemoError> {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.show(Show::IsdnStatus).await?;
            if status.contains("MULTIPLE_FRAME_ESTABLISHED") {
                self.report("trunk up", true, "Serial1/0:15 MULTIPLE_FRAME_ESTABLISHED");
                return Ok(());
            }
            if Instant::now() > end {
                return Err(DemoError::Step { step: "trunk up", why: status });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A NOTIFY for a telephone behind the PBX, with everything the debug commands show of it.
    async fn pbx(
        &mut self,
        voicemail: &mut VoiceMail,
        number: &'static str,
        waiting: bool,
    ) -> Result<(), DemoError> {
        let step = if waiting { "PBX lamp on" } else { "PBX lamp off" };
        let mut monitor = self.gateway.monitor.subscribe();
        for what in [DebugTopic::CcsipMessages, DebugTopic::IsdnQ931] {
            self.command(Exec::Debug { what, on: true }).await?;
        }
        self.notify(voicemail, step, number, waiting).await?;
        self.command(Exec::UndebugAll).await?;
        let trace = drain(&mut monitor);
        self.say(&trace.join("\n"));
        self.say("\n");
        let operation = if waiting { "mWIActivate" } else { "mWIDeactivate" };
        if !trace.iter().any(|line| line.contains(operation)) {
            let why = format!("no {operation} in the decoded D channel");
            return Err(DemoError::Step { step, why });
        }
        let end = Instant::now() + PATIENCE;
        while self.gateway.pbxs.first().and_then(|pbx| pbx.lamp(number)) != Some(waiting) {
            if Instant::now() > end {
                let why = format!("the PBX's lamp of {number} is not {}", on_off(waiting));
                return Err(DemoError::Step { step, why });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.report(step, true, &format!("the PBX has switched the lamp of {number} {}", on_off(waiting)));
        Ok(())
    }

    async fn notify(
        &mut self,
        voicemail: &mut VoiceMail,
        step: &'static str,
        number: &str,
        waiting: bool,
    ) -> Result<(), DemoError> {
        let status = voicemail.notify(number, waiting).await.map_err(io("voice mail"))?;
        let said = format!("NOTIFY Messages-Waiting: {} for {number} answered {status}", yes_no(waiting));
        if !status.starts_with("200") {
            return Err(DemoError::Step { step, why: said });
        }
        self.report(step, true, &said);
        Ok(())
    }

    /// Lifts the handset, listens, and puts it down.
    async fn tone(
        &mut self,
        step: &'static str,
        port: &str,
        time: Duration,
        expected: impl Fn(&str) -> bool,
    ) -> Result<(), DemoError> {
        let phone = self.gateway.plant.phone(port);
        let phone = phone.map_err(|e| DemoError::Step { step, why: e.to_string() })?;
        let problem = |e: telephony_hal::sim::PlantError| DemoError::Step { step, why: e.to_string() };
        phone.off_hook().map_err(problem)?;
        phone.capture_start();
        tokio::time::sleep(time).await;
        let heard = phone.capture_stop();
        phone.on_hook().map_err(problem)?;
        let end = Instant::now() + PATIENCE;
        while !self
            .show(Show::VoicePort { port: Some(port.to_owned()), summary: false })
            .await?
            .contains("DORMANT")
        {
            if Instant::now() > end {
                return Err(DemoError::Step { step, why: format!("{port} is not idle after on hook") });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let words = listen::describe(trim(&heard));
        if !expected(&words) {
            return Err(DemoError::Step { step, why: format!("heard on {port}: {words}") });
        }
        self.report(step, true, &format!("the telephone on {port} hears {words}"));
        Ok(())
    }

    async fn lamp(&mut self, step: &'static str, port: &str, expected: &str) -> Result<(), DemoError> {
        let end = Instant::now() + PATIENCE;
        loop {
            let phone = self.gateway.plant.phone(port);
            let status = phone.map_err(|e| DemoError::Step { step, why: e.to_string() })?.status();
            let lamp = serde_json::to_value(status.lamp).unwrap_or_default();
            if lamp == expected {
                self.report(step, true, &format!("the lamp of the telephone on {port} is lit ({expected})"));
                return Ok(());
            }
            if Instant::now() > end {
                return Err(DemoError::Step { step, why: format!("the lamp on {port} is {lamp}") });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn endpoints(&mut self, numbers: &[&str], state: &str) -> Result<(), DemoError> {
        let step = "show sip-ua mwi";
        let text = self.show(Show::SipUaMwi).await?;
        self.say(&format!("Router# show sip-ua mwi\n{text}"));
        for number in numbers {
            let row = format!("endpoint {number} mwi status {state}");
            if !text.lines().any(|line| line == row) {
                return Err(DemoError::Step { step, why: format!("{row:?} is not in\n{text}") });
            }
        }
        self.report(step, true, &format!("endpoints {} {state}", numbers.join(", ")));
        Ok(())
    }

    async fn show(&self, show: Show) -> Result<String, DemoError> {
        self.command(Exec::Show(show)).await
    }

    async fn command(&self, exec: Exec) -> Result<String, DemoError> {
        let gone = || DemoError::Step { step: "console", why: "the gateway has ended".to_owned() };
        let (reply, answer) = oneshot::channel();
        let command = Command::Do { action: Action::Exec(exec), caller: Caller::default(), reply };
        self.gateway.commands.send(command).await.map_err(|_| gone())?;
        Ok(answer.await.map_err(|_| gone())?.text)
    }

    fn report(&mut self, step: &str, ok: bool, detail: &str) {
        let line = if self.json {
            serde_json::json!({ "step": step, "ok": ok, "detail": detail }).to_string()
        } else {
            format!("[{}] {step}: {detail}", if ok { "ok" } else { "FAILED" })
        };
        // A reader that has left does not stop the demonstration.
        let _ = writeln!(self.out, "{line}");
    }

    fn say(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(self.out, "{text}");
        }
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// Without the silence before the tone: the time until the exchange noticed the handset.
fn trim(heard: &[i16]) -> &[i16] {
    let first = heard.iter().position(|s| s.unsigned_abs() > 200).unwrap_or(0);
    heard.get(first..).unwrap_or_default()
}

fn drain(monitor: &mut broadcast::Receiver<String>) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match monitor.try_recv() {
            Ok(line) => lines.push(line),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return lines,
        }
    }
}

/// A directory that is removed with everything in it.
struct TemporaryDirectory(std::path::PathBuf);

impl TemporaryDirectory {
    fn make() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tipring-demo-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
