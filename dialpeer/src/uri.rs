//! `voice class uri`: URIs that dial peers are chosen by.

use regex_lite::Regex;

/// Hosts of one class at most (IOS: 10).
const MAX_HOSTS: usize = 32;

/// A class of URIs.
///
/// `pattern` is looked for in the whole URI and stands alone; otherwise every kind of line that is there has to fit:
/// any `host`, and `user-id` or `phone number`. A class without lines fits nothing.
///
/// ```
/// use dialpeer::uri::UriClass;
///
/// let class = UriClass::new(["host ipv4:192.0.2.9", "user-id 80.."]);
/// assert!(class.matches("sip:8001@192.0.2.9:5060;user=phone"));
/// assert!(!class.matches("sip:8001@192.0.2.8"));
/// assert!(!class.matches("sip:7001@192.0.2.9"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct UriClass {
    hosts: Vec<Host>,
    pattern: Option<Regex>,
    user: Option<Regex>,
    /// A line that cannot be read: nothing fits then.
    broken: bool,
}

#[derive(Debug, Clone)]
enum Host {
    /// `ipv4:…`, `ipv6:[…]`, `dns:…`: the host itself.
    Exact(String),
    Pattern(Regex),
}

impl UriClass {
    /// The class of these lines; others than `host`, `pattern`, `user-id` and `phone number` are passed over.
    #[must_use]
    pub fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut class = Self::default();
        for line in lines {
            let Some((kind, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim();
            match kind {
                "host" if class.hosts.len() < MAX_HOSTS => {
                    let exact = ["ipv4:", "ipv6:", "dns:"].iter().find_map(|kind| rest.strip_prefix(kind));
                    match exact {
                        Some(host) => class.hosts.push(Host::Exact(bare(host).to_ascii_lowercase())),
                        None => match Regex::new(rest) {
                            Ok(pattern) => class.hosts.push(Host::Pattern(pattern)),
                            Err(_) => class.broken = true,
                        },
                    }
                }
                "pattern" => class.set(rest, |class| &mut class.pattern),
                "user-id" => class.set(&format!("^(?:{rest})$"), |class| &mut class.user),
                "phone" => {
                    if let Some(number) = rest.strip_prefix("number ") {
                        class.set(number.trim(), |class| &mut class.user);
                    }
                }
                _ => {}
            }
        }
        class
    }

    fn set(&mut self, text: &str, place: impl FnOnce(&mut Self) -> &mut Option<Regex>) {
        match Regex::new(text) {
            Ok(pattern) => *place(self) = Some(pattern),
            Err(_) => self.broken = true,
        }
    }

    /// Whether a URI is of the class; `uri` may be a mere `host[:port]`, as in Via.
    #[must_use]
    pub fn matches(&self, uri: &str) -> bool {
        if self.broken {
            return false;
        }
        if let Some(pattern) = &self.pattern {
            return pattern.is_match(uri);
        }
        let (user, host) = parts(uri);
        let host = host.to_ascii_lowercase();
        let is_host = |wanted: &Host| match wanted {
            Host::Exact(wanted) => *wanted == host,
            Host::Pattern(pattern) => pattern.is_match(&host),
        };
        let says = !self.hosts.is_empty() || self.user.is_some();
        says && (self.hosts.is_empty() || self.hosts.iter().any(is_host))
            && self.user.as_ref().is_none_or(|pattern| pattern.is_match(user))
    }
}

/// User (or telephone number) and host of a URI.
fn parts(uri: &str) -> (&str, &str) {
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest))
            if ["sip", "sips", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) =>
        {
            (scheme, rest)
        }
        _ => ("", uri),
    };
    let rest = rest.split(['?', '>']).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("tel") {
        return (rest.split(';').next().unwrap_or_default(), "");
    }
    // A user may have parameters of its own; behind the host come those of the URI.
    let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let user = user.split([';', ':']).next().unwrap_or_default();
    (user, bare(rest.split(';').next().unwrap_or_default()))
}

/// A host without its port and brackets.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_has_to_fit() {
        let is = |lines: &[&str], uri: &str| UriClass::new(lines.iter().copied()).matches(uri);
        assert!(is(&["host dns:PBX.example"], "sips:a@pbx.example:5061;x=y"));
        assert!(is(&["host ipv4:192.0.2.1", "host ipv4:192.0.2.2"], "192.0.2.2:5060"));
        assert!(is(&["host ipv6:[2001:db8::1]"], "sip:a@[2001:db8::1]:5060"));
        assert!(is(&["host .*\\.example$"], "sip:a@pbx.example"));
        assert!(!is(&["host ipv4:192.0.2.1"], "sip:192.0.2.1@192.0.2.2"));
        assert!(is(&["pattern dtg=OUT"], "sip:5551234;dtg=OUT@192.0.2.1"));
        assert!(!is(&["pattern dtg=OUT"], "sip:5551234@192.0.2.1"));
        assert!(is(&["user-id 8..."], "sip:8001;phone-context=x@h"));
        assert!(!is(&["user-id 8..."], "sip:18001@h"));
        assert!(is(&["phone number ^\\+49"], "tel:+4930123;x=y"));
        assert!(!is(&[], "sip:a@b"), "an empty class fits nothing");
        assert!(!is(&["pattern ("], "sip:(@b"), "nor one that cannot be read");
        for odd in ["", ":", "@", "sip:", "sip:@", "[", "sip:a@[", "tel:"] {
            assert!(!is(&["host ipv4:192.0.2.1"], odd));
        }
    }
}
