//! Dialogs (RFC 3261 12): identifiers, sequence numbers, route sets, target refresh.
//!
//! A [`Dialog`] is bookkeeping without transactions: it writes the requests that go into it and checks
//! those that come. The user registers confirmed and early dialogs with [`crate::Endpoint::insert_dialog`],
//! so that the endpoint lets their requests pass.
//!
//! ```
//! use sip::{Dialog, Message, Method};
//! let invite = Message::parse(bytes::Bytes::from_static(
//!     b"INVITE sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:alice@a>;tag=1\r\nTo: <sip:8000@gw>\r\n\
//!       Call-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@192.0.2.9>\r\nRecord-Route: <sip:proxy;lr>\r\n\r\n",
//! ))?;
//! let mut dialog = Dialog::from_request(&invite, "ours")?;
//! let bye = dialog.request(Method::Bye);
//! assert_eq!(bye.uri(), "sip:alice@192.0.2.9");
//! assert_eq!(dialog.next_hop(), "sip:proxy;lr");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod tests;

use crate::message::{FieldError, Header, Message, Method, NameAddr, Reply, RequestBuilder, Uri};

/// Most Record-Route values taken into a route set.
const MAX_ROUTES: usize = 32;

/// RFC 3261 12: early until a 2xx, then confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogState {
    /// A provisional response with a To tag made it.
    Early,
    /// A 2xx, or a NOTIFY, made it so.
    Confirmed,
    /// It is over.
    Terminated,
}

/// One peer-to-peer relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    state: DialogState,
    call_id: String,
    local_tag: String,
    /// Empty for an RFC 2543 peer.
    remote_tag: String,
    /// Name and address without tag, for From.
    local: String,
    /// Name and address without tag, for To.
    remote: String,
    remote_target: String,
    route_set: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    secure: bool,
}

/// Why a message makes no dialog, or does not belong into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A header is missing or malformed: 400.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Call-ID or tags are another dialog's: 481.
    #[error("the message belongs to another dialog")]
    Other,
    /// CSeq is lower than one seen before: 500 (RFC 3261 12.2.2).
    #[error("CSeq {found} expected to be above {highest}")]
    OutOfOrder {
        /// Highest so far.
        highest: u32,
        /// In the request.
        found: u32,
    },
    /// The response makes no dialog: 100, no To tag, or a refusal.
    #[error("a {0} without To tag, or no 101 to 299, makes no dialog")]
    NoDialog(u16),
}

impl DialogError {
    /// The response that is owed when a request was refused.
    pub fn reply(&self) -> Reply {
        match self {
            DialogError::Field(error) => Reply::new(400).reason(&error.reason_phrase()),
            DialogError::Other => Reply::new(481),
            //= RFC 3261 12.2.2: "If the remote sequence number was not empty, but the sequence number of
            //= the request is lower than the remote sequence number, the request is out of order and MUST
            //= be rejected with a 500 (Server Internal Error) response."
            DialogError::OutOfOrder { .. } | DialogError::NoDialog(_) => Reply::new(500),
        }
    }
}

impl Dialog {
    /// The server's side: what our response with `local_tag` in To makes of `request` (RFC 3261 12.1.1).
    /// Early; see [`Dialog::confirm`].
    ///
    /// # Errors
    /// A header is missing or malformed; Contact counts as mandatory, except with NOTIFY.
    pub fn from_request(request: &Message, local_tag: &str) -> Result<Dialog, DialogError> {
        let (from, to) = (request.from()?, request.to()?);
        let contact = match request.contact()? {
            Some(contact) => contact.uri_str()?,
            None if request.method_ref() == Some(&Method::Notify) => from.uri_str()?,
            None => return Err(FieldError::Missing(Header::Contact).into()),
        };
        Ok(Dialog {
            state: DialogState::Early,
            call_id: request.call_id()?.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: from.tag().unwrap_or_default().to_owned(),
            local: plain(&to)?,
            remote: plain(&from)?,
            remote_target: contact.to_owned(),
            //= RFC 3261 12.1.1: "The route set MUST be set to the list of URIs in the Record-Route header
            //= field from the request, taken in order and preserving all URI parameters."
            route_set: record_routes(request)?,
            local_cseq: 0,
            remote_cseq: Some(request.cseq()?.number),
            secure: request
                .request_uri()
                .is_some_and(|uri| uri.get(..5).is_some_and(|s| s.eq_ignore_ascii_case("sips:"))),
        })
    }

