#![allow(clippy::unwrap_used, clippy::panic)]

//! The ports on a kernel of our own; the real one is in `tests/guest`.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::audio::BLOCK;
use super::carrier::{Bearer, CUSHION, Carrier, Load};
use super::port::{Pace, Port, WatchedPort};
use super::ring::{CAPACITY, Ring};
use super::sys::{self, EVENT_WAITS, FLUSH_AUDIO, Params, Request, event, hook, lamp, signalling};
use super::*;
use crate::{
    BChannel as _, ErrorKind, FxoEvent, FxoLine as _, FxsLine as _, HalError as _, Impedance, Lamp, LineEvent,
};

/// Octets of a companded block.
const OCTETS: usize = BLOCK as usize;

/// What the fake kernel knows of its one channel.
#[derive(Debug, Default)]
struct Kernel {
    events: VecDeque<i32>,
    requests: Vec<(Request, i32)>,
    /// Requests that are answered with an error.
    refuse: Vec<(Request, Errno)>,
    received: VecDeque<Vec<u8>>,
    queued: VecDeque<Vec<u8>>,
    room: usize,
    signalling: i32,
    /// Longest flash, ms.
    flash: i32,
    off_hook: bool,
    gone: bool,
    /// Reading says that the board was removed.
    broken: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Clone)]
struct Fake(Arc<Mutex<Kernel>>);

impl Fake {
    fn new(signalling: i32) -> Self {
        Self(Arc::new(Mutex::new(Kernel { signalling, room: 8, ..Kernel::default() })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kernel) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn happens(&self, event: i32) {
        self.with(|kernel| kernel.events.push_back(event));
    }

    /// 20 ms on the board.
    fn tick(&self, said: i16) -> Option<Vec<u8>> {
        self.with(|kernel| {
            if kernel.received.len() < 8 {
                kernel.received.push_back(said.to_ne_bytes().repeat(160));
            }
            kernel.queued.pop_front()
        })
    }

    /// 20 ms on the board, companded.
    fn tick_octets(&self, said: u8) -> Option<Vec<u8>> {
        self.with(|kernel| {
            if kernel.received.len() < 8 {
                kernel.received.push_back(vec![said; OCTETS]);
            }
            kernel.queued.pop_front()
        })
    }

    fn requests(&self, request: Request) -> Vec<i32> {
        self.with(|kernel| {
            kernel.requests.iter().filter(|(made, _)| *made == request).map(|(_, value)| *value).collect()
        })
    }
}

impl WatchedPort for Fake {
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|kernel| kernel.waker = Some(cx.waker().clone()));
        Poll::Pending
    }

    fn for_thread(&self) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(self.clone()))
    }
}

impl Port for Fake {
    fn set_pace(&self, _: &Pace) -> io::Result<()> {
        Ok(())
    }

    fn leave_pace(&self, _: &Pace) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self) -> io::Result<i32> {
        self.with(|kernel| match kernel.events.pop_front() {
            Some(event) => Ok(event),
            None if kernel.gone => Err(Errno::ENODEV.into()),
            None => Ok(event::NONE),
        })
    }

    fn set(&mut self, request: Request, value: i32) -> io::Result<()> {
        self.with(|kernel| {
            kernel.requests.push((request, value));
            if (request, value) == (Request::Flush, FLUSH_AUDIO) {
                kernel.received.clear();
                kernel.queued.clear();
            }
            match kernel.refuse.iter().find(|(refused, _)| *refused == request) {
                Some((_, errno)) => Err((*errno).into()),
                None => Ok(()),
            }
        })
    }

    fn params(&mut self) -> io::Result<Params> {
        let mut params = sys::blank_params();
        self.with(|kernel| {
            params.signalling = kernel.signalling;
            params.receives_off_hook = kernel.off_hook.into();
        });
        Ok(params)
    }

    fn set_params(&mut self, params: &Params) -> io::Result<()> {
        self.with(|kernel| kernel.flash = params.receive_flash);
        Ok(())
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.with(|kernel| {
            if !kernel.events.is_empty() {
                return Err(io::Error::from_raw_os_error(EVENT_WAITS));
            }
            if kernel.broken {
                return Err(Errno::ENODEV.into());
            }
            let Some(block) = kernel.received.pop_front() else { return Err(Errno::EAGAIN.into()) };
            out[..block.len()].copy_from_slice(&block);
            Ok(block.len())
        })
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.with(|kernel| {
            if !kernel.events.is_empty() {
                return Err(io::Error::from_raw_os_error(EVENT_WAITS));
            }
            if kernel.queued.len() >= kernel.room {
                return Err(Errno::EAGAIN.into());
            }
            kernel.queued.push_back(octets.to_vec());
            Ok(octets.len())
        })
    }
}

