//! `cargo xtask deb`: Debian packages of the daemon and its client, and of the board made of software as source for DKMS.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs;
use crate::shell::{Outcome, cargo, read, root, run, say};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which build goes into the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Build {
    /// `cargo build --release`.
    Release,
    /// What `cargo build` has made, as it is: for tests of the packages.
    Debug,
}

/// A package in the making: its tree, and what `dpkg` is told.
struct Package {
    tree: PathBuf,
    scripts: BTreeMap<&'static str, String>,
    conffiles: Vec<&'static str>,
}

/// Builds `tipring_VERSION_ARCH.deb` and `tipring-dkms_VERSION_all.deb` into `out`.
pub(crate) fn deb(build: Build, out: &Path) -> Outcome {
    if build == Build::Release {
        run(cargo().args(["build", "--release", "--locked", "--bin", "tipringd", "--bin", "tipring"]))?;
    }
    let binaries = system_tests::target_dir().join(if build == Build::Release { "release" } else { "debug" });
    fs::create_dir_all(out).map_err(|e| failed(out, &e))?;
    let architecture = read(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned();
    let work = out.join("work");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|e| failed(&work, &e))?;
    }
    let made = [
        gateway(&work.join("tipring"), &binaries)?.pack(out, &gateway_control(&architecture, &binaries)?)?,
        board(&work.join("tipring-dkms"))?.pack(out, &board_control())?,
    ];
    fs::remove_dir_all(&work).map_err(|e| failed(&work, &e))?;
    for package in made {
        println!("{}", package.display());
    }
    Ok(())
}

fn gateway(tree: &Path, binaries: &Path) -> Outcome<Package> {
    let mut package = Package::new(tree);
    package.program(&binaries.join("tipringd"), "usr/sbin/tipringd")?;
    package.program(&binaries.join("tipring"), "usr/bin/tipring")?;
    let here = root().join("xtask/deb");
    for (from, to) in [
        (here.join("tipringd.service"), "lib/systemd/system/tipringd.service"),
        (here.join("tipring.sysusers"), "usr/lib/sysusers.d/tipring.conf"),
        (here.join("hardware.toml"), "etc/tipring/hardware.toml"),
        (
            root().join("kernel-drivers/udev/61-tipring-dahdi.rules"),
            "lib/udev/rules.d/61-tipring-dahdi.rules",
        ),
        (root().join("README.md"), "usr/share/doc/tipring/README.md"),
    ] {
        package.copy(&from, to)?;
    }
    package.conffiles.push("/etc/tipring/hardware.toml");
    for (path, text) in programs::files()? {
        let name = path.rsplit('/').next().unwrap_or_default();
        let to = match name.rsplit_once('.') {
            Some((program, "bash")) => format!("usr/share/bash-completion/completions/{program}"),
            Some((_, "fish")) => format!("usr/share/fish/vendor_completions.d/{name}"),
            Some((_, section)) => format!("usr/share/man/man{section}/{name}"),
            None => format!("usr/share/zsh/vendor-completions/{name}"),
        };
        package.write(&to, &text)?;
        if to.contains("/man/") {
            package.compress(&to)?;
        }
    }
    package.folder(&root().join("examples"), "usr/share/doc/tipring/examples")?;
    package.folder(&root().join("docs/commands"), "usr/share/doc/tipring/commands")?;
    package.copy(&root().join("docs/messages.md"), "usr/share/doc/tipring/messages.md")?;
    package.papers("tipring", "MIT or Apache-2.0, as you choose")?;
    for script in ["postinst", "prerm", "postrm"] {
        package.scripts.insert(script, text(&here.join(script))?);
    }
    Ok(package)
}

fn gateway_control(architecture: &str, binaries: &Path) -> Outcome<String> {
    Ok(format!(
        "Package: tipring\nVersion: {VERSION}\nArchitecture: {architecture}\nSection: comm\nPriority: optional\n\
         Maintainer: Tipring <tipring@localhost>\nDepends: {}\nRecommends: systemd, udev\nSuggests: dahdi, tipring-dkms\n\
         Description: voice gateway with the CLI of a Cisco IOS router\n \
         Bridges SIP to analogue telephone lines and QSIG trunks, and carries message waiting to both.\n",
        dependencies(&binaries.join("tipringd"))?
    ))
}

/// The C library that the program asks for, by the newest symbol version in it.
fn dependencies(program: &Path) -> Outcome<String> {
    let symbols = read(Command::new("objdump").arg("-T").arg(program))?;
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    });
    let (major, minor) = versions.max().ok_or("objdump -T names no GLIBC version")?;
    // In a container the one program of systemd that makes users is enough.
    Ok(format!("libc6 (>= {major}.{minor}), systemd-standalone-sysusers | systemd-sysusers"))
}

fn board(tree: &Path) -> Outcome<Package> {
    let mut package = Package::new(tree);
    let drivers = root().join("kernel-drivers");
    package.folder(&drivers.join("vline"), &format!("usr/src/tipring-vline-{VERSION}"))?;
    package.copy(
        &drivers.join("modprobe.d/tipring-vline.conf"),
        "usr/share/doc/tipring-dkms/examples/tipring-vline.conf",
    )?;
    package.copy(&drivers.join("README.md"), "usr/share/doc/tipring-dkms/README.md")?;
    package.papers("tipring-dkms", "GPL-2.0-only; the text is in /usr/share/common-licenses/GPL-2")?;
    for (name, file) in [("postinst", "dkms-postinst"), ("prerm", "dkms-prerm")] {
        let script = text(&root().join("xtask/deb").join(file))?;
        package.scripts.insert(name, script.replace("@VERSION@", VERSION));
    }
    Ok(package)
}

