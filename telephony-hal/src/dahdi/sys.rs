//! DAHDI's kernel interface (2.11 and 3.x): request numbers, structs, values, and one safe function a request.
//!
//! The numbers are of x86, ARM and RISC-V as `nix` builds them. Every request passes a pointer, also one that carries an
//! integer. The sizes were printed by a compiler and are asserted at compile time.

// The one place of the crate with `unsafe`: requests of the operating system.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_uint};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What a read or write answers while an event waits; DAHDI's own number, unknown to errno lists.
pub(super) const EVENT_WAITS: i32 = 500;

/// `GETEVENT`.
pub(super) mod event {
    pub(in super::super) const NONE: i32 = 0;
    pub(in super::super) const ON_HOOK: i32 = 1;
    pub(in super::super) const RING_OFF_HOOK: i32 = 2;
    pub(in super::super) const WINK_FLASH: i32 = 3;
    pub(in super::super) const ALARM: i32 = 4;
    pub(in super::super) const NO_ALARM: i32 = 5;
    pub(in super::super) const ABORT: i32 = 6;
    pub(in super::super) const OVERRUN: i32 = 7;
    pub(in super::super) const BAD_FCS: i32 = 8;
    pub(in super::super) const POLARITY: i32 = 17;
    pub(in super::super) const RING_BEGIN: i32 = 18;
    pub(in super::super) const REMOVED: i32 = 20;
    pub(in super::super) const NEON_ON: i32 = 21;
    pub(in super::super) const NEON_OFF: i32 = 22;
    pub(in super::super) const PULSE_DIGIT: i32 = 1 << 16;
}

/// `HOOK`.
pub(super) mod hook {
    pub(in super::super) const ON: i32 = 0;
    pub(in super::super) const OFF: i32 = 1;
    pub(in super::super) const START: i32 = 4;
    pub(in super::super) const RING: i32 = 5;
    pub(in super::super) const RING_OFF: i32 = 6;
}

/// Signalling of a channel. It names the far device: a telephone's port is signalled as FXO.
pub(super) mod signalling {
    pub(in super::super) const FXS_LOOP: i32 = 0x2001;
    pub(in super::super) const FXS_GROUND: i32 = 0x2002;
    pub(in super::super) const FXS_KEWL: i32 = 0x2004;
    pub(in super::super) const FXO_LOOP: i32 = 0x1008;
    pub(in super::super) const FXO_GROUND: i32 = 0x1010;
    pub(in super::super) const FXO_KEWL: i32 = 0x1020;
    pub(in super::super) const CLEAR: i32 = 0x80;
    pub(in super::super) const HDLC_FCS: i32 = 0x380;
    pub(in super::super) const HARD_HDLC: i32 = 0x80080;
}

/// `SPANSTAT`'s alarms.
pub(super) mod alarm {
    pub(in super::super) const YELLOW: i32 = 4;
    pub(in super::super) const RED: i32 = 8;
    pub(in super::super) const BLUE: i32 = 0x10;
    pub(in super::super) const NOT_OPEN: i32 = 0x20;
    pub(in super::super) const LOSS_OF_SIGNAL: i32 = 0x100;
    pub(in super::super) const LOSS_OF_FRAME: i32 = 0x200;
}

/// `SPANCONFIG`'s line settings.
pub(super) mod line {
    pub(in super::super) const D4: i32 = 0x10;
    pub(in super::super) const B8ZS: i32 = 0x80;
    pub(in super::super) const HDB3: i32 = 0x200;
    pub(in super::super) const CRC4: i32 = 0x400;
}

/// `VMWI_CONFIG`: by which means a waiting message is shown.
pub(super) mod lamp {
    pub(in super::super) const REVERSAL: i32 = 1;
    pub(in super::super) const DIRECT_VOLTAGE: i32 = 2;
    pub(in super::super) const NEON: i32 = 4;
}

/// `SETLAW`.
pub(super) const MU_LAW: i32 = 1;
/// `SETLAW`.
pub(super) const A_LAW: i32 = 2;
/// `FLUSH`: both directions, events stay.
pub(super) const FLUSH_AUDIO: i32 = 3;