fn poll<L: crate::FxsLine<Error = DahdiError>>(line: &mut L) -> Poll<Result<LineEvent, DahdiError>> {
    line.poll_event(&mut Context::from_waker(Waker::noop()))
}

fn fxs_with(kernel: &Fake, lamps: i32) -> Result<DahdiFxs, DahdiError> {
    DahdiFxs::new(1, Box::new(kernel.clone()), Carrier::new().0, lamps)
}

fn fxs(kernel: &Fake) -> DahdiFxs {
    fxs_with(kernel, lamp::DIRECT_VOLTAGE | lamp::NEON | lamp::REVERSAL).unwrap()
}

#[test]
fn a_telephone_is_heard_in_dahdis_events() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut line = fxs(&kernel);
    assert!(poll(&mut line).is_pending());
    for (event, expected) in [
        (event::RING_OFF_HOOK, LineEvent::OffHook),
        (event::WINK_FLASH, LineEvent::Flash),
        (event::PULSE_DIGIT | i32::from(b'0'), LineEvent::Pulse(10)),
        (event::PULSE_DIGIT | i32::from(b'7'), LineEvent::Pulse(7)),
        (event::ON_HOOK, LineEvent::Released),
    ] {
        kernel.happens(event);
        assert!(matches!(poll(&mut line), Poll::Ready(Ok(told)) if told == expected), "{expected:?}");
    }
    // Told on opening, told off hook with the telephone, told on hook with it.
    assert_eq!(kernel.requests(Request::Hook), [hook::ON, hook::OFF, hook::ON]);
    for event in [12, 14, event::PULSE_DIGIT | 0x1ff, -1, i32::MIN, i32::MAX] {
        kernel.happens(event);
        assert!(poll(&mut line).is_pending(), "{event}");
    }
}

#[test]
fn the_kernel_waits_for_a_release_as_long_as_a_flash_may_last() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut line = fxs(&kernel);
    assert_eq!(kernel.with(|kernel| kernel.flash), 1000);
    for (longest, waits) in [(400, 400), (50, 150), (1550, 1550)] {
        line.set_flash(Duration::from_millis(longest)).unwrap();
        assert_eq!(kernel.with(|kernel| kernel.flash), waits);
    }
}

#[test]
fn the_board_s_canceller_is_as_long_as_the_echo_may_be_late() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut line = fxs(&kernel);
    for coverage in [Some(64), Some(8), Some(24), Some(128), Some(500), None] {
        line.set_echo(coverage).unwrap();
    }
    assert_eq!(kernel.requests(Request::EchoCancel), [512, 64, 256, 1024, 1024, 0]);
}

