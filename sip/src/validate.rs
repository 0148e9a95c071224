//! What response a request is owed before its meaning is looked at (RFC 3261 8.2, RFC 6665 4.1.3).
//!
//! The other half of reading: [`Message::parse`] takes nearly everything, this names what is wrong with it.

use crate::config::EndpointConfig;
use crate::message::scan::is_token;
use crate::message::{Facts, Faults, FieldError, Header, Message, Method, ParamValue, Reply};

/// Checks a request as a user agent server has to before serving it.
///
/// Everything but the state of transactions and dialogs is looked at, in the order of RFC 3261 8.2:
/// version, syntax of the mandatory headers, method, Request-URI scheme, Require, content coding, event
/// package.
///
/// # Errors
/// The response that is owed, boxed because it is the rare case. For ACK the caller must stay silent instead
/// (RFC 3261 17.1.1.3).
pub fn check_request(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    check(&Facts::new(request), config)
}

/// [`check_request`] for a request whose mandatory headers have been read.
pub(crate) fn check(facts: &Facts<'_>, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    let request = facts.request;
    //= RFC 3261 21.5.6: "The server does not support, or refuses to support, the SIP protocol version that
    //= was used in the request."
    if !request.version().eq_ignore_ascii_case("SIP/2.0") {
        return refuse(505);
    }
    whole_message(request, config)?;
    mandatory_headers(facts)?;
    method(request, config)?;
    request_uri(request, config)?;
    extensions(request, config)?;
    event_package(request, config)
}

/// The value of an `Allow` header.
pub(crate) fn allow(config: &EndpointConfig) -> String {
    let names: Vec<&str> = config.allow.iter().map(Method::as_str).collect();
    names.join(", ")
}

/// The 200 to an OPTIONS (RFC 3261 11.2).
pub(crate) fn options_reply(config: &EndpointConfig) -> Reply {
    let mut reply = Reply::new(200).header(Header::Allow, allow(config));
    for (header, values) in [
        (Header::Accept, &config.accept),
        (Header::AllowEvents, &config.allow_events),
        (Header::Supported, &config.supported),
    ] {
        if !values.is_empty() {
            reply = reply.header(header, values.join(", "));
        }
    }
    reply
}

fn refuse(status: u16) -> Result<(), Box<Reply>> {
    Err(Box::new(Reply::new(status)))
}

fn bad_request(why: &str) -> Box<Reply> {
    Box::new(Reply::new(400).reason(&format!("Bad Request - {why}")))
}

fn bad_field(error: &FieldError) -> Box<Reply> {
    Box::new(Reply::new(400).reason(&error.reason_phrase()))
}

fn whole_message(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    let faults = request.faults();
    for (fault, why) in [
        (Faults::TOO_MANY_HEADERS, "Too many header fields"),
        (Faults::BAD_CONTENT_LENGTH, "Malformed Content-Length"),
        (Faults::DIFFERENT_CONTENT_LENGTHS, "Two different Content-Length"),
        //= RFC 3261 18.3: "If the transport packet ends before the end of the message body, this is
        //= considered an error."
        (Faults::SHORT_BODY, "Body shorter than Content-Length"),
    ] {
        if faults.contains(fault) {
            return Err(bad_request(why));
        }
    }
    let limits = &config.limits;
    if request.uri_octets().len() > limits.uri {
        return refuse(414);
    }
    let (longest, name) = request.longest_header();
    if longest > limits.header {
        let name: String = name.chars().take(40).collect();
        return Err(bad_request(&format!("{name} is {longest} octets, limit {}", limits.header)));
    }
    if request.body().len() > limits.body {
        return refuse(413);
    }
    Ok(())
}

fn mandatory_headers(facts: &Facts<'_>) -> Result<(), Box<Reply>> {
    let request = facts.request;
    let once = [Header::From, Header::To, Header::CallId, Header::CSeq, Header::MaxForwards];
    if let Some(header) = request.repeated(&once) {
        return Err(bad_request(&format!("Multiple {header}")));
    }
    // A request without any Via comes from real senders; it is answered to where it came from.
    if let Some(Err(error)) = &facts.via {
        return Err(bad_field(error));
    }
    if let Some(Err(error)) = request.vias().skip(1).find(Result::is_err) {
        return Err(bad_field(&error));
    }
    // Where Contact makes a dialog or a binding. A voice mail's NOTIFY is not refused for its Contact.
    let uses_contact = matches!(
        request.method_ref(),
        Some(Method::Invite | Method::Register | Method::Subscribe | Method::Refer | Method::Update)
    );
    if uses_contact {
        request.contacts_are_well_formed().map_err(|error| bad_field(&error))?;
    }
    facts.call_id.as_ref().map_err(bad_field)?;
    for (header, address) in [(Header::From, &facts.from), (Header::To, &facts.to)] {
        let address = address.as_ref().map_err(bad_field)?;
        if address.uri().is_err() {
            return Err(bad_request(&format!("Malformed URI in {header}")));
        }
    }
    let cseq = facts.cseq.as_ref().map_err(bad_field)?;
    if cseq.method.as_bytes() != request.method_octets() {
        // Whoever does not know the method cannot say that another was meant (RFC 4475 3.1.2.18).
        if request.method_ref().is_some_and(|method| !method.is_known()) {
            return refuse(501);
        }
        return Err(bad_request("CSeq method does not match"));
    }
    request.max_forwards().map_err(|error| bad_field(&error))?;
    Ok(())
}

