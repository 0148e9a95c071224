//! One open channel: what the backend asks of the kernel, and the kernel itself. Tests put a channel of their own in its place.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::task::{Context, Poll, ready};

use nix::fcntl::OFlag;
use tokio::io::unix::AsyncFd;

use super::DahdiError;
use super::sys::{self, Params, Request};

/// A channel, open.
pub(super) trait Port: Debug + Send {
    /// Something may have happened since the last call that was ready: look at events and octets again.
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// The oldest event that waits, [`sys::event::NONE`] without any.
    fn event(&mut self) -> io::Result<i32>;
    fn set(&mut self, request: Request, value: i32) -> io::Result<()>;
    fn params(&mut self) -> io::Result<Params>;
    /// One buffer.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize>;
    /// One buffer.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize>;
}

/// The kernel's.
#[derive(Debug)]
pub(super) struct KernelPort(AsyncFd<File>);

/// Opens a channel with buffers of `octets`; the number is the one of `lsdahdi`.
pub(super) fn open(channel: u32, buffers: u16, octets: u16) -> Result<KernelPort, DahdiError> {
    let failed = |what| move |error: io::Error| DahdiError::channel(channel, what, error);
    let node = Path::new("/dev/dahdi/channel");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits())
        .open(node)
        .map_err(|error| DahdiError::new(node.display().to_string(), "open", error))?;
    let number = i32::try_from(channel).unwrap_or(i32::MAX);
    sys::set(&file, Request::Specify, number).map_err(failed("SPECIFY"))?;
    sys::set_buffers(&file, buffers, octets).map_err(failed("SET_BUFINFO"))?;
    sys::watch(file).map(KernelPort).map_err(failed("epoll"))
}

/// Opens `/dev/dahdi/ctl`.
pub(super) fn control() -> Result<File, DahdiError> {
    let node = Path::new("/dev/dahdi/ctl");
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(node)
        .map_err(|error| DahdiError::new(node.display().to_string(), "open", error))
}

impl KernelPort {
    pub(super) fn set_cadence(&self, cadence: [i32; 16]) -> io::Result<()> {
        sys::set_cadence(self.0.get_ref(), cadence)
    }

    pub(super) fn set_params(&self, params: &Params) -> io::Result<()> {
        sys::set_params(self.0.get_ref(), params)
    }
}

impl Port for KernelPort {
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Cleared before the caller looks: what happens from now on is a new change.
        ready!(self.0.poll_read_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }

    fn event(&mut self) -> io::Result<i32> {
        sys::event(self.0.get_ref())
    }

    fn set(&mut self, request: Request, value: i32) -> io::Result<()> {
        sys::set(self.0.get_ref(), request, value)
    }

    fn params(&mut self) -> io::Result<Params> {
        sys::params(self.0.get_ref(), 0)
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(out)
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.get_ref().write(octets)
    }
}