/// `struct dahdi_params`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Params {
    pub(super) channel: c_int,
    pub(super) span: c_int,
    pub(super) position: c_int,
    pub(super) signalling: c_int,
    pub(super) capability: c_int,
    pub(super) receives_off_hook: c_int,
    receive_bits: c_int,
    transmit_bits: c_int,
    transmit_hook: c_int,
    pub(super) receive_hook: c_int,
    law: c_int,
    idle_bits: c_int,
    pub(super) name: [u8; 40],
    before_wink: c_int,
    before_flash: c_int,
    wink: c_int,
    flash: c_int,
    start: c_int,
    receive_wink: c_int,
    /// Longest flash, in ms; a hang-up is reported so much later.
    pub(super) receive_flash: c_int,
    debounce: c_int,
    pulse_break: c_int,
    pulse_make: c_int,
    pulse_after: c_int,
    alarms: c_uint,
}

/// `struct dahdi_spaninfo`; packed by the kernel.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub(super) struct SpanInfo {
    pub(super) span: c_int,
    pub(super) name: [u8; 20],
    pub(super) description: [u8; 40],
    pub(super) alarms: c_int,
    transmit_level: c_int,
    receive_level: c_int,
    pub(super) bipolar_violations: c_int,
    pub(super) crc_errors: c_int,
    e_bits: c_int,
    pub(super) frame_errors: c_int,
    far_errors: c_uint,
    code_violations: c_uint,
    bit_errors: c_uint,
    prbs: c_uint,
    errored_seconds: c_uint,
    missed_interrupts: c_int,
    pub(super) sync_source: c_int,
    configured: c_int,
    pub(super) channels: c_int,
    pub(super) spans: c_int,
    build_out: c_int,
    pub(super) line_config: c_int,
    build_out_name: [u8; 40],
    pub(super) location: [u8; 40],
    pub(super) manufacturer: [u8; 40],
    pub(super) device: [u8; 40],
    interrupt: c_int,
    pub(super) line_compatibility: c_int,
    pub(super) kind: [u8; 6],
}

/// `struct dahdi_bufferinfo`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct BufferInfo {
    transmit_policy: c_int,
    receive_policy: c_int,
    count: c_int,
    octets: c_int,
    read: c_int,
    written: c_int,
}

/// `struct dahdi_versioninfo`.
#[repr(C)]
struct VersionInfo {
    version: [u8; 80],
    echo_canceller: [u8; 80],
}

/// `struct dahdi_tone_def_header` with one `struct dahdi_tone_def` behind it.
#[repr(C)]
struct Zone {
    count: c_int,
    number: c_int,
    cadence: [c_int; 16],
    name: [u8; 40],
    tone: [c_int; 11],
}

/// `struct dahdi_ring_cadence`.
#[repr(C)]
struct Cadence([c_int; 16]);

const _: () = {
    assert!(size_of::<Params>() == 136);
    assert!(size_of::<SpanInfo>() == 314 && align_of::<SpanInfo>() == 1);
    assert!(size_of::<BufferInfo>() == 24);
    assert!(size_of::<VersionInfo>() == 160);
    assert!(size_of::<Zone>() == 112 + 44);
    assert!(size_of::<Cadence>() == 64);
};

mod raw {
    use std::ffi::{c_int, c_uint};

    const GROUP: u8 = 0xda;

    nix::ioctl_write_ptr!(flush, GROUP, 3, c_int);
    nix::ioctl_readwrite!(get_params, GROUP, 5, super::Params);
    nix::ioctl_write_ptr!(set_params, GROUP, 5, super::Params);
    nix::ioctl_write_ptr!(hook, GROUP, 7, c_int);
    nix::ioctl_read!(get_event, GROUP, 8, c_int);
    nix::ioctl_readwrite!(span_stat, GROUP, 10, super::SpanInfo);
    nix::ioctl_write_ptr!(set_tone_zone, GROUP, 22, c_int);
    // The number holds the header's size alone; its definitions follow it in memory.
    nix::ioctl_write_ptr_bad!(load_zone, nix::request_code_write!(GROUP, 25, 112), super::Zone);
    nix::ioctl_write_ptr!(set_buffers, GROUP, 27, super::BufferInfo);
    nix::ioctl_write_ptr!(audio_mode, GROUP, 32, c_int);
    nix::ioctl_write_ptr!(echo_cancel, GROUP, 33, c_int);
    nix::ioctl_write_ptr!(hdlc_fcs_mode, GROUP, 37, c_int);
    nix::ioctl_write_ptr!(specify, GROUP, 38, c_int);
    nix::ioctl_write_ptr!(set_law, GROUP, 39, c_int);
    nix::ioctl_write_ptr!(set_linear, GROUP, 40, c_int);
    nix::ioctl_write_ptr!(set_cadence, GROUP, 42, super::Cadence);
    nix::ioctl_write_ptr!(on_hook_transfer, GROUP, 51, c_int);
    nix::ioctl_read!(get_version, GROUP, 57, super::VersionInfo);
    nix::ioctl_write_ptr!(set_polarity, GROUP, 92, c_int);
    nix::ioctl_readwrite!(vmwi, GROUP, 94, c_int);
    nix::ioctl_write_ptr!(vmwi_config, GROUP, 95, c_uint);
}

