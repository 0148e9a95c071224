//! Real hardware without hardware: the backend and the gateway on DAHDI's kernel modules, in an emulated guest, with our
//! driver `kernel-drivers/vline` as the board.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use system_tests::{
    Finished, Profile, Value, adsi_decode, build_peers, finish, peer, tone_measure, workspace_root,
};

/// The driver, built once, without a warning of the compiler or of sparse.
fn board() -> &'static Path {
    static BOARD: OnceLock<PathBuf> = OnceLock::new();
    BOARD.get_or_init(|| {
        let guest = workspace_root().join("tests/guest");
        let mut setup = Command::new(guest.join("setup.sh"));
        setup.arg("--no-apt");
        let done = finish(setup, Duration::from_secs(600));
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        let mut build = Command::new(guest.join("build-module.sh"));
        build.arg(workspace_root().join("kernel-drivers/vline")).arg("C=2");
        let built = finish(build, Duration::from_secs(300));
        assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);
        PathBuf::from(built.stdout.trim()).join("dahdi_vline.ko")
    })
}

/// Runs a program in a guest with the board; what it left in `$QD_OUT` comes to `out`.
fn on_board(program: &str, arguments: &str, out: &Path) -> Finished {
    // One at a time: both listen to audio in real time, on an emulated processor.
    static BOARD: Mutex<()> = Mutex::new(());
    let _alone = BOARD.lock().unwrap_or_else(PoisonError::into_inner);
    let configure = "dahdi_cfg -c tests/guest/gateway.conf && sleep 1";
    in_guest(0, &format!("{configure} && TIPRING_BUILT=1 exec {program} {arguments}"), out)
}

/// What has time, beside a guest whose audio has none.
const PATIENT: u8 = 19;

/// A command with so much niceness added.
fn nice(niceness: u8, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nice");
    command.arg(format!("-n{niceness}")).arg(program);
    command
}

/// Runs a script in a guest.
fn in_guest(niceness: u8, script: &str, out: &Path) -> Finished {
    let script = format!("ip link set lo up && {script}");
    let mut guest = nice(niceness, workspace_root().join("tests/guest/run-guest.sh"));
    guest
        .current_dir(workspace_root())
        .args(["-d", "-m"])
        .arg(format!("{} lines=4 e1=1", board().display()))
        .arg("-o")
        .arg(out)
        .args(["--", "bash", "-c", &script]);
    let run = finish(guest, Duration::from_secs(450));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(!run.stdout.contains("FAIL"), "{}", run.stdout);
    run
}

#[test]
fn the_backend_holds_its_contracts_on_the_real_kernel() {
    let out = tempfile::tempdir().unwrap();
    let run = on_board(env!("CARGO_BIN_EXE_dahdi_probe"), "1 5 3 4", out.path());
    assert_eq!(run.stdout.lines().filter(|line| line.starts_with("ok ")).count(), 19, "{}", run.stdout);
}

#[test]
fn the_gateway_works_on_kernel_channels() {
    let out = tempfile::tempdir().unwrap();
    // Built here: the guest has no time to.
    let _ = (Profile::Debug.binaries(), build_peers().unwrap(), peer("libpri_pbx"));
    let run = on_board(env!("CARGO_BIN_EXE_guest"), &board().display().to_string(), out.path());
    assert!(run.stdout.contains("all passed"), "{}", run.stdout);
    let heard = |name: &str| out.path().join(name).with_extension("wav");
    let dial = tone_measure(&heard("dial-tone"));
    assert!(dial.is_dial_tone("us"), "{dial:?}");
    let stutter = tone_measure(&heard("stutter-dial-tone"));
    assert!(stutter.is_message_waiting_tone("us"), "{stutter:?}");
    let caller = adsi_decode(&heard("caller-id")).to_string();
    assert!(caller.contains("\"100\""), "{caller}");
    for (name, on) in [("vmwi-on", true), ("vmwi-off", false), ("vmwi-on-again", true)] {
        let decoded = adsi_decode(&heard(name));
        let messages = decoded.get("messages").and_then(Value::as_array).unwrap();
        let told: Vec<bool> =
            messages.iter().filter_map(|message| message.get("mwi").and_then(Value::as_bool)).collect();
        assert_eq!(told, [on], "{name}: {decoded}");
    }
}

#[test]
fn the_package_installs_runs_and_goes() {
    let out = tempfile::tempdir().unwrap();
    let _ = Profile::Debug.binaries();
    let mut build = nice(PATIENT, std::env::var_os("CARGO").unwrap());
    build
        .args(["run", "--quiet", "--locked", "--package", "xtask", "--", "deb", "--build", "debug", "--out"])
        .arg(out.path())
        .current_dir(workspace_root())
        .env("CARGO_TARGET_DIR", system_tests::target_dir());
    let built = finish(build, Duration::from_secs(600));
    assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);
    let packages: Vec<&str> = built.stdout.lines().collect();
    assert_eq!(packages.len(), 2, "{packages:?}");
    let tree = out.path().join("dkms");
    build_by_dkms(packages[1], &tree);
    let script =
        format!("exec tests/guest/in-guest-deb.sh {} {} {}", packages[0], packages[1], tree.display());
    let run = in_guest(PATIENT, &script, out.path());
    assert_eq!(run.stdout.lines().filter(|line| line.starts_with("ok ")).count(), 28, "{}", run.stdout);
}

/// What DKMS makes of the driver's package, with DAHDI as the guest has it: the guest's processor is too slow for compilers.
fn build_by_dkms(package: &str, tree: &Path) {
    let script = r#"set -e
        . tests/guest/config.sh
        mkdir -p "$2/root" "$2/tree" "$2/installed"
        dpkg-deb -x "$1" "$2/root"
        source=$(basename "$2"/root/usr/src/tipring-vline-*)
        DAHDI=$(qd_dahdi_dir) dkms --dkmstree "$2/tree" --sourcetree "$2/root/usr/src" --installtree "$2/installed" \
            -m tipring-vline -v "${source#tipring-vline-}" -k "$QD_KVER" build"#;
    let mut build = nice(PATIENT, "bash");
    build.args(["-c", script, "dkms", package]).arg(tree).current_dir(workspace_root());
    let built = finish(build, Duration::from_secs(300));
    assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);
}
