//! Set-up of a fresh Debian machine: packages, cargo-deny, the test peers.

use std::process::{Command, Stdio};

use crate::shell::{Outcome, cargo, read, run, say};

/// Debian packages the tests need, and what for.
const PACKAGES: &[(&str, &str)] = &[
    ("sip-tester", "SIPp, the voice mail of the tests"),
    ("baresip-core", "a telephone"),
    ("kamailio", "a proxy between user agents"),
    ("kamailio-presence-modules", "a server of message-summary subscriptions"),
    ("tshark", "reads the D channel"),
    ("libpri-dev", "the PBX of the tests"),
    ("libspandsp-dev", "the ears of the tests"),
    ("libtiff-dev", "the pages of fax tests"),
    ("sox", "the ears' own tests"),
    ("minimodem", "second ears for FSK"),
    ("multimon-ng", "second ears for FSK and DTMF"),
    ("gcc", "builds PBX and ears"),
    ("g++", "builds libFuzzer"),
    ("make", "builds PBX and ears"),
    ("openssl", "the other end of TLS"),
    ("atftpd", "the server of copies by TFTP"),
    ("python3-pyftpdlib", "the server of copies by FTP"),
    ("python3", "the PBX's own tests, netmiko"),
    ("python3-venv", "where netmiko is installed"),
    ("openssh-client", "comes in by SSH"),
    ("valgrind", "counts instructions in benchmarks"),
    ("qemu-system-x86", "the guest with a kernel of its own"),
    ("busybox-static", "the guest's first program"),
    ("cpio", "packs the guest's first file system"),
    ("kmod", "loads modules in the guest"),
    ("linux-headers-amd64", "DAHDI is built against them, for the guest"),
    ("dahdi-source", "the kernel's telephony boards"),
    // named together with dahdi-source, which keeps dahdi-dkms away
    ("dahdi", "configures them"),
    ("dkms", "builds the driver's package"),
    ("sparse", "reads the driver's source"),
    ("iproute2", "the guest's loopback"),
    ("systemd", "checks the package's unit"),
    ("udev", "applies the package's rule"),
    ("binutils", "strips what is packed"),
    ("zsh", "completes the programs' options"),
    ("fish", "completes the programs' options"),
];

/// How much to set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What `cargo xtask test` needs.
    Tests,
    /// That and what `cargo xtask ci` needs.
    Everything,
}

/// Makes the machine ready, or with `check` says what is missing.
pub(crate) fn setup(scope: Scope, check: bool) -> Outcome {
    let missing = missing_packages()?;
    if !missing.is_empty() {
        let line = format!("apt-get update && apt-get install -y {}", missing.join(" "));
        if check || !nix::unistd::geteuid().is_root() {
            return Err(format!("these Debian packages are missing; as root, type\n\n    {line}\n"));
        }
        install(&missing).map_err(|why| format!("{why}\nby hand: {line}"))?;
        let still = missing_packages()?;
        if !still.is_empty() {
            return Err(format!("apt-get left {} uninstalled; by hand: {line}", still.join(" ")));
        }
    }
    if scope == Scope::Everything && read(Command::new("cargo").args(["deny", "--version"])).is_err() {
        if check {
            return Err("cargo-deny is missing; type\n\n    cargo install --locked cargo-deny\n".into());
        }
        run(cargo().args(["install", "--locked", "cargo-deny"]).env_remove("CARGO_TARGET_DIR"))?;
    }
    if !check {
        system_tests::build_peers()?;
        // kernel image, DAHDI's modules: kept in the user's cache, made once
        run(Command::new(system_tests::workspace_root().join("tests/guest/setup.sh")).arg("--no-apt"))?;
        system_tests::python()?;
    }
    Ok(())
}

fn missing_packages() -> Outcome<Vec<&'static str>> {
    let mut missing = Vec::new();
    for &(package, _) in PACKAGES {
        let asked = Command::new("dpkg-query")
            .args(["-W", "-f=${db:Status-Status}", package])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| {
                let all: Vec<String> = PACKAGES.iter().map(|(p, why)| format!("    {p}: {why}")).collect();
                format!("dpkg-query: {e}\nThe tests need a Debian system with\n{}", all.join("\n"))
            })?;
        if asked.stdout != b"installed" {
            missing.push(package);
        }
    }
    Ok(missing)
}

fn install(packages: &[&str]) -> Outcome {
    say(&format!("installing {}", packages.join(", ")));
    let apt = || {
        let mut apt = Command::new("apt-get");
        // wireshark-common asks who may capture; the default (root alone) suits us
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        apt.args(["-y", "-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"]);
        apt
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "--no-install-recommends"]).args(packages))
}