#[test]
fn a_channel_has_a_canceller_when_its_folder_names_one() {
    let span = tempfile::tempdir().unwrap();
    for (channel, canceller) in [("1", "MG2\n"), ("2", "\n"), ("12", "HWEC\n")] {
        let folder = span.path().join(format!("channel-{channel}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("channo"), format!("{channel}\n")).unwrap();
        std::fs::write(folder.join("ec_factory"), canceller).unwrap();
    }
    std::fs::write(span.path().join("name"), "VLINE/1\n").unwrap();
    let attached = [1, 2, 3, 12].map(|channel| echo::attached_below(span.path(), channel));
    assert_eq!(attached, [true, false, false, true]);
    assert!(!echo::attached_below(&span.path().join("none"), 1));
}

#[test]
fn a_telephone_that_is_off_hook_at_the_opening_is_told() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    kernel.with(|kernel| kernel.off_hook = true);
    let mut line = fxs(&kernel);
    assert!(matches!(poll(&mut line), Poll::Ready(Ok(LineEvent::OffHook))));
}

#[test]
fn a_removed_board_is_told_once() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut line = fxs(&kernel);
    kernel.with(|kernel| kernel.gone = true);
    assert!(matches!(poll(&mut line), Poll::Ready(Ok(LineEvent::Removed))));
    let Poll::Ready(Err(error)) = poll(&mut line) else { panic!("expected an error") };
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(line.set_ringing(true).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_channel_for_something_else_is_refused() {
    let error = fxs_with(&Fake::new(signalling::FXS_KEWL), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "channel 1 has signalling 0x2004, expected fxoks, fxols or fxogs (see /etc/dahdi/system.conf)"
    );
    assert!(DahdiFxo::new(5, Box::new(Fake::new(signalling::FXO_KEWL)), Carrier::new().0).is_err());
}

#[test]
fn a_board_says_what_it_cannot_do() {
    let kernel = Fake::new(signalling::FXO_LOOP);
    kernel.with(|kernel| {
        kernel.refuse = [Request::Polarity, Request::OnHookTransfer, Request::VmwiConfig]
            .map(|request| (request, Errno::ENOTTY))
            .to_vec();
    });
    let mut line = fxs(&kernel);
    assert_eq!(line.capabilities(), Default::default());
    for refused in [
        line.set_polarity(true),
        line.set_lamp(Lamp::HighVoltage),
        line.set_lamp(Lamp::Reversal),
        line.set_battery(false),
        line.set_impedance(Impedance::Complex2),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    line.set_lamp(Lamp::Off).unwrap();
    assert_eq!(line.write_audio(&[0; 160]).unwrap(), 160, "without on-hook transmission too");
}

#[test]
fn what_a_board_refuses_for_now_it_can_do_later() {
    // With the telephone off hook at the opening.
    let kernel = Fake::new(signalling::FXO_KEWL);
    kernel.with(|kernel| kernel.refuse = vec![(Request::Polarity, Errno::EINVAL)]);
    let mut line = fxs(&kernel);
    assert!(line.capabilities().polarity_reversal);
    assert_eq!(line.set_polarity(true).unwrap_err().kind(), ErrorKind::Io);
    kernel.with(|kernel| kernel.refuse.clear());
    line.set_polarity(true).unwrap();
}

#[test]
fn lamps_are_lit_by_the_best_means_of_the_board() {
    let full = lamp::DIRECT_VOLTAGE | lamp::NEON | lamp::REVERSAL;
    for (lamps, asked, means) in [
        (full, Lamp::HighVoltage, lamp::DIRECT_VOLTAGE),
        (full, Lamp::Neon, lamp::NEON),
        (full, Lamp::Reversal, lamp::REVERSAL),
        (lamp::NEON, Lamp::HighVoltage, lamp::NEON),
    ] {
        let kernel = Fake::new(signalling::FXO_KEWL);
        let mut line = fxs_with(&kernel, lamps).unwrap();
        line.set_lamp(asked).unwrap();
        line.set_lamp(Lamp::Off).unwrap();
        assert_eq!(kernel.requests(Request::VmwiConfig), [0, means]);
        assert_eq!(kernel.requests(Request::Vmwi), [1, 0]);
    }
}

#[test]
fn ringing_is_the_callers_cadence() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    kernel.with(|kernel| kernel.refuse.push((Request::Hook, Errno::EINPROGRESS)));
    let mut line = fxs(&kernel);
    for on in [true, true, false, false, true] {
        line.set_ringing(on).unwrap();
    }
    assert_eq!(kernel.requests(Request::Hook), [hook::ON, hook::RING, hook::RING_OFF, hook::RING]);
    kernel.with(|kernel| kernel.refuse = vec![(Request::Hook, Errno::EBUSY)]);
    line.set_ringing(false).unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn battery_comes_back_when_dahdi_lets_it() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut line = fxs(&kernel);
    kernel.happens(event::RING_OFF_HOOK);
    assert!(matches!(poll(&mut line), Poll::Ready(Ok(LineEvent::OffHook))));
    line.set_battery(false).unwrap();
    kernel.with(|kernel| kernel.refuse.push((Request::Hook, Errno::EBUSY)));
    line.set_battery(true).unwrap();
    let waiting = std::future::poll_fn(|cx| line.poll_event(cx));
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    kernel.with(|kernel| kernel.refuse.clear());
    let before = kernel.requests(Request::Hook).len();
    let waiting = std::future::poll_fn(|cx| line.poll_event(cx));
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    assert_eq!(kernel.requests(Request::Hook)[before..], [hook::OFF], "once, and then no more");
}

#[derive(Default)]
struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn events_are_fetched_before_audio_and_kept_in_order() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut thread = Thread::new();
    let mut line = thread.line(&kernel);
    let mut samples = [0; 160];
    line.read_audio(&mut samples).unwrap();
    thread.turn();
    let woken = Arc::new(Woken::default());
    assert!(line.poll_event(&mut Context::from_waker(&Waker::from(Arc::clone(&woken)))).is_pending());
    kernel.tick(7);
    for event in [event::RING_OFF_HOOK, event::WINK_FLASH] {
        kernel.happens(event);
    }
    thread.turn();
    assert!(woken.0.load(Ordering::Relaxed), "by the thread, which had to take the events away");
    assert_eq!(line.read_audio(&mut samples).unwrap(), 160);
    assert_eq!(samples, [7; 160]);
    assert!(matches!(poll(&mut line), Poll::Ready(Ok(LineEvent::OffHook))));
    assert!(matches!(poll(&mut line), Poll::Ready(Ok(LineEvent::Flash))));
    assert!(poll(&mut line).is_pending());
}

#[test]
fn an_exchange_is_heard_in_dahdis_events() {
    let kernel = Fake::new(signalling::FXS_KEWL);
    let mut line = DahdiFxo::new(5, Box::new(kernel.clone()), Carrier::new().0).unwrap();
    let poll = |line: &mut DahdiFxo| line.poll_event(&mut Context::from_waker(Waker::noop()));
    for (event, expected) in [
        (event::RING_BEGIN, FxoEvent::Ringing(true)),
        (event::RING_OFF_HOOK, FxoEvent::Ringing(false)),
        (event::POLARITY, FxoEvent::Polarity(true)),
        (event::POLARITY, FxoEvent::Polarity(false)),
        (event::NEON_ON, FxoEvent::Lamp(true)),
        (event::NEON_OFF, FxoEvent::Lamp(false)),
        (event::ON_HOOK, FxoEvent::Battery(false)),
    ] {
        kernel.happens(event);
        assert!(matches!(poll(&mut line), Poll::Ready(Ok(told)) if told == expected), "{expected:?}");
    }
    // The end of a burst that began before the port was opened.
    kernel.happens(event::RING_OFF_HOOK);
    assert!(poll(&mut line).is_pending());
    line.set_hook(true).unwrap();
    line.set_hook(false).unwrap();
    assert!(matches!(poll(&mut line), Poll::Ready(Ok(FxoEvent::Battery(true)))), "with the hang-up");
    assert_eq!(line.set_ring_ground(true).unwrap_err().kind(), ErrorKind::Unsupported);
}

/// The thread of a board, turned by hand.
struct Thread {
    carrier: Arc<Carrier>,
    bearers: Receiver<Arc<Bearer>>,
    load: Load,
}

impl Thread {
    fn new() -> Self {
        let (carrier, bearers) = Carrier::new();
        Self { carrier, bearers, load: Load::new().unwrap() }
    }

    fn turn(&mut self) {
        self.bearers.try_iter().for_each(|bearer| self.load.add(bearer));
        self.load.turn();
    }

    fn line(&self, kernel: &Fake) -> DahdiFxs {
        DahdiFxs::new(1, Box::new(kernel.clone()), Arc::clone(&self.carrier), 0).unwrap()
    }
}

/// Blocks that wait for sending after each of `ticks` of the caller, whose clock runs `ppm` fast.
fn drift(ticks: u32, ppm: i64) -> (Vec<usize>, AudioSlips) {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut thread = Thread::new();
    let mut line = thread.line(&kernel);
    let (mut board, mut depth) = (0u64, Vec::new());
    let period = u64::try_from(20_000_000 - 20 * ppm).unwrap();
    for tick in 0..u64::from(ticks) {
        while board * 20_000_000 < tick * period {
            let sent = kernel.tick(1);
            if tick > 4 {
                assert!(sent.is_some(), "the board ran dry at tick {tick}");
            }
            thread.turn();
            board += 1;
        }
        line.read_audio(&mut [0; 160]).unwrap();
        assert_eq!(line.write_audio(&[0; 160]).unwrap(), 160);
        depth.push(kernel.with(|kernel| kernel.queued.len()));
    }
    (depth, line.slips())
}

#[test]
fn clocks_that_differ_cost_blocks_and_no_delay() {
    for ppm in [0, 100, -100, 500, -500] {
        // Ten minutes.
        let (depth, slips) = drift(30_000, ppm);
        assert!(depth.iter().skip(5).all(|depth| (1..=3).contains(depth)), "{ppm} ppm: {depth:?}");
        let lost = (slips.dropped + slips.repeated + slips.skipped) / 160;
        let blocks = u64::from(ppm.unsigned_abs() as u32) * 30_000 / 1_000_000;
        assert!(lost <= 2 * blocks + 4, "{ppm} ppm: {slips:?}");
    }
}

#[test]
fn a_caller_may_be_late_without_loss() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut thread = Thread::new();
    let mut line = thread.line(&kernel);
    let (mut said, mut heard, mut sent) = (0i16, Vec::new(), Vec::new());
    for board in 0..200i16 {
        sent.extend(kernel.tick(board));
        thread.turn();
        // Twice in three a call, then two that were missed at once: late by 40 ms.
        let calls = match board % 3 {
            _ if board < 8 => 1,
            0 => 3,
            _ => 0,
        };
        for _ in 0..calls {
            let mut samples = [0; 160];
            let read = line.read_audio(&mut samples).unwrap();
            heard.extend_from_slice(&samples[..read]);
            said += 1;
            line.write_audio(&[said; 160]).unwrap();
        }
    }
    assert_eq!(line.slips(), AudioSlips::default());
    assert!(heard.windows(2).all(|pair| pair[1] - pair[0] <= 1), "nothing is left out: {heard:?}");
    let sent: Vec<i16> = sent.concat().chunks(2).map(|two| i16::from_ne_bytes([two[0], two[1]])).collect();
    let spoken = &sent[sent.iter().position(|sample| *sample != 0).unwrap()..];
    assert!(spoken.windows(2).all(|pair| (0..=1).contains(&(pair[1] - pair[0]))), "nor put in: {spoken:?}");
    assert!(heard.len() > 190 * 160 && spoken.len() > 190 * 160);
}

