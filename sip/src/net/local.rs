//! Our own address, as the routing table has it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

/// How long the system's answer is believed: an address or route that changes counts after this.
const BELIEVED: Duration = Duration::from_secs(1);
/// Peers remembered; with more all are asked for anew.
const REMEMBERED: usize = 1024;

thread_local! {
    static RECENT: RefCell<HashMap<IpAddr, (Instant, IpAddr)>> = RefCell::default();
}

/// The address this machine would use towards `remote`: for Via, Contact and SDP where sockets are bound to
/// all addresses. Nothing is sent.
///
/// # Errors
/// No route.
pub fn local_address_for(remote: IpAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((unspecified(remote), 0))?;
    socket.connect((remote, 5060))?;
    Ok(socket.local_addr()?.ip())
}

/// [`local_address_for`] as it was within the last second: what is asked for every message costs three system calls
/// otherwise. Each thread remembers for itself.
///
/// # Errors
/// No route.
pub fn recent_local_address_for(remote: IpAddr) -> io::Result<IpAddr> {
    RECENT.with_borrow_mut(|recent| {
        let now = Instant::now();
        if let Some((asked, address)) = recent.get(&remote)
            && now.duration_since(*asked) < BELIEVED
        {
            return Ok(*address);
        }
        // No answer is not remembered: the route may be there for the next message.
        recent.remove(&remote);
        let address = local_address_for(remote)?;
        if recent.len() >= REMEMBERED {
            recent.clear();
        }
        recent.insert(remote, (now, address));
        Ok(address)
    })
}

/// The unspecified address of the same family.
pub(super) fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_system_says_and_is_bounded() {
        let peer = |n: u32| IpAddr::from(Ipv4Addr::from(0x7f00_0000 + n));
        for n in 1..=REMEMBERED as u32 + 10 {
            assert_eq!(recent_local_address_for(peer(n)).ok(), local_address_for(peer(n)).ok());
        }
        assert!(RECENT.with_borrow(HashMap::len) <= REMEMBERED);
        let asked = |peer| RECENT.with_borrow(|recent| recent.get(&peer).map(|(asked, _)| *asked));
        let last = peer(REMEMBERED as u32 + 10);
        let before = asked(last);
        assert!(before.is_some());
        // Asked long ago: asked again.
        let old = Instant::now().checked_sub(BELIEVED);
        RECENT.with_borrow_mut(|recent| {
            if let (Some(entry), Some(old)) = (recent.get_mut(&last), old) {
                *entry = (old, IpAddr::from([192, 0, 2, 1]));
            }
        });
        assert_eq!(recent_local_address_for(last).ok(), local_address_for(last).ok());
    }
}