    /// The client's side: what `response`, 101 to 299, makes (RFC 3261 12.1.2). `target` is the
    /// Request-URI, used while the response has no Contact.
    ///
    /// # Errors
    /// The response makes no dialog, or a header is missing or malformed.
    pub fn from_response(response: &Message, target: &str) -> Result<Dialog, DialogError> {
        let status = response.status().map_or(0, |status| status.as_u16());
        let (from, to, cseq) = (response.from()?, response.to()?, response.cseq()?);
        // A 2xx without tag comes from an RFC 2543 peer and makes a dialog all the same (RFC 3261 12.1.2).
        if !(101..300).contains(&status) || (status < 200 && to.tag().is_none()) {
            return Err(DialogError::NoDialog(status));
        }
        let mut dialog = Dialog {
            state: if status < 200 { DialogState::Early } else { DialogState::Confirmed },
            call_id: response.call_id()?.to_owned(),
            local_tag: from.tag().unwrap_or_default().to_owned(),
            remote_tag: to.tag().unwrap_or_default().to_owned(),
            local: plain(&from)?,
            remote: plain(&to)?,
            remote_target: target.to_owned(),
            route_set: Vec::new(),
            local_cseq: cseq.number,
            remote_cseq: None,
            secure: target.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:")),
        };
        dialog.take_route_set(response)?;
        dialog.refresh_target(response)?;
        Ok(dialog)
    }

    /// The dialog becomes confirmed. The client passes the 2xx, whose Record-Route and Contact replace
    /// those of the provisional response (RFC 3261 13.2.2.4).
    ///
    /// # Errors
    /// A header of the 2xx is malformed.
    pub fn confirm(&mut self, answer: Option<&Message>) -> Result<(), DialogError> {
        if let Some(answer) = answer {
            if self.state == DialogState::Early {
                self.take_route_set(answer)?;
            }
            self.refresh_target(answer)?;
        }
        if self.state == DialogState::Early {
            self.state = DialogState::Confirmed;
        }
        Ok(())
    }

    /// Our requests count on from here, if that is further: for a dialog of an earlier run, whose last number is not known.
    pub fn count_from(&mut self, cseq: u32) {
        self.local_cseq = self.local_cseq.max(cseq);
    }

    /// The dialog is over.
    pub fn terminate(&mut self) {
        self.state = DialogState::Terminated;
    }

    /// Early, confirmed or over.
    pub fn state(&self) -> DialogState {
        self.state
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The tag requests from the peer carry in To.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The tag requests from the peer carry in From; empty for an RFC 2543 peer.
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// The peer's Contact.
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// Name and address of the peer, as in From and To, without tag.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The routes, the first to be visited first.
    pub fn route_set(&self) -> &[String] {
        &self.route_set
    }

    /// The number of our latest request.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// A NOTIFY made the dialog: our SUBSCRIBE's number counts.
    pub(crate) fn set_local_cseq(&mut self, number: u32) {
        self.local_cseq = number;
    }

    /// Whether the first request went to a `sips:` URI.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether `message` has this dialog's Call-ID and tags: a request from the peer, or a response to ours.
    pub fn matches(&self, message: &Message) -> bool {
        let (Ok(call_id), Ok(from), Ok(to)) = (message.call_id(), message.from(), message.to()) else {
            return false;
        };
        let (local, remote) = if message.is_request() { (to, from) } else { (from, to) };
        call_id == self.call_id
            && local.tag().unwrap_or_default() == self.local_tag
            && remote.tag().unwrap_or_default() == self.remote_tag
    }

    /// A request inside the dialog with the next CSeq (RFC 3261 12.2.1.1). Contact, body and what else the
    /// method needs is the user's. For ACK see [`Dialog::ack`]; CANCEL belongs to a transaction, not to a
    /// dialog.
    pub fn request(&mut self, method: Method) -> RequestBuilder {
        let cseq = self.next_cseq();
        self.build(method, cseq)
    }

    /// Takes the next CSeq, for a request that is sent once more.
    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.saturating_add(1).min((1 << 31) - 1);
        self.local_cseq
    }

