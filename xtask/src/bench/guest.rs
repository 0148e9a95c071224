//! Calls on real DAHDI spans in the emulated guest: in time, and at what cost.

use std::process::Command;
use std::time::Duration;

use system_tests::finish;

use crate::shell::{Outcome, cargo, read, root, run, say};

/// Configures four E1 cables (`e1=4`), puts the far ends into loops, and measures at the near ends.
const SCRIPT: &str = "ip link set lo up\n\
    for span in 1 2 3 4 5 6 7 8; do\n\
    first=$((31 * span - 30))\n\
    echo span=$span,$((span % 2)),0,ccs,hdb3,crc4\n\
    echo bchan=$first-$((first + 14)),$((first + 16))-$((first + 30))\n\
    echo dchan=$((first + 15))\n\
    done >/tmp/four.conf\n\
    dahdi_cfg -c /tmp/four.conf || exit 1\n\
    for span in 2 4 6 8; do dahdi_maint -s $span --loopback networkline >/dev/null || exit 1; done\n\
    sleep 2\n\
    exec nice -n -10 \"$1\" 1 3 5 7\n";

/// Rows of the table.
pub(super) fn bench() -> Outcome<Vec<(String, String)>> {
    say("bench guest: 4 E1 in calls");
    run(cargo().args(["build", "--release", "--quiet", "--package", "gateway", "--example", "span_cost"]))?;
    let program = system_tests::target_dir().join("release/examples/span_cost");
    let guest = root().join("tests/guest");
    run(Command::new(guest.join("setup.sh")).arg("--no-apt"))?;
    let built = read(Command::new(guest.join("build-module.sh")).arg(root().join("kernel-drivers/vline")))?;
    let mut command = Command::new(guest.join("run-guest.sh"));
    command
        .current_dir(root())
        .arg("-d")
        .arg("-m")
        .arg(format!("{}/dahdi_vline.ko lines=0 e1=4", built.trim()))
        .args(["--", "bash", "-c", SCRIPT, "span_cost"])
        .arg(program);
    let done = finish(command, Duration::from_secs(120));
    if done.code != Some(0) {
        return Err(format!("the guest: {}{}", done.stdout, done.stderr));
    }
    let rows = done.stdout.lines().filter(|line| !line.trim().is_empty());
    Ok(rows
        .map(|line| ("120 calls on 4 E1 of DAHDI, emulated processor".to_owned(), line.to_owned()))
        .collect())
}
