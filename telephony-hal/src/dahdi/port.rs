//! One open channel: what the backend asks of the kernel, and the kernel itself. Tests put a channel of their own in its place.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::task::{Context, Poll, ready};

use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::unix::AsyncFd;

use super::DahdiError;
use super::sys::{self, Params, Request};

/// A channel, open.
pub(super) trait Port: Debug + Send {
    /// The oldest event that waits, [`sys::event::NONE`] without any.
    fn event(&mut self) -> io::Result<i32>;
    fn set(&mut self, request: Request, value: i32) -> io::Result<()>;
    fn params(&mut self) -> io::Result<Params>;
    fn set_params(&mut self, params: &Params) -> io::Result<()>;
    /// One buffer.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize>;
    /// One buffer.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize>;
    /// Lets what the board brings wake a thread.
    fn set_pace(&self, pace: &Pace) -> io::Result<()>;
    /// Takes that back.
    fn leave_pace(&self, pace: &Pace) -> io::Result<()>;
}

/// A channel whose changes wake a task.
pub(super) trait WatchedPort: Port {
    /// Something may have happened since the last call that was ready: look at events and octets again.
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// The same channel once more, for a thread; it is closed when both are.
    fn for_thread(&self) -> io::Result<Box<dyn Port>>;
}

/// What wakes a thread: boards that have something.
#[derive(Debug)]
pub(super) struct Pace(Epoll);

impl Pace {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// Waits until a board has something, or for `timeout`.
    pub(super) fn wait(&self, timeout: EpollTimeout) {
        // Interrupted, or nothing came: the caller looks anyway.
        let _ = self.0.wait(&mut [EpollEvent::empty()], timeout);
    }
}

/// The kernel's, watched by a task.
#[derive(Debug)]
pub(super) struct KernelPort(AsyncFd<File>);

/// The kernel's, for a thread.
#[derive(Debug)]
pub(super) struct ThreadPort(File);

/// Opens a channel with buffers of `octets`; the number is the one of `lsdahdi`.
pub(super) fn open(channel: u32, buffers: u16, octets: u16) -> Result<KernelPort, DahdiError> {
    let file = open_file(channel, buffers, octets)?;
    sys::watch(file).map(KernelPort).map_err(|error| DahdiError::channel(channel, "epoll", error))
}

/// As [`open`], for a thread.
pub(super) fn open_for_thread(channel: u32, buffers: u16, octets: u16) -> Result<ThreadPort, DahdiError> {
    open_file(channel, buffers, octets).map(ThreadPort)
}

fn open_file(channel: u32, buffers: u16, octets: u16) -> Result<File, DahdiError> {
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
    Ok(file)
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
}

impl WatchedPort for KernelPort {
    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Cleared before the caller looks: what happens from now on is a new change.
        ready!(self.0.poll_read_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }

    fn for_thread(&self) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(ThreadPort(self.file().try_clone()?)))
    }
}

impl KernelPort {
    fn file(&self) -> &File {
        self.0.get_ref()
    }
}

impl ThreadPort {
    fn file(&self) -> &File {
        &self.0
    }
}

macro_rules! kernel {
    ($($port:ty),*) => { $(
        impl Port for $port {
            fn event(&mut self) -> io::Result<i32> {
                sys::event(self.file())
            }

            fn set(&mut self, request: Request, value: i32) -> io::Result<()> {
                sys::set(self.file(), request, value)
            }

            fn params(&mut self) -> io::Result<Params> {
                sys::params(self.file(), 0)
            }

            fn set_params(&mut self, params: &Params) -> io::Result<()> {
                sys::set_params(self.file(), params)
            }

            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.file().read(out)
            }

            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                self.file().write(octets)
            }

            fn set_pace(&self, pace: &Pace) -> io::Result<()> {
                let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLPRI;
                Ok(pace.0.add(self.file(), EpollEvent::new(flags, 0))?)
            }

            fn leave_pace(&self, pace: &Pace) -> io::Result<()> {
                Ok(pace.0.delete(self.file())?)
            }
        }
    )* };
}

kernel!(KernelPort, ThreadPort);