    /// The ACK to the 2xx of our INVITE whose CSeq number was `invite` (RFC 3261 13.2.2.4).
    pub fn ack(&self, invite: u32) -> RequestBuilder {
        self.build(Method::Ack, invite)
    }

    /// Where requests are sent: the first route, else the remote target (RFC 3261 12.2.1.1 and 8.1.2).
    pub fn next_hop(&self) -> &str {
        self.route_set.first().unwrap_or(&self.remote_target)
    }

    /// Checks a request from the peer, takes its CSeq, and its Contact where the method refreshes the
    /// target (INVITE, UPDATE, SUBSCRIBE, NOTIFY, REFER). ACK and CANCEL have the number of their INVITE
    /// and are not counted.
    ///
    /// # Errors
    /// [`DialogError::reply`] is what the request is answered with.
    pub fn handle_request(&mut self, request: &Message) -> Result<(), DialogError> {
        if !self.matches(request) || self.state == DialogState::Terminated {
            return Err(DialogError::Other);
        }
        if matches!(request.method_ref(), Some(Method::Ack | Method::Cancel)) {
            return Ok(());
        }
        let found = request.cseq()?.number;
        match self.remote_cseq {
            Some(highest) if found <= highest => return Err(DialogError::OutOfOrder { highest, found }),
            _ => self.remote_cseq = Some(found),
        }
        if refreshes_target(request.method_ref()) {
            self.refresh_target(request)?;
        }
        Ok(())
    }

    /// Takes the Contact of a response to a target refresh request of ours.
    ///
    /// # Errors
    /// Contact is malformed.
    pub fn handle_response(&mut self, response: &Message) -> Result<(), DialogError> {
        let success = response.status().is_some_and(|status| status.is_success());
        if success && refreshes_target(response.cseq().ok().map(|cseq| cseq.method()).as_ref()) {
            self.refresh_target(response)?;
        }
        Ok(())
    }

    pub(crate) fn refresh_target(&mut self, message: &Message) -> Result<(), DialogError> {
        if let Some(contact) = message.contact()? {
            // A target nobody can send to would end the dialog: keep the old one.
            contact.uri()?;
            self.remote_target = contact.uri_str()?.to_owned();
        }
        Ok(())
    }

    fn take_route_set(&mut self, response: &Message) -> Result<(), DialogError> {
        //= RFC 3261 12.1.2: "The route set MUST be set to the list of URIs in the Record-Route header field
        //= from the response, taken in reverse order and preserving all URI parameters."
        self.route_set = record_routes(response)?;
        self.route_set.reverse();
        Ok(())
    }

    fn build(&self, method: Method, cseq: u32) -> RequestBuilder {
        let tagged = |address: &str, tag: &str| match tag {
            "" => address.to_owned(),
            tag => format!("{address};tag={tag}"),
        };
        let (target, routes) = self.target_and_routes();
        let mut request = RequestBuilder::new(method, &target)
            .header(Header::From, tagged(&self.local, &self.local_tag))
            .header(Header::To, tagged(&self.remote, &self.remote_tag))
            .header(Header::CallId, &self.call_id)
            .cseq(cseq);
        for route in routes {
            request = request.header(Header::Route, format!("<{route}>"));
        }
        request
    }

    /// Request-URI and Route (RFC 3261 12.2.1.1).
    fn target_and_routes(&self) -> (String, Vec<&str>) {
        let loose = |route: &str| Uri::parse(route).is_ok_and(|uri| uri.param("lr").is_some());
        match self.route_set.split_first() {
            //= RFC 3261 12.2.1.1: "If the route set is not empty, and its first URI does not contain the lr
            //= parameter, the UAC MUST place the first URI from the route set into the Request-URI,
            //= stripping any parameters that are not allowed in a Request-URI."
            Some((first, rest)) if !loose(first) => {
                let routes = rest.iter().map(String::as_str).chain([self.remote_target.as_str()]).collect();
                (for_request_uri(first), routes)
            }
            _ => (for_request_uri(&self.remote_target), self.route_set.iter().map(String::as_str).collect()),
        }
    }
}