#[test]
fn a_late_caller_hears_what_is_new() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut thread = Thread::new();
    let mut line = thread.line(&kernel);
    let mut samples = [0; 160];
    let mut delay = 0;
    // Eight blocks waited once; whoever then goes on at the board's pace has caught up after some seconds.
    line.read_audio(&mut samples).unwrap();
    for said in 0..1000i16 {
        kernel.tick(said);
        thread.turn();
        if said >= 7 {
            assert_eq!(line.read_audio(&mut samples).unwrap(), 160);
            delay = said - samples[0];
        }
    }
    assert!(delay <= 2, "{delay} blocks");
    assert_eq!(line.slips().dropped, 5 * 160);
}

#[test]
fn a_line_that_nobody_uses_leaves_the_thread_alone() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut thread = Thread::new();
    let mut line = thread.line(&kernel);
    let mut samples = [0; 160];
    for round in 0..3i16 {
        line.read_audio(&mut samples).unwrap();
        thread.turn();
        for said in 0..20 {
            kernel.tick(100 * round + said);
            thread.turn();
            assert!(!thread.load.is_empty());
            let read = line.read_audio(&mut samples).unwrap();
            assert_eq!((read, samples), (160, [100 * round + said; 160]), "nothing old");
            line.write_audio(&[said + 1; 160]).unwrap();
        }
        for _ in 0..20 {
            kernel.tick(-1);
            thread.turn();
        }
        assert!(thread.load.is_empty());
    }
    assert_eq!(line.slips(), AudioSlips::default(), "a pause is no loss");
    assert_eq!(kernel.requests(Request::Flush), [FLUSH_AUDIO; 3]);
}

