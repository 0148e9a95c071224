//! From a checked set-up to a running gateway.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use cli::engine::Engine;
use telephony_hal::sim::Plant;
use telephony_hal::{FxoEvent, LineEvent};
use tokio::sync::{broadcast, mpsc};

use super::daemon::Daemon;
use super::occupied::Occupied;
use super::trunks::{OpenTrunks, open_trunks};
use super::{Gateway, RunError, Setup, io_error};
use crate::clock::Clock;
use crate::console::host::Host;
use crate::console::network::Listeners;
use crate::console::startup;
use crate::console::syslog::SyslogHosts;
use crate::console::terminals::Terminals;
use crate::console::unix::{Hostname, Shared, serve};
use crate::files::FileSystem;
use crate::listen::{Place, bind, rebind, tell_ports};
use crate::lookup::Lookups;
use crate::media::driver::Driver;
use crate::media::pairs::{Pairs, Which};
use crate::ready::ReadySet;
use crate::service::message::Message;
use crate::service::metrics::{self, Metrics};
use crate::service::report;
use crate::service::smdi::SmdiLines;
use crate::store::{Committed, Store};
use crate::switch::{Parts, Switch};

/// Debug lines a console may lag behind.
const MONITOR_LAG: usize = 4096;

/// Starts a gateway on the current runtime.
///
/// # Errors
/// [`RunError`] names what could not be opened or read.
pub async fn start(setup: Setup) -> Result<Gateway, RunError> {
    let now = Instant::now();
    let (reporter, reports) = report::channel();
    let config = startup::choose(&setup.config, &setup.startup, &reporter);
    let (committed_tx, committed) = mpsc::unbounded_channel();
    let store_reporter = reporter.clone();
    let (store, records) = Store::open(&setup.state_dir, move |committed: Committed| {
        if let Some(error) = &committed.error {
            store_reporter.report(Message::StoreWrite { error });
        }
        // The daemon ends before its store does; nobody is left to be told then.
        let _ = committed_tx.send(committed);
    })?;
    let metrics = Metrics::new()?;
    let mut helpers = Vec::new();
    if let Some(address) = setup.metrics {
        let (_, task) = metrics::serve(address, metrics.clone())
            .await
            .map_err(io_error(format!("metrics on {address}")))?;
        helpers.push(task.abort_handle());
    }
    let ready = ReadySet::default();
    let plant = Plant::new();
    let priority = &setup.hardware.audio_priority;
    if setup.hardware.has_boards()
        && let Err(error) = telephony_hal::dahdi::set_audio_priority(*priority)
    {
        reporter.report(Message::AudioPriority { priority, error: &error });
    }
    let pairs = Pairs::open(&setup.hardware, &plant, &reporter);
    let OpenTrunks { trunks, pbxs, spans } = open_trunks(&setup.hardware, &config, &reporter, &mut helpers)?;
    let socket = setup.state_dir.join("lines.sock");
    let plant_server = telephony_hal::sim::Server::bind(plant.clone(), &socket)
        .map_err(io_error(socket.display().to_string()))?;
    helpers.push(tokio::spawn(plant_server.run()).abort_handle());

    let left = setup.state_dir.join("bearers");
    let (occupied, lost) =
        Occupied::open(&left, &setup.hardware).map_err(io_error(left.display().to_string()))?;

    let hostname = Hostname::default();
    hostname.set(&config.hostname);
    let clock = Clock::system();
    let serial = setup.hardware.console.clone();
    let smdi = SmdiLines::open(&setup.hardware.smdi, &reporter);
    let mut switch = Switch::new(
        now,
        Parts {
            clock,
            hardware: setup.hardware,
            config,
            store,
            records,
            metrics,
            seed: seed().map_err(io_error("random seed"))?,
            local_address: |peer| sip::net::recent_local_address_for(peer).ok(),
        },
    )?;
    for line in 0..pairs.counts().0 {
        if let Some(capabilities) = pairs.capabilities(line) {
            switch.set_line_capabilities(line, capabilities);
        }
    }
    for pair in pairs.away() {
        match pair {
            Which::Line(line) => switch.handle_line(now, line, LineEvent::Removed),
            Which::Office(office) => switch.handle_office(now, office, FxoEvent::Removed),
        }
    }
    switch.handle_lost_calls(&lost);
    switch.set_fax_gateway(::media::t38::is_available());
    let keeper = setup.keeper;
    let place = Place {
        fallback: setup.sip_address,
        port: setup.sip_port,
        pki: setup.state_dir.join("pki"),
        keeper: keeper.clone(),
    };
    let opened = match keeper.is_empty() {
        true => bind(switch.listen(), &place, &reporter).await,
        // What a former life had and we do not want, the service manager closes in its own time.
        false => rebind(switch.listen(), &place, &reporter).await,
    };
    let (net, received) = opened.map_err(|(what, error)| io_error(what)(error))?;
    let listening = switch.listen().clone();
    let (udp, tcp, tls) = (net.udp_addrs(), net.tcp_addrs(), net.tls_addrs());
    tell_ports(now, &mut switch, &net);
    let (commands, commands_rx) = mpsc::channel(64);
    let (monitor, _) = broadcast::channel(MONITOR_LAG);
    let socket = setup.state_dir.join("console.sock");
    let terminals = Terminals::default();
    terminals.publish(switch.config());
    let files = FileSystem::open(&setup.state_dir, &setup.startup)
        .map_err(io_error(setup.state_dir.display().to_string()))?;
    let shared = Shared {
        files: files.clone(),
        commands: commands.clone(),
        reporter: reporter.clone(),
        monitor: monitor.clone(),
        hostname: hostname.clone(),
        terminals: terminals.clone(),
    };
    let key = setup.state_dir.join("ssh_host_ed25519_key");
    let mut listeners = Listeners::new(setup.terminals, key, shared.clone(), keeper.clone());
    listeners.refresh_or_say().await;
    keeper.release_unused();
    let (ssh, telnet) = (listeners.ssh(), listeners.telnet());
    if let Some(serial) = serial {
        let task = tokio::spawn(crate::console::serial::serve(serial.tty, shared.clone()));
        helpers.push(task.abort_handle());
    }
    let console = serve(&socket, shared).map_err(io_error(socket.display().to_string()))?;
    let lookup_seed = seed().map_err(io_error("random seed"))?;
    let (lookups, looked_up) = Lookups::new(setup.dns, setup.sip_address, lookup_seed, reporter.clone());
    let media_seed = seed().map_err(io_error("random seed"))?;
    let media =
        Driver::new(clock, media_seed, setup.sip_address, switch.rtp_range(), spans, reporter.clone())
            .map_err(io_error("RTP sockets"))?;
    let mut daemon = Daemon {
        host: Host::new(now, files, hostname, terminals, Engine::new(switch.config().clone())),
        switch,
        net,
        received,
        committed,
        commands: commands_rx,
        smdi,
        syslog: SyslogHosts::default(),
        continuations: commands.downgrade(),
        reports,
        reporter,
        monitor: monitor.clone(),
        lookups,
        looked_up,
        pairs,
        trunks,
        media,
        occupied,
        bearers_changed: false,
        half: false,
        ready,
        rebind: false,
        listeners,
        domains: HashMap::new(),
        place,
        listening,
        backlog: false,
        draining: None,
    };
    helpers.push(tokio::spawn(daemon.host.load.clone().keep_sampling()).abort_handle());
    daemon.switch.watch_load(daemon.host.load.clone());
    let task = tokio::spawn(daemon.run());
    Ok(Gateway {
        udp,
        tcp,
        tls,
        ssh,
        telnet,
        plant,
        pbxs,
        commands,
        monitor,
        task,
        _console: console,
        helpers,
    })
}

fn seed() -> io::Result<[u8; 32]> {
    use rand::TryRng as _;
    let mut seed = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