fn refreshes_target(method: Option<&Method>) -> bool {
    matches!(
        method,
        Some(Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
    )
}

/// RFC 3261 19.1.1: a Request-URI has no headers and no `method` parameter.
fn for_request_uri(uri: &str) -> String {
    let without_headers = match uri.split_once('@') {
        // A `?` in the user part is no separator.
        Some((user, rest)) => uri.get(..user.len() + 1 + rest.find('?').unwrap_or(rest.len())),
        None => uri.get(..uri.find('?').unwrap_or(uri.len())),
    };
    let bare = without_headers.unwrap_or(uri);
    let host_at = bare.find('@').map_or(0, |at| at + 1);
    let (user, host) = bare.split_at_checked(host_at).unwrap_or(("", bare));
    let kept: Vec<&str> = host
        .split(';')
        .filter(|part| !part.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("method")))
        .collect();
    format!("{user}{}", kept.join(";"))
}

fn record_routes(message: &Message) -> Result<Vec<String>, FieldError> {
    let uri = |route: NameAddr<'_>| {
        // It may become a Request-URI: text that is no URI would make a message that nobody can read.
        route.uri()?;
        route.uri_str().map(ToOwned::to_owned)
    };
    message.record_routes().take(MAX_ROUTES).map(|route| uri(route?)).collect()
}

/// Name and address as they go into From and To, without parameters.
fn plain(address: &NameAddr<'_>) -> Result<String, FieldError> {
    let uri = address.uri_str()?;
    let display = address.display();
    if display.is_empty() {
        return Ok(format!("<{uri}>"));
    }
    let mut quoted = String::with_capacity(display.len() + uri.len() + 6);
    for c in display.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    Ok(format!("\"{quoted}\" <{uri}>"))
}

/// The dialogs one INVITE or SUBSCRIBE of ours made, one per fork (RFC 3261 12.1.2 and 13.2.2.4).
#[derive(Clone, Debug, Default)]
pub struct DialogSet {
    dialogs: Vec<Dialog>,
}

/// Most forks followed; responses of further ones are an error.
const MAX_FORKS: usize = 16;

impl DialogSet {
    /// An empty set.
    pub fn new() -> DialogSet {
        DialogSet::default()
    }

    /// Takes a response 101 to 299: finds its dialog, or makes it; a 2xx confirms it.
    ///
    /// # Errors
    /// As [`Dialog::from_response`]; [`DialogError::Other`] beyond 16 forks.
    pub fn handle_response(&mut self, response: &Message, target: &str) -> Result<&mut Dialog, DialogError> {
        let status = response.status().map_or(0, |status| status.as_u16());
        if let Some(at) = self.dialogs.iter().position(|dialog| dialog.matches(response)) {
            let dialog = self.dialogs.get_mut(at).ok_or(DialogError::Other)?;
            match status {
                200..300 => dialog.confirm(Some(response))?,
                101..200 => dialog.refresh_target(response)?,
                _ => return Err(DialogError::NoDialog(status)),
            }
            return Ok(dialog);
        }
        let dialog = Dialog::from_response(response, target)?;
        if self.dialogs.len() >= MAX_FORKS {
            return Err(DialogError::Other);
        }
        self.dialogs.push(dialog);
        self.dialogs.last_mut().ok_or(DialogError::Other)
    }

    /// All dialogs, in the order they appeared.
    pub fn iter(&self) -> impl Iterator<Item = &Dialog> {
        self.dialogs.iter()
    }

    /// The dialog a message belongs to.
    pub fn find(&mut self, message: &Message) -> Option<&mut Dialog> {
        self.dialogs.iter_mut().find(|dialog| dialog.matches(message))
    }

    /// Takes out the early dialogs, which a final response other than 2xx ends, or a 2xx of another fork in
    /// the end (RFC 3261 13.2.2.3).
    pub fn take_early(&mut self) -> Vec<Dialog> {
        let (early, rest) =
            std::mem::take(&mut self.dialogs).into_iter().partition(|d| d.state() == DialogState::Early);
        self.dialogs = rest;
        early
    }
}
