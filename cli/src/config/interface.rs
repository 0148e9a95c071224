//! Interface names.

/// Types in the order in which a prefix is resolved: the first whose name begins with the typed letters, so that
/// common abbreviations (`gi`, `fa`, `lo`, `se`, `vl`) mean what they mean on a router.
const TYPES: &[&str] = &[
    "FastEthernet",
    "GigabitEthernet",
    "TenGigabitEthernet",
    "TwentyFiveGigE",
    "Ethernet",
    "Serial",
    "Loopback",
    "Vlan",
    "Tunnel",
    "Multilink",
    "Dialer",
    "BRI",
    "BVI",
    "Async",
    "Group-Async",
    "Port-channel",
    "Null",
    "Virtual-Template",
    "Virtual-PPP",
    "VirtualPortGroup",
    "Embedded-Service-Engine",
    "Integrated-Service-Engine",
    "Service-Engine",
    "Cellular",
    "Dot11Radio",
    "Wlan-GigabitEthernet",
    "wlan-ap",
    "Cable",
    "ATM",
    "ISM",
    "NVI",
    "ucse",
];

/// Canonical interface name of one typed word (`gi0/0`) or two (`gigabitEthernet 0/0`), and how many were used.
///
/// ```
/// use cli::config::interface_name;
/// assert_eq!(interface_name("gi0/0", None), Some(("GigabitEthernet0/0".into(), 1)));
/// assert_eq!(interface_name("se", Some("1/0:15")), Some(("Serial1/0:15".into(), 2)));
/// assert_eq!(interface_name("xyz0", None), None);
/// ```
pub fn interface_name(word: &str, following: Option<&str>) -> Option<(String, usize)> {
    let split = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
    // Dot11Radio and such carry a digit in their name.
    let (letters, number) = match TYPES.iter().find(|t| {
        t.bytes().any(|b| b.is_ascii_digit())
            && word.get(..t.len()).is_some_and(|head| head.eq_ignore_ascii_case(t))
    }) {
        Some(t) => word.split_at(t.len()),
        None => word.split_at(split),
    };
    if letters.is_empty() {
        return None;
    }
    let name = TYPES
        .iter()
        .find(|t| t.get(..letters.len()).is_some_and(|head| head.eq_ignore_ascii_case(letters)))?;
    if is_number(number) {
        return Some((format!("{name}{}", number.to_ascii_uppercase()), 1));
    }
    match following {
        Some(next) if number.is_empty() && is_number(next) => {
            Some((format!("{name}{}", next.to_ascii_uppercase()), 2))
        }
        _ => None,
    }
}

/// `0`, `0/0`, `0/0/0:15`, `0/0.100`, `0/0/0:D`.
fn is_number(text: &str) -> bool {
    text.len() <= 32
        && text.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && text.bytes().last().is_some_and(|b| b.is_ascii_digit() || b.eq_ignore_ascii_case(&b'd'))
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'/' | b':' | b'.' | b'D' | b'd'))
}