#[test]
fn a_line_that_is_closed_is_let_go_by_the_thread() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let mut thread = Thread::new();
    let mut line = thread.line(&kernel);
    line.read_audio(&mut [0; 160]).unwrap();
    thread.turn();
    assert!(!thread.load.is_empty());
    drop(line);
    assert_eq!(Arc::strong_count(&kernel.0), 1, "the channel is free at once");
    thread.turn();
    assert!(thread.load.is_empty());
    // A board that was pulled out.
    let mut line = thread.line(&kernel);
    line.read_audio(&mut [0; 160]).unwrap();
    kernel.with(|kernel| kernel.broken = true);
    thread.turn();
    assert_eq!(line.read_audio(&mut [0; 160]).unwrap_err().kind(), ErrorKind::Closed);
}

/// Scheduling policy of a thread of this process, by its name: proc(5), field 41 of `stat`.
fn policy(name: &str) -> Option<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let stat = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let of_name = stat.into_iter().find(|stat| stat.contains(&format!("({name})")))?;
    of_name.rsplit(") ").next()?.split(' ').nth(38)?.parse().ok()
}

#[test]
fn the_thread_of_a_span_runs_in_real_time_where_that_is_allowed() {
    const FIFO: u32 = nix::libc::SCHED_FIFO as u32;
    const OTHER: u32 = nix::libc::SCHED_OTHER as u32;
    let expected = match set_audio_priority(3) {
        Ok(()) => FIFO,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
            OTHER
        }
    };
    let _carrier = Carrier::of_span(9_998).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while policy("span-9998") != Some(expected) {
        assert!(Instant::now() < end, "{:?}, expected {expected}", policy("span-9998"));
        std::thread::sleep(Duration::from_millis(5));
    }
    set_audio_priority(0).unwrap();
    assert_eq!(set_audio_priority(100).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_real_thread_serves_a_line() {
    let kernel = Fake::new(signalling::FXO_KEWL);
    let carrier = Carrier::of_span(9_999).unwrap();
    assert!(Arc::ptr_eq(&carrier, &Carrier::of_span(9_999).unwrap()), "one a span");
    let mut line = DahdiFxs::new(1, Box::new(kernel.clone()), carrier, 0).unwrap();
    let mut samples = [0; 160];
    let end = Instant::now() + Duration::from_secs(20);
    while samples != [7; 160] {
        assert!(Instant::now() < end, "nothing heard");
        line.read_audio(&mut samples).unwrap();
        line.write_audio(&[5; 160]).unwrap();
        kernel.tick(7);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn blocks_cross_threads_whole_and_in_order() {
    let ring = Ring::new(OCTETS);
    let count = 20_000u32;
    let block = |n: u32| -> [u8; OCTETS] {
        std::array::from_fn(|at| (n + u32::try_from(at).unwrap()).to_le_bytes()[0])
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                while !ring.push(&block(n)) {
                    std::thread::yield_now();
                }
            }
        });
        for n in 0..count {
            let mut came = [0; OCTETS];
            while !ring.pop(&mut came) {
                assert!(ring.len() <= CAPACITY);
                std::thread::yield_now();
            }
            assert_eq!(came, block(n), "block {n}");
        }
    });
    assert!(!ring.pop(&mut [0; OCTETS]));
}