fn method(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    let Some(method) = request.method_ref() else { return Ok(()) };
    if !is_token(method.as_str().as_bytes()) {
        return Err(bad_request("Malformed method"));
    }
    if config.allow.contains(method) {
        return Ok(());
    }
    if !method.is_known() {
        //= RFC 3261 21.5.2: "This is the appropriate response when a UAS does not recognize the request
        //= method and is not capable of supporting it for any user."
        return refuse(501);
    }
    //= RFC 3261 8.2.1: "The UAS MUST also add an Allow header field to the 405 (Method Not Allowed)
    //= response."
    Err(Box::new(Reply::new(405).header(Header::Allow, allow(config))))
}

fn request_uri(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    let scheme = request
        .request_uri()
        .and_then(|text| text.split_once(':'))
        .map(|(scheme, _)| scheme)
        .ok_or_else(|| bad_request("Malformed Request-URI"))?;
    let well_formed = scheme.bytes().next().is_some_and(|octet| octet.is_ascii_alphabetic())
        && scheme.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet));
    //= RFC 3261 8.2.2.1: "If the Request-URI uses a scheme not supported by the UAS, it SHOULD reject the
    //= request with a 416 (Unsupported URI Scheme) response."
    if well_formed && !config.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return refuse(416);
    }
    let uri = request.uri().map_err(|error| bad_field(&error))?;
    // RFC 3261 19.1.1, table 1: headers are not allowed there. Acting on them would let whoever wrote the URI
    // speak for the sender.
    if uri.headers().next().is_some() {
        return Err(bad_request("Headers in the Request-URI"));
    }
    Ok(())
}

fn extensions(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    if matches!(request.method_ref(), Some(Method::Cancel | Method::Ack)) {
        return Ok(());
    }
    let mut unknown = String::new();
    for tag in request.require() {
        let tag = tag.to_str();
        if !config.supported.iter().any(|known| known.eq_ignore_ascii_case(&tag)) {
            if !unknown.is_empty() {
                unknown.push_str(", ");
            }
            unknown.push_str(&tag);
        }
    }
    if !unknown.is_empty() {
        //= RFC 3261 8.2.2.3: "The UAS MUST add an Unsupported header field, and list in it those options it
        //= does not understand amongst those in the Require header field of the request."
        return Err(Box::new(Reply::new(420).header(Header::Unsupported, unknown)));
    }
    if !request.body().is_empty()
        && request.elements(Header::ContentEncoding).any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
    {
        return Err(Box::new(Reply::new(415).header(Header::AcceptEncoding, "identity")));
    }
    session_body(request, config)
}

/// The body of a request about a session, and the one it wants back. Other methods' bodies are their users'
/// business.
fn session_body(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    if !matches!(request.method_ref(), Some(Method::Invite | Method::Update | Method::Prack)) {
        return Ok(());
    }
    let known = |kind: &ParamValue<'_>| config.accept.iter().any(|known| kind.is(known));
    if !request.body().is_empty()
        && let Some(kind) = request.content_type().map_err(|error| bad_field(&error))?
        && !known(&kind)
        && !kind.value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
    {
        let disposition = request.param_value(Header::ContentDisposition).ok().flatten();
        let optional = disposition
            .and_then(|disposition| disposition.params.get("handling"))
            .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"));
        if !optional {
            //= RFC 3261 8.2.3: "If there are any bodies whose type (indicated by the Content-Type), language
            //= (indicated by the Content-Language) or encoding (indicated by the Content-Encoding) are not
            //= understood, and that body part is not optional (as indicated by the Content-Disposition header
            //= field), the UAS MUST reject the request with a 415 (Unsupported Media Type) response."
            return Err(Box::new(Reply::new(415).header(Header::Accept, config.accept.join(", "))));
        }
    }
    let mut wanted = request.list(Header::Accept).peekable();
    if request.method_ref() != Some(&Method::Invite) || wanted.peek().is_none() {
        return Ok(());
    }
    let sdp = wanted.any(|kind| {
        ParamValue::parse(Header::Accept, kind.as_bytes())
            .is_ok_and(|kind| ["application/sdp", "application/*", "*/*"].iter().any(|any| kind.is(any)))
    });
    if sdp {
        return Ok(());
    }
    // Every answer to an INVITE that is served carries a session description (RFC 4475 3.3.15).
    Err(Box::new(Reply::new(406).header(Header::Warning, "399 - \"application/sdp is not in Accept\"")))
}

fn event_package(request: &Message, config: &EndpointConfig) -> Result<(), Box<Reply>> {
    if !matches!(request.method_ref(), Some(Method::Subscribe | Method::Notify | Method::Publish)) {
        return Ok(());
    }
    let event = request.event().map_err(|error| bad_field(&error))?;
    let package = match event {
        Some(event) => Some(event.package),
        None => package_without_event(request, config),
    };
    match package {
        Some(package) if config.knows_event(package) => Ok(()),
        Some(_) if !config.check_subscribe_events && request.method_ref() == Some(&Method::Subscribe) => {
            Ok(())
        }
        // RFC 6665 demands Allow-Events in a 489; it is written even when there is no package.
        _ => Err(Box::new(Reply::new(489).header(Header::AllowEvents, config.allow_events.join(", ")))),
    }
}

fn package_without_event<'a>(request: &Message, config: &'a EndpointConfig) -> Option<&'a str> {
    if request.method_ref() != Some(&Method::Notify) {
        return None;
    }
    let package = config.notify_without_event.as_deref()?;
    let summary = match request.content_type() {
        Ok(Some(kind)) => kind.is("application/simple-message-summary") || kind.is("text/plain"),
        _ => request.body().is_empty(),
    };
    summary.then_some(package)
}
