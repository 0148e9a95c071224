//! The descriptors that a service manager hands over (`sd_listen_fds(3)`).

// The one place of the program with `unsafe`: it takes descriptors that were there before it began.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd as _, OwnedFd};

/// The descriptors with their names; none where nobody hands any over. To be called once, before anything is opened.
pub(crate) fn take() -> Vec<(OwnedFd, String)> {
    match sd_notify::listen_fds_with_names() {
        Ok(given) => {
            // SAFETY: the service manager has opened these for this very process (`LISTEN_PID`), they are open (each was just
            // marked to be closed on exec), and nobody else in it knows of them: this is the first thing the program does.
            given.map(|(number, name)| (unsafe { OwnedFd::from_raw_fd(number) }, name)).collect()
        }
        Err(error) => {
            eprintln!("tipringd: descriptors of the service manager: {error}");
            Vec::new()
        }
    }
}