/// Requests that carry one integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Flush,
    Hook,
    ToneZone,
    AudioMode,
    /// Taps of 125 us; 0 switches the canceller off.
    EchoCancel,
    HdlcFcsMode,
    Specify,
    Law,
    Linear,
    OnHookTransfer,
    Polarity,
    /// Number of waiting messages; 0 puts the lamp out.
    Vmwi,
    /// Bits of [`lamp`].
    VmwiConfig,
}

impl Request {
    /// DAHDI's name, for errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flush => "FLUSH",
            Self::Hook => "HOOK",
            Self::ToneZone => "SETTONEZONE",
            Self::AudioMode => "AUDIOMODE",
            Self::EchoCancel => "ECHOCANCEL",
            Self::HdlcFcsMode => "HDLCFCSMODE",
            Self::Specify => "SPECIFY",
            Self::Law => "SETLAW",
            Self::Linear => "SETLINEAR",
            Self::OnHookTransfer => "ONHOOKTRANSFER",
            Self::Polarity => "SETPOLARITY",
            Self::Vmwi => "VMWI",
            Self::VmwiConfig => "VMWI_CONFIG",
        }
    }
}

/// Makes a request that carries one integer.
pub(super) fn set(fd: impl AsFd, request: Request, value: i32) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    let mut integer: c_int = value;
    // SAFETY: every one of these requests reads (VMWI also may write) one integer of four octets through the pointer, which
    // lives until the call returns.
    let done = unsafe {
        match request {
            Request::Flush => raw::flush(fd, &raw const integer),
            Request::Hook => raw::hook(fd, &raw const integer),
            Request::ToneZone => raw::set_tone_zone(fd, &raw const integer),
            Request::AudioMode => raw::audio_mode(fd, &raw const integer),
            Request::EchoCancel => raw::echo_cancel(fd, &raw const integer),
            Request::HdlcFcsMode => raw::hdlc_fcs_mode(fd, &raw const integer),
            Request::Specify => raw::specify(fd, &raw const integer),
            Request::Law => raw::set_law(fd, &raw const integer),
            Request::Linear => raw::set_linear(fd, &raw const integer),
            Request::OnHookTransfer => raw::on_hook_transfer(fd, &raw const integer),
            Request::Polarity => raw::set_polarity(fd, &raw const integer),
            Request::Vmwi => raw::vmwi(fd, &raw mut integer),
            Request::VmwiConfig => raw::vmwi_config(fd, (&raw const integer).cast()),
        }
    };
    done.map(drop).map_err(io::Error::from)
}

/// `GETEVENT`: the oldest event, [`event::NONE`] when none is left.
pub(super) fn event(fd: impl AsFd) -> io::Result<i32> {
    let mut event = 0;
    // SAFETY: the request writes one integer.
    unsafe { raw::get_event(fd.as_fd().as_raw_fd(), &raw mut event) }?;
    Ok(event)
}

/// `GET_PARAMS`: of the open channel with number 0, or by `ctl` of any.
pub(super) fn params(fd: impl AsFd, channel: i32) -> io::Result<Params> {
    // SAFETY: integers and octets; all zeros is a value of each.
    let mut params: Params = unsafe { std::mem::zeroed() };
    params.channel = channel;
    // SAFETY: the request reads and fills a struct of this layout.
    unsafe { raw::get_params(fd.as_fd().as_raw_fd(), &raw mut params) }?;
    Ok(params)
}

