//! Files, the archive, and the running configuration as a whole; servers and clients are not ours.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use system_tests::{Finished, Process, Profile, Run, Tipringd, finish, free_port};

const CONFIG: &str = "hostname Branch\nusername admin privilege 15 secret 0 opensesame\n\
    username oper password 0 looking\nip scp server enable\nip domain name branch.example\n\
    archive\n log config\n  logging enable\n path flash:backup\n maximum 3\n write-memory\n\
    line vty 0 4\n login local\n transport input ssh\n";

struct Site {
    gateway: Tipringd,
    ssh: SocketAddr,
}

fn start() -> Site {
    let gateway = Tipringd::start_run(Run {
        config: CONFIG.to_owned(),
        hardware: "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n".to_owned(),
        profile: Profile::Debug,
        args: ["--ssh", "127.0.0.1:0"].map(str::to_owned).to_vec(),
    });
    let log = gateway.log();
    let ssh = log.split_whitespace().find_map(|w| w.strip_prefix("ssh=")).unwrap().parse().unwrap();
    Site { gateway, ssh }
}

impl Site {
    /// OpenSSH's `scp` in the protocol routers speak.
    fn scp(&self, password: &str, from: &str, to: &str) -> Finished {
        let askpass = self.gateway.scratch().join("askpass");
        std::fs::write(&askpass, format!("#!/bin/sh\necho '{password}'\n")).unwrap();
        std::fs::set_permissions(&askpass, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut scp = Command::new("scp");
        scp.args([
            "-O",
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ]);
        scp.args([
            "-o",
            "LogLevel=ERROR",
            "-o",
            "NumberOfPasswordPrompts=1",
            "-o",
            "PubkeyAuthentication=no",
        ]);
        scp.args(["-P", &self.ssh.port().to_string(), from, to]).stdin(std::process::Stdio::null());
        scp.env("DISPLAY", "none").env("SSH_ASKPASS", &askpass).env("SSH_ASKPASS_REQUIRE", "force");
        finish(scp, Duration::from_secs(60))
    }

    /// What a command says that is refused.
    fn refused(&self, command: &str) -> String {
        let run = self.gateway.tipring(&["-c", command]);
        assert_eq!(run.code, Some(1), "{command}: {run:?}");
        run.stdout + &run.stderr
    }

    fn flash(&self, name: &str) -> std::path::PathBuf {
        self.gateway.state_dir().join("flash").join(name)
    }
}

#[test]
fn openssh_copies_files_in_and_out() {
    let it = start();
    let local = it.gateway.scratch().join("one.bin");
    let data: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&local, &data).unwrap();
    let local = local.to_str().unwrap();
    let sent = it.scp("opensesame", local, "admin@127.0.0.1:flash:/one.bin");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(std::fs::read(it.flash("one.bin")).unwrap(), data);
    let back = it.gateway.scratch().join("back.bin");
    let fetched = it.scp("opensesame", "admin@127.0.0.1:flash:/one.bin", back.to_str().unwrap());
    assert_eq!(fetched.code, Some(0), "{fetched:?}");
    assert_eq!(std::fs::read(&back).unwrap(), data);
    // what is not there, where nobody may go, who may not
    let missing = it.scp("opensesame", "admin@127.0.0.1:flash:/two.bin", back.to_str().unwrap());
    assert!(missing.code == Some(1) && missing.stderr.contains("No such file"), "{missing:?}");
    let outside = it.scp("opensesame", local, "admin@127.0.0.1:flash:/../../x");
    assert!(outside.code == Some(1) && outside.stderr.contains("Invalid path"), "{outside:?}");
    let lowly = it.scp("looking", "oper@127.0.0.1:running-config", back.to_str().unwrap());
    assert!(lowly.code == Some(1) && lowly.stderr.contains("Privilege denied"), "{lowly:?}");
    // the running configuration, both ways
    let fetched = it.scp("opensesame", "admin@127.0.0.1:running-config", back.to_str().unwrap());
    assert_eq!(fetched.code, Some(0), "{fetched:?}");
    assert!(std::fs::read_to_string(&back).unwrap().contains("\nhostname Branch\n"));
    std::fs::write(&back, "hostname Harbour\n").unwrap();
    let sent = it.scp("opensesame", back.to_str().unwrap(), "admin@127.0.0.1:running-config");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(it.gateway.show("show running-config").contains("\nhostname Harbour\n"));
    // the client side, from one disk to the other
    let url = format!("scp://admin:opensesame@127.0.0.1:{}/flash:/one.bin", it.ssh.port());
    let copied = it.gateway.show(&format!("copy {url} tmp:two.bin"));
    assert!(copied.contains("[OK - 100000 bytes]") && !copied.contains("opensesame"), "{copied}");
    let url = url.replace("one.bin", "three.bin");
    drop(it.gateway.show(&format!("copy tmp:two.bin {url}")));
    assert_eq!(std::fs::read(it.flash("three.bin")).unwrap(), data);
    // switched off
    let off = it.gateway.scratch().join("off.cfg");
    std::fs::write(&off, "no ip scp server enable\n").unwrap();
    assert_eq!(it.gateway.tipring(&[off.to_str().unwrap()]).code, Some(0));
    let off = it.scp("opensesame", "admin@127.0.0.1:flash:/one.bin", back.to_str().unwrap());
    assert!(off.code == Some(1) && off.stderr.contains("not enabled"), "{off:?}");
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !there() {
        assert!(Instant::now() < end, "{what} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn tftp_server(root: &Path) -> (Process, u16) {
    let port = free_port();
    let mut server = Command::new("atftpd");
    server.args(["--daemon", "--no-fork", "--port", &port.to_string(), "--bind-address", "127.0.0.1"]);
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let group = Command::new("id").arg("-gn").output().unwrap().stdout;
    let name = |octets: Vec<u8>| String::from_utf8(octets).unwrap().trim().to_owned();
    server.args(["--user", &name(user), "--group", &name(group), "--logfile", "-"]).arg(root);
    let (process, ..) = Process::start("atftpd", server);
    wait_for("atftpd", || UdpSocket::bind(("127.0.0.1", port)).is_err());
    (process, port)
}

#[test]
fn copies_go_to_and_come_from_servers() {
    let it = start();
    let root = it.gateway.scratch().join("served");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).unwrap();
    let data: Vec<u8> = (0..70_001_u32).map(|n| (n % 241) as u8).collect();
    std::fs::write(root.join("image.bin"), &data).unwrap();
    std::fs::write(root.join("merge.cfg"), "hostname Harbour\nno such line\n").unwrap();

    let (_tftp, port) = tftp_server(&root);
    let said = it.gateway.show(&format!("copy tftp://127.0.0.1:{port}/image.bin flash:a.bin"));
    assert!(said.contains("70001 bytes copied in "), "{said}");
    assert_eq!(std::fs::read(it.flash("a.bin")).unwrap(), data);
    drop(it.gateway.show(&format!("copy flash:a.bin tftp://127.0.0.1:{port}/b.bin")));
    wait_for("b.bin", || std::fs::read(root.join("b.bin")).is_ok_and(|copy| copy == data));
    let saved = it.gateway.show(&format!("write network tftp://127.0.0.1:{port}/saved.cfg"));
    assert!(saved.contains(" bytes copied in "), "{saved}");
    wait_for("saved.cfg", || {
        std::fs::read_to_string(root.join("saved.cfg"))
            .is_ok_and(|text| text.contains("\nhostname Branch\n") && text.ends_with("end\n"))
    });
    let missing = it.refused(&format!("copy tftp://127.0.0.1:{port}/none flash:none"));
    assert!(
        missing.contains("%Error opening tftp://127.0.0.1:") && missing.contains("not found"),
        "{missing}"
    );

    let (ftp, http) = (free_port(), free_port());
    let serve = |module: &str, port: u16, more: &[&str]| {
        let mut server = Command::new("/usr/bin/python3");
        server.args(["-m", module]).args(more).arg(port.to_string()).current_dir(&root);
        let (process, ..) = Process::start(module, server);
        wait_for(module, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        process
    };
    let _ftp = serve("pyftpdlib", ftp, &["-i", "127.0.0.1", "-w", "-p"]);
    drop(it.gateway.show(&format!("copy ftp://127.0.0.1:{ftp}/image.bin flash:c.bin")));
    assert_eq!(std::fs::read(it.flash("c.bin")).unwrap(), data);
    drop(it.gateway.show(&format!("copy flash:c.bin ftp://127.0.0.1:{ftp}/d.bin")));
    assert_eq!(std::fs::read(root.join("d.bin")).unwrap(), data);
    let missing = it.refused(&format!("copy ftp://127.0.0.1:{ftp}/none flash:none"));
    assert!(missing.contains("(550"), "{missing}");

    let _http = serve("http.server", http, &["--bind", "127.0.0.1"]);
    drop(it.gateway.show(&format!("copy http://127.0.0.1:{http}/image.bin flash:e.bin")));
    assert_eq!(std::fs::read(it.flash("e.bin")).unwrap(), data);
    let missing = it.refused(&format!("copy http://127.0.0.1:{http}/none flash:none"));
    assert!(missing.contains("404"), "{missing}");
    // into the running configuration: what is a line is taken, as on a router
    let merged = it.refused(&format!("copy http://127.0.0.1:{http}/merge.cfg running-config"));
    assert!(
        merged.contains("% Invalid input detected at '^' marker.") && merged.contains("bytes copied"),
        "{merged}"
    );
    assert!(it.gateway.show("show running-config").contains("\nhostname Harbour\n"));
    let stranger = it.refused("copy tftp://no.such.host.invalid/x flash:x");
    assert!(stranger.contains("Unknown host"), "{stranger}");
}

/// Serves files over TLS with Python's own server.
const HTTPS: &str = "import http.server, ssl, sys\n\
    server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)\n\
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
    context.load_cert_chain('cert.pem', 'key.pem')\n\
    server.socket = context.wrap_socket(server.socket, server_side=True)\n\
    server.serve_forever()\n";

#[test]
fn https_is_copied_from_a_server_that_the_trustpoint_believes() {
    let it = start();
    let root = it.gateway.scratch().join("secure");
    std::fs::create_dir(&root).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    std::fs::write(root.join("cert.pem"), params.signed_by(&key, &authority).unwrap().pem()).unwrap();
    std::fs::write(root.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(root.join("one.cfg"), "hostname Secure\n").unwrap();
    let port = free_port();
    let mut server = Command::new("/usr/bin/python3");
    server.args(["-c", HTTPS, &port.to_string()]).current_dir(&root);
    let (_server, ..) = Process::start("https server", server);
    wait_for("https server", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let copy = format!("copy https://localhost:{port}/one.cfg flash:one.cfg");
    // nobody has told the gateway whom to believe
    let refused = it.refused(&copy);
    assert!(refused.contains("%Error opening https://localhost:"), "{refused}");
    let trustpoint = it.gateway.state_dir().join("pki/LAB");
    std::fs::create_dir_all(&trustpoint).unwrap();
    std::fs::write(trustpoint.join("ca.pem"), authority.pem()).unwrap();
    let file = it.gateway.scratch().join("trust.cfg");
    std::fs::write(&file, "ip http client secure-trustpoint LAB\n").unwrap();
    assert_eq!(it.gateway.tipring(&[file.to_str().unwrap()]).code, Some(0));
    let copied = it.gateway.show(&copy);
    assert!(copied.contains("[OK - 16 bytes]"), "{copied}");
    assert_eq!(std::fs::read_to_string(it.flash("one.cfg")).unwrap(), "hostname Secure\n");
    // the certificate is not one for this name
    let other = it.refused(&copy.replace("localhost", "127.0.0.1"));
    assert!(other.contains("%Error opening https://127.0.0.1:"), "{other}");
}

#[test]
fn the_archive_keeps_its_number_of_copies_and_says_what_differs() {
    let it = start();
    let show = |command: &str| it.gateway.show(command);
    assert!(show("show archive").contains("There are currently 0 archive configurations saved."));
    for _ in 0..4 {
        drop(show("archive config"));
    }
    let archive = show("show archive");
    assert!(archive.contains("There are currently 3 archive configurations saved."), "{archive}");
    assert!(archive.contains("will be named flash:backup-<timestamp>-4\n"), "{archive}");
    let newest = archive.lines().find_map(|l| l.strip_suffix(" <- Most Recent")).unwrap();
    let newest = newest.split_whitespace().last().unwrap();
    assert!(newest.starts_with("flash:/backup-") && newest.ends_with("-3"), "{newest}");
    // write memory makes one more, in the background
    drop(show("write memory"));
    it.gateway.show_until("show archive", Duration::from_secs(10), |text| text.contains("<timestamp>-5\n"));

    let mut console = it.gateway.console();
    for line in ["configure terminal", "hostname Harbour", "voice-port 2/0", "mwi", "end"] {
        console.exec(line);
    }
    let differs = show(&format!("show archive config differences {newest}"));
    assert!(
        differs.starts_with("!Contextual Config Diffs:\n+hostname Harbour\n-hostname Branch\n"),
        "{differs}"
    );
    assert!(differs.contains("voice-port 2/0\n +mwi"), "{differs}");
    let log = show("show archive log config all");
    assert!(log.contains("console@console  |hostname Harbour\n") && log.contains("|mwi\n"), "{log}");
    console.exec("configure terminal");
    console.exec("username bob secret 0 hushhush");
    assert!(!show("show archive log config all").contains("hushhush"));
    // back to the copy: what changes, then the change
    let plan = show(&format!("configure plan {newest}"));
    assert!(plan.contains("+hostname Branch\n-hostname Harbour\n") && plan.contains(" -mwi\n"), "{plan}");
    let done = show(&format!("configure replace {newest} force"));
    assert!(done.contains("Rollback Done"), "{done}");
    let running = show("show running-config");
    assert!(running.contains("\nhostname Branch\n") && !running.contains("username bob"), "{running}");
    let nothing = show(&format!("show archive config differences {newest}"));
    assert!(nothing.contains("!No changes were found"), "{nothing}");
}

#[test]
fn a_change_waits_to_be_confirmed_and_the_lock_keeps_others_out() {
    let it = start();
    assert!(it.refused("configure confirm").contains("%No Rollback Confirmed Change pending"));
    let mut console = it.gateway.console();
    console.exec("configure terminal lock revert timer 5");
    console.exec("hostname Harbour");
    assert!(
        it.gateway.show("show archive config rollback timer").contains("Timer value: 5 min\nUser: console\n")
    );
    // another session may look, and not touch
    let file = it.gateway.scratch().join("other.cfg");
    std::fs::write(&file, "hostname Pier\n").unwrap();
    let other = it.gateway.tipring(&[file.to_str().unwrap()]);
    assert!(
        other.code == Some(1) && other.stderr.contains("locked") || other.stdout.contains("locked"),
        "{other:?}"
    );
    console.exec("end");
    assert_eq!(it.gateway.tipring(&[file.to_str().unwrap()]).code, Some(0));
    assert!(it.gateway.show("show running-config").contains("\nhostname Pier\n"));
    // the way back leads to what ran when the timer was started
    assert!(it.gateway.show("configure revert now").contains("Rollback Done"));
    assert!(it.gateway.show("show running-config").contains("\nhostname Branch\n"));
    // a session that leaves without unlocking leaves no lock behind
    drop(it.gateway.show("configure terminal lock"));
    let end = Instant::now() + Duration::from_secs(10);
    while it.gateway.tipring(&[file.to_str().unwrap()]).code != Some(0) {
        assert!(Instant::now() < end, "the lock is still held");
    }
}

#[test]
fn files_are_handled_in_ios_words() {
    let it = start();
    let show = |command: &str| it.gateway.show(command);
    assert!(show("mkdir backup").contains("Created dir flash:/backup"));
    drop(show("copy running-config flash:/backup/one.cfg"));
    assert!(show("dir flash:/backup").contains("  one.cfg\n"));
    assert!(show("more flash:/backup/one.cfg").contains("\nhostname Branch\n"));
    let md5 = Command::new("md5sum").arg(it.flash("backup/one.cfg")).output().unwrap().stdout;
    let md5 = String::from_utf8(md5).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(show("verify /md5 flash:/backup/one.cfg").contains(&format!("= {md5}\n")));
    assert!(show("show flash:").contains(" /backup/one.cfg\n"));
    assert!(show("show file systems").contains("disk     rw   flash:\n"));
    drop(show("rename flash:/backup/one.cfg flash:/two.cfg"));
    drop(show("rmdir backup"));
    drop(show("delete /force flash:/two.cfg"));
    assert!(
        it.refused("more flash:/two.cfg")
            .contains("%Error opening flash:/two.cfg (No such file or directory)")
    );
    assert!(it.refused("more flash:/../startup.cfg").contains("(Invalid path)"));
    drop(show("show clock | redirect flash:shown"));
    drop(show("show version | append flash:shown"));
    let kept = show("more flash:shown");
    assert!(kept.contains(" UTC ") && kept.contains("Branch uptime is "), "{kept}");
    // the box
    assert!(show("show hosts").starts_with("Default domain is branch.example\n"));
    assert!(show("show interfaces lo").contains("Internet address is 127.0.0.1/8\n"));
    assert!(show("show processes cpu").contains("CPU utilization for five seconds: "));
    assert!(show("show memory statistics").contains("Processor  "));
    assert!(show("ping 127.0.0.1").contains("Success rate is 100 percent (5/5), round-trip min/avg/max = "));
    assert!(it.refused("ping no.such.host.invalid").contains("% Unrecognized host or address"));
    let support = show("show tech-support");
    assert!(support.contains("------------------ show version ------------------"));
    assert!(support.contains("username admin privilege 15 secret <removed>"), "{support}");
    // saving, erasing, a reload in its time
    drop(show("copy running-config startup-config"));
    assert!(show("show startup-config").contains("\nhostname Branch\n"));
    assert!(show("reload in 90").contains("Reload scheduled for "));
    assert!(show("show reload").contains("(in 1 hour and "));
    assert!(show("reload cancel").contains("SHUTDOWN ABORTED"));
    assert!(show("show reload").contains("No reload is scheduled."));
    assert!(show("write erase").contains("[OK]"));
    assert!(it.refused("show startup-config").contains("startup-config is not present"));
}
