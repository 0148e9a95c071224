//! The same through FRR's vtysh, in front of a zebra of our own that touches nothing of the host.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{Outcome, say};

const LINES: usize = 10_000;
const ROUNDS: usize = 3;

struct Zebra(Child);

impl Drop for Zebra {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Rows of the table; none where FRR is not installed.
pub(super) fn bench(scratch: &Path) -> Outcome<Vec<(String, String)>> {
    let zebra = Path::new("/usr/lib/frr/zebra");
    if !zebra.exists() {
        say("bench config: FRR is not installed (apt-get install frr): no figures beside ours");
        return Ok(Vec::new());
    }
    let folder = scratch.join("frr");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    // FRR's programs give up root; what they write must let them.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    for place in [scratch, &folder] {
        std::fs::set_permissions(place, std::fs::Permissions::clone(&open)).map_err(|e| e.to_string())?;
    }
    for name in ["zebra.conf", "vtysh.conf"] {
        std::fs::write(folder.join(name), "hostname bench\n").map_err(|e| e.to_string())?;
    }
    let path = |name: &str| folder.join(name).display().to_string();
    let child = Command::new(zebra)
        .args(["-f", &path("zebra.conf"), "-i", &path("zebra.pid"), "-z", &path("zserv.api"), "-P", "0"])
        .args(["--vty_socket", &folder.display().to_string(), "--log", "stdout"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("zebra: {e}"))?;
    let _zebra = Zebra(child);
    let vtysh = |args: &[&str]| -> Outcome<(Duration, String)> {
        let mut vtysh = Command::new("vtysh");
        vtysh.args([
            "--vty_socket",
            &folder.display().to_string(),
            "--config_dir",
            &folder.display().to_string(),
        ]);
        let started = Instant::now();
        let out = vtysh.args(args).stdin(Stdio::null()).output().map_err(|e| format!("vtysh: {e}"))?;
        let took = started.elapsed();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        match out.status.success() {
            true => Ok((took, text)),
            false => Err(format!("vtysh {args:?}: {text}{}", String::from_utf8_lossy(&out.stderr))),
        }
    };
    let end = Instant::now() + Duration::from_secs(10);
    while let Err(why) = vtysh(&["-c", "show version"]) {
        if Instant::now() > end {
            return Err(why);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let file = folder.join("large.conf");
    std::fs::write(&file, configuration()).map_err(|e| e.to_string())?;
    let file = file.display().to_string();
    let mut least = [Duration::MAX; 4];
    let mut shown = 0;
    for round in 0..ROUNDS {
        let line = format!("ip prefix-list one seq {} permit 192.0.2.0/24", round + 1);
        let runs: [&[&str]; 4] = [
            &["-f", &file],
            &["-c", "show running-config"],
            &["-c", "configure terminal", "-c", &line],
            &["-c", "show history"],
        ];
        for (least, run) in least.iter_mut().zip(runs) {
            let (took, text) = vtysh(run)?;
            *least = took.min(*least);
            shown = shown.max(text.lines().count());
        }
    }
    if shown < LINES / 2 {
        return Err(format!("vtysh shows {shown} lines of {LINES}"));
    }
    let what = [
        "FRR: vtysh -f with 10,000 lines of route maps",
        "FRR: vtysh -c 'show running-config' of it",
        "FRR: vtysh, one line changed",
        "FRR: vtysh, one command that asks no daemon",
    ];
    Ok(what
        .iter()
        .zip(least)
        .map(|(what, took)| ((*what).to_owned(), format!("{:.2} ms", took.as_secs_f64() * 1e3)))
        .collect())
}

/// Sections of four lines, as dial peers have them.
fn configuration() -> String {
    let mut text = String::new();
    for n in 1..=LINES / 4 {
        let _ = write!(
            text,
            "route-map bench permit {n}\n description entry {n}\n match tag {n}\n set metric {n}\n"
        );
    }
    text
}