fn bearer(kernel: &Fake) -> (DahdiB, Load) {
    let b = DahdiB::new(9, Box::new(kernel.clone()), crate::SpanKind::E1).unwrap();
    let mut load = Load::new().unwrap();
    load.add(Arc::clone(&b.stream.bearer));
    (b, load)
}

#[test]
fn a_bearers_octets_pass_unchanged_both_ways() {
    let kernel = Fake::new(signalling::CLEAR);
    let (mut b, mut load) = bearer(&kernel);
    let mut heard = Vec::new();
    let mut sent = Vec::new();
    for tick in 0..50u8 {
        sent.extend(kernel.tick_octets(tick));
        load.turn();
        // Asked and given in parts, as callers like.
        for part in [&mut [0u8; 100][..], &mut [0; 60]] {
            let count = b.read(part).unwrap();
            heard.extend_from_slice(&part[..count]);
            assert_eq!(b.write(&vec![tick + 100; part.len()]).unwrap(), part.len());
        }
    }
    assert_eq!(heard, (0..50).flat_map(|tick| [tick; OCTETS]).collect::<Vec<u8>>());
    // The start is silence: the blocks that were put ahead, one that was not there yet.
    let sent: Vec<u8> = sent.concat();
    let first = sent.iter().position(|octet| *octet != 0xd5).unwrap();
    assert!(first <= (CUSHION + 1) * OCTETS, "{first}");
    let spoken = (100..150).flat_map(|tick| [tick; OCTETS]).collect::<Vec<u8>>();
    assert!(spoken.starts_with(&sent[first..]), "nothing is left out or repeated");
    assert_eq!(b.slips(), AudioSlips::default());
}

