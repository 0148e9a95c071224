//! Header names: the registered ones by number, all others by text.

use std::fmt;

macro_rules! headers {
    ($($variant:ident $text:literal $(/ $compact:literal)?),+ $(,)?) => {
        /// A header field this crate knows by name. Comparison on the wire is case blind, and compact forms
        /// (RFC 3261 7.3.3) are the same header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Header {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        const NAMES: &[(&str, Header)] = &[$(($text, Header::$variant),)+];
        const COMPACT: &[(u8, Header)] = &[$($(($compact, Header::$variant),)?)+];

        impl Header {
            /// The name as the RFC that defines it writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Header::$variant => $text,)+ }
            }
        }
    };
}

headers! {
    Accept "Accept", AcceptContact "Accept-Contact" / b'a', AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language", AlertInfo "Alert-Info", Allow "Allow", AllowEvents "Allow-Events" / b'u',
    AuthenticationInfo "Authentication-Info", Authorization "Authorization", CallId "Call-ID" / b'i',
    CallInfo "Call-Info", CcDiversion "CC-Diversion", CcRedirect "CC-Redirect", CiscoGuid "Cisco-Guid",
    Contact "Contact" / b'm', ContentDisposition "Content-Disposition", ContentEncoding "Content-Encoding" / b'e',
    ContentLanguage "Content-Language", ContentLength "Content-Length" / b'l', ContentType "Content-Type" / b'c',
    CSeq "CSeq", Date "Date", Diversion "Diversion", ErrorInfo "Error-Info", Event "Event" / b'o',
    Expires "Expires", From "From" / b'f', HistoryInfo "History-Info", Identity "Identity" / b'y',
    InReplyTo "In-Reply-To", Join "Join", MaxForwards "Max-Forwards", MimeVersion "MIME-Version",
    MinExpires "Min-Expires", MinSe "Min-SE", Organization "Organization",
    PAssertedIdentity "P-Asserted-Identity", PPreferredIdentity "P-Preferred-Identity", Path "Path",
    Priority "Priority", Privacy "Privacy", ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization", ProxyRequire "Proxy-Require", RAck "RAck", Reason "Reason",
    RecordRoute "Record-Route", ReferSub "Refer-Sub", ReferTo "Refer-To" / b'r', ReferredBy "Referred-By" / b'b',
    RejectContact "Reject-Contact" / b'j', RemotePartyId "Remote-Party-ID", Replaces "Replaces",
    ReplyTo "Reply-To", RequestDisposition "Request-Disposition" / b'd', Require "Require",
    RetryAfter "Retry-After", Route "Route", RSeq "RSeq", Server "Server", ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" / b'x', SipETag "SIP-ETag", SipIfMatch "SIP-If-Match", Subject "Subject" / b's',
    SubscriptionState "Subscription-State", Supported "Supported" / b'k', Timestamp "Timestamp", To "To" / b't',
    Unsupported "Unsupported", UserAgent "User-Agent", UserToUser "User-to-User", Via "Via" / b'v',
    Warning "Warning", WwwAuthenticate "WWW-Authenticate",
}

const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

const fn slot(name: &[u8]) -> usize {
    // Length, first, middle and last octet separate the registered names well; the rest is probing.
    if name.is_empty() {
        return 0;
    }
    let first = (name[0] | 0x20) as usize;
    let middle = (name[name.len() / 2] | 0x20) as usize;
    let last = (name[name.len() - 1] | 0x20) as usize;
    (first * 7 + middle * 31 + last * 83 + name.len() * 131) % SLOTS
}

const TABLE: [u8; SLOTS] = {
    let mut table = [EMPTY; SLOTS];
    let mut i = 0;
    while i < NAMES.len() {
        let mut at = slot(NAMES[i].0.as_bytes());
        while table[at] != EMPTY {
            at = (at + 1) % SLOTS;
        }
        table[at] = i as u8;
        i += 1;
    }
    table
};

impl Header {
    /// The known header `name` spells, in long or compact form, in any case.
    pub fn from_bytes(name: &[u8]) -> Option<Header> {
        if let [one] = name {
            let one = one.to_ascii_lowercase();
            return COMPACT.iter().find(|(c, _)| *c == one).map(|(_, header)| *header);
        }
        if name.is_empty() {
            return None;
        }
        let mut at = slot(name);
        // The table is an eighth full, so a run always ends.
        loop {
            let (text, header) = NAMES.get(usize::from(*TABLE.get(at)?))?;
            // Most senders write it as the RFC does.
            if text.as_bytes() == name || text.as_bytes().eq_ignore_ascii_case(name) {
                return Some(*header);
            }
            at = (at + 1) % SLOTS;
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a header is looked up by: a [`Header`], or text for anything else.
#[derive(Clone, Copy, Debug)]
pub enum HeaderName<'a> {
    /// One of the known headers.
    Known(Header),
    /// Any other, compared without regard to case.
    Other(&'a str),
}

impl HeaderName<'_> {
    /// The name to write.
    pub fn as_str(&self) -> &str {
        match self {
            HeaderName::Known(header) => header.as_str(),
            HeaderName::Other(text) => text,
        }
    }
}

impl From<Header> for HeaderName<'_> {
    fn from(header: Header) -> Self {
        HeaderName::Known(header)
    }
}

impl<'a> From<&'a str> for HeaderName<'a> {
    fn from(text: &'a str) -> Self {
        Header::from_bytes(text.as_bytes()).map_or(HeaderName::Other(text), HeaderName::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_compact_form_is_found_in_any_case() {
        for (text, header) in NAMES {
            assert_eq!(Header::from_bytes(text.as_bytes()), Some(*header));
            assert_eq!(Header::from_bytes(text.to_uppercase().as_bytes()), Some(*header));
            assert_eq!(Header::from_bytes(text.to_lowercase().as_bytes()), Some(*header));
        }
        for (letter, header) in COMPACT {
            assert_eq!(Header::from_bytes(&[*letter]), Some(*header));
            assert_eq!(Header::from_bytes(&[letter.to_ascii_uppercase()]), Some(*header));
        }
        assert_eq!(Header::from_bytes(b"X-Unknown"), None);
        assert_eq!(Header::from_bytes(b"q"), None);
        assert_eq!(Header::from_bytes(b""), None);
    }
}