fn board_control() -> String {
    format!(
        "Package: tipring-dkms\nVersion: {VERSION}\nArchitecture: all\nSection: kernel\nPriority: optional\n\
         Maintainer: Tipring <tipring@localhost>\nDepends: dkms, dahdi-dkms | dahdi-source\n\
         Description: DAHDI board made of software (source for DKMS)\n \
         Telephone lines and E1 or T1 trunks whose both ends are kernel channels, for tests and demonstrations.\n"
    )
}

impl Package {
    fn new(tree: &Path) -> Self {
        Self { tree: tree.to_owned(), scripts: BTreeMap::new(), conffiles: Vec::new() }
    }

    /// The path of a file to be, its folder made.
    fn place(&self, to: &str) -> Outcome<PathBuf> {
        let path = self.tree.join(to);
        let folder = path.parent().unwrap_or(&self.tree);
        fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        Ok(path)
    }

    fn write(&self, to: &str, text: &str) -> Outcome {
        let path = self.place(to)?;
        fs::write(&path, text).map_err(|e| failed(&path, &e))
    }

    fn copy(&self, from: &Path, to: &str) -> Outcome {
        let path = self.place(to)?;
        fs::copy(from, &path).map(drop).map_err(|e| failed(from, &e))
    }

    /// A program, without its symbols.
    fn program(&self, from: &Path, to: &str) -> Outcome {
        self.copy(from, to)?;
        run(Command::new("strip").arg("--strip-unneeded").arg(self.tree.join(to)))
    }

    fn folder(&self, from: &Path, to: &str) -> Outcome {
        for entry in fs::read_dir(from).map_err(|e| failed(from, &e))? {
            let entry = entry.map_err(|e| failed(from, &e))?;
            let to = format!("{to}/{}", entry.file_name().to_string_lossy());
            match entry.path() {
                path if path.is_dir() => self.folder(&path, &to)?,
                path => self.copy(&path, &to)?,
            }
        }
        Ok(())
    }

    /// Without a time in it, so that the same sources give the same package.
    fn compress(&self, file: &str) -> Outcome {
        run(Command::new("gzip").args(["-9", "-n"]).arg(self.tree.join(file)))
    }

    fn papers(&self, name: &str, licence: &str) -> Outcome {
        let folder = format!("usr/share/doc/{name}");
        self.write(&format!("{folder}/copyright"), &format!("Tipring. Licence: {licence}.\n"))?;
        let changelog = format!("{folder}/changelog");
        self.write(&changelog, &format!("{name} ({VERSION})\n\n  * See the history of the repository.\n"))?;
        self.compress(&changelog)
    }

    /// Writes what `dpkg` wants to know, and packs.
    fn pack(&self, out: &Path, control: &str) -> Outcome<PathBuf> {
        let size: u64 = sizes(&self.tree)?;
        let control = control.replacen(
            "\nDescription:",
            &format!("\nInstalled-Size: {}\nDescription:", size / 1024),
            1,
        );
        self.write("DEBIAN/control", &control)?;
        if !self.conffiles.is_empty() {
            self.write("DEBIAN/conffiles", &format!("{}\n", self.conffiles.join("\n")))?;
        }
        modes(&self.tree)?;
        for (name, script) in &self.scripts {
            let file = format!("DEBIAN/{name}");
            self.write(&file, script)?;
            set_mode(&self.tree.join(file), 0o755)?;
        }
        // Found by apt as repositories name packages.
        let field = |key: &str| {
            let line = control.lines().find_map(|line| line.strip_prefix(key));
            line.map(str::trim).unwrap_or_default().to_owned()
        };
        let name = format!("{}_{VERSION}_{}.deb", field("Package:"), field("Architecture:"));
        let path = out.join(name);
        say(&format!("packing {}", path.display()));
        read(
            Command::new("dpkg-deb")
                .args(["--root-owner-group", "-Zxz", "-z1", "--build"])
                .arg(&self.tree)
                .arg(&path),
        )?;
        Ok(path)
    }
}

fn sizes(folder: &Path) -> Outcome<u64> {
    walk(folder, &mut |path| Ok(fs::metadata(path).map_err(|e| failed(path, &e))?.len()))
}

/// Programs and scripts may be run, everything else be read, whatever the mask of who builds.
fn modes(folder: &Path) -> Outcome {
    set_mode(folder, 0o755)?;
    walk(folder, &mut |path| {
        let mode = fs::metadata(path).map_err(|e| failed(path, &e))?.permissions().mode();
        set_mode(path, if path.is_dir() || mode & 0o100 != 0 { 0o755 } else { 0o644 }).map(|()| 0)
    })
    .map(drop)
}

fn set_mode(path: &Path, mode: u32) -> Outcome {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|e| failed(path, &e))
}

/// The sum of what `each` gives for every file and folder below.
fn walk(folder: &Path, each: &mut impl FnMut(&Path) -> Outcome<u64>) -> Outcome<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).map_err(|e| failed(folder, &e))? {
        let path = entry.map_err(|e| failed(folder, &e))?.path();
        sum += each(&path)?;
        if path.is_dir() {
            sum += walk(&path, each)?;
        }
    }
    Ok(sum)
}

fn text(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|e| failed(path, &e))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