/// `SET_PARAMS`.
pub(super) fn set_params(fd: impl AsFd, params: &Params) -> io::Result<()> {
    // SAFETY: the request reads a struct of this layout.
    unsafe { raw::set_params(fd.as_fd().as_raw_fd(), std::ptr::from_ref(params)) }?;
    Ok(())
}

/// `SPANSTAT`, by `ctl`.
pub(super) fn span(fd: impl AsFd, span: i32) -> io::Result<SpanInfo> {
    // SAFETY: integers and octets; all zeros is a value of each.
    let mut info: SpanInfo = unsafe { std::mem::zeroed() };
    info.span = span;
    // SAFETY: the request reads and fills a struct of this layout.
    unsafe { raw::span_stat(fd.as_fd().as_raw_fd(), &raw mut info) }?;
    Ok(info)
}

/// `SET_BUFINFO`: so many buffers of so many octets, sent at once. What is queued is lost.
pub(super) fn set_buffers(fd: impl AsFd, count: u16, octets: u16) -> io::Result<()> {
    let info = BufferInfo { count: count.into(), octets: octets.into(), ..BufferInfo::default() };
    // SAFETY: the request reads a struct of this layout.
    unsafe { raw::set_buffers(fd.as_fd().as_raw_fd(), &raw const info) }?;
    Ok(())
}

/// `SETCADENCE`: ringing on and off in turn, in ms; 0 ends it.
pub(super) fn set_cadence(fd: impl AsFd, cadence: [i32; 16]) -> io::Result<()> {
    let cadence = Cadence(cadence);
    // SAFETY: the request reads a struct of this layout.
    unsafe { raw::set_cadence(fd.as_fd().as_raw_fd(), &raw const cadence) }?;
    Ok(())
}

/// `LOADZONE`, by `ctl`: a zone with one silent tone, which is all that ringing needs.
pub(super) fn load_silent_zone(fd: impl AsFd, number: i32, name: &str) -> io::Result<()> {
    let mut zone = Zone { count: 1, number, cadence: [0; 16], name: [0; 40], tone: [0; 11] };
    for (at, octet) in zone.name.iter_mut().zip(name.bytes().take(39)) {
        *at = octet;
    }
    zone.cadence = [1000, 4000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // Tone 0, followed by itself, a second long, without frequencies.
    zone.tone = [0, 0, 8000, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: the request reads the header and as many definitions as its count says: one, which follows it.
    unsafe { raw::load_zone(fd.as_fd().as_raw_fd(), &raw const zone) }?;
    Ok(())
}

/// Makes the calling thread one of real time (`SCHED_FIFO`, priority 1 to 99).
pub(super) fn real_time(priority: u8) -> io::Result<()> {
    let parameters = nix::libc::sched_param { sched_priority: priority.into() };
    // SAFETY: the call reads a struct of this layout; 0 is the calling thread.
    let done = unsafe { nix::libc::sched_setscheduler(0, nix::libc::SCHED_FIFO, &raw const parameters) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Parameters of no channel.
#[cfg(test)]
pub(super) fn blank_params() -> Params {
    // SAFETY: integers and octets; all zeros is a value of each.
    unsafe { std::mem::zeroed() }
}

/// `GETVERSION`, by `ctl`.
pub(super) fn version(fd: impl AsFd) -> io::Result<String> {
    // SAFETY: octets; all zeros is a value of each.
    let mut info: VersionInfo = unsafe { std::mem::zeroed() };
    // SAFETY: the request fills a struct of this layout.
    unsafe { raw::get_version(fd.as_fd().as_raw_fd(), &raw mut info) }?;
    Ok(text(&info.version))
}

/// A descriptor of this runtime, woken by octets and by events: the kernel's POLLPRI wakes readers as POLLIN does.
pub(super) fn watch(file: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor, answers the same one each time, and is closed only after this `AsyncFd`
    // has let go of it.
    let watched = unsafe { AsyncFd::register_with_interest(file, Interest::READABLE | Interest::PRIORITY) };
    watched.map_err(|error| error.into_parts().1)
}

/// A field that a zero octet ends.
pub(super) fn text(field: &[u8]) -> String {
    let text = field.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim_end().to_owned()
}