#[test]
fn a_bearers_owner_may_have_another_clock() {
    for ppm in [0i64, 300, -300] {
        let kernel = Fake::new(signalling::CLEAR);
        let (mut b, mut load) = bearer(&kernel);
        let ticks = 30_000u64;
        let period = u64::try_from(20_000_000 - 20 * ppm).unwrap();
        let (mut board, mut heard) = (0u64, 0u64);
        for tick in 0..ticks {
            while board * 20_000_000 < tick * period {
                let sent = kernel.tick_octets(1);
                assert!(board < 2 || sent.is_some(), "the board ran dry at block {board}");
                load.turn();
                board += 1;
            }
            heard += b.read(&mut [0; OCTETS]).unwrap() as u64;
            b.write(&[2; OCTETS]).unwrap();
            assert!(kernel.with(|kernel| kernel.queued.len()) <= CUSHION);
        }
        let lost = (b.slips().dropped + b.slips().repeated + b.slips().skipped) / 160;
        let blocks = ppm.unsigned_abs() * ticks / 1_000_000;
        assert!(lost <= 2 * blocks + 8, "{ppm} ppm: {:?}", b.slips());
        assert!(heard / 160 + blocks + 8 >= ticks.min(board), "{ppm} ppm: {heard}");
    }
}

#[test]
fn a_thread_that_was_late_does_not_add_delay() {
    let kernel = Fake::new(signalling::CLEAR);
    let (mut b, mut load) = bearer(&kernel);
    for round in 0..20 {
        for _ in 0..round % 8 {
            kernel.tick_octets(1);
        }
        load.turn();
        assert!(kernel.with(|kernel| kernel.queued.len()) <= CUSHION, "round {round}");
        b.read(&mut [0; OCTETS]).unwrap();
        b.write(&[2; OCTETS]).unwrap();
    }
}

#[test]
fn a_closed_bearer_is_let_go_and_a_pulled_one_says_so() {
    let kernel = Fake::new(signalling::CLEAR);
    let (b, mut load) = bearer(&kernel);
    let shared = Arc::downgrade(&b.stream.bearer);
    drop(b);
    load.turn();
    assert!(shared.upgrade().is_none(), "the thread let go");
    let (mut b, mut load) = bearer(&kernel);
    kernel.with(|kernel| kernel.broken = true);
    load.turn();
    assert_eq!(b.read(&mut [0; OCTETS]).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(b.write(&[0; OCTETS]).unwrap_err().kind(), ErrorKind::Closed);
    assert!(b.stream.bearer.is_removed());
}

#[test]
fn line_settings_are_read_as_dahdi_cfg_writes_them() {
    use super::span::{code, framing};
    use crate::{Framing, LineCode, SpanKind};
    // ccs,hdb3,crc4; cas,ami; esf,b8zs; d4,ami.
    for (kind, config, expected) in [
        (SpanKind::E1, 0x100 | 0x200 | 0x400, (Framing::Crc4, LineCode::Hdb3)),
        (SpanKind::E1, 0x40, (Framing::NoCrc4, LineCode::Ami)),
        (SpanKind::T1, 0x20 | 0x80, (Framing::ExtendedSuperframe, LineCode::B8zs)),
        (SpanKind::T1, 0x10 | 0x40, (Framing::Superframe, LineCode::Ami)),
    ] {
        assert_eq!((framing(kind, config), code(config)), expected, "{config:#x}");
    }
}
