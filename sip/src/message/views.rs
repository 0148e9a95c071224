//! The typed views of a message's headers.

use super::field::{CSeq, Contacts, Event, FieldError, NameAddr, ParamValue, RAck, SubscriptionState, Via};
use super::name::Header;
use super::scan::{List, decimal, delta_seconds, trim};
use super::{HeaderValue, Message};

impl Message {
    /// The topmost Via value, the first of a list counted alone.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn top_via(&self) -> Result<Via<'_>, FieldError> {
        Via::parse(self.top_via_octets().ok_or(FieldError::Missing(Header::Via))?)
    }

    /// All Via values in order, lists taken apart.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, FieldError>> + Clone {
        self.elements(Header::Via).map(Via::parse)
    }

    /// From.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from(&self) -> Result<NameAddr<'_>, FieldError> {
        self.address(Header::From)
    }

    /// To.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn to(&self) -> Result<NameAddr<'_>, FieldError> {
        self.address(Header::To)
    }

    /// Call-ID.
    ///
    /// # Errors
    /// Missing, empty, not UTF-8, or with white space inside.
    pub fn call_id(&self) -> Result<&str, FieldError> {
        let octets = self.first_raw(Header::CallId).ok_or(FieldError::Missing(Header::CallId))?;
        let bad = || FieldError::malformed(Header::CallId, "a word", octets);
        let text = std::str::from_utf8(octets).map_err(|_| bad())?;
        if text.is_empty() || text.bytes().any(|octet| octet.is_ascii_whitespace()) {
            return Err(bad());
        }
        Ok(text)
    }

    /// CSeq.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn cseq(&self) -> Result<CSeq<'_>, FieldError> {
        CSeq::parse(self.first_raw(Header::CSeq).ok_or(FieldError::Missing(Header::CSeq))?)
    }

    /// All Contacts, with or without brackets.
    ///
    /// # Errors
    /// The first that is malformed.
    pub fn contacts(&self) -> Result<Contacts<'_>, FieldError> {
        let mut elements = self.elements(Header::Contact).peekable();
        if elements.peek() == Some(&&b"*"[..]) {
            return Ok(Contacts::Star);
        }
        elements
            .map(|element| NameAddr::parse(Header::Contact, element))
            .collect::<Result<_, _>>()
            .map(Contacts::List)
    }

    /// The first Contact that is an address.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn contact(&self) -> Result<Option<NameAddr<'_>>, FieldError> {
        self.elements(Header::Contact)
            .find(|element| *element != b"*")
            .map(|element| NameAddr::parse(Header::Contact, element))
            .transpose()
    }

    /// Whether every Contact can be read.
    ///
    /// # Errors
    /// The first that is malformed.
    pub(crate) fn contacts_are_well_formed(&self) -> Result<(), FieldError> {
        self.elements(Header::Contact).filter(|element| *element != b"*").try_for_each(|element| {
            let contact = NameAddr::parse(Header::Contact, element)?;
            //= RFC 3261 20.10: "Even if the "display-name" is empty, the "name-addr" form MUST be used if
            //= the "addr-spec" contains a comma, semicolon, or question mark."
            if !contact.is_bracketed() && contact.uri_str()?.contains('?') {
                return Err(FieldError::malformed(Header::Contact, "brackets around a URI with ?", element));
            }
            Ok(())
        })
    }

    /// Every address of an address header (`Route`, `Record-Route`, `P-Asserted-Identity`, `Diversion`,
    /// `Path`, `History-Info`, `Remote-Party-ID` …), lists taken apart, in order.
    pub fn addresses(
        &self,
        header: Header,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.elements(header).map(move |element| NameAddr::parse(header, element))
    }

    /// Route, in order.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(Header::Route)
    }

    /// Record-Route, in order.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(Header::RecordRoute)
    }

    /// Max-Forwards, 0 to 255.
    ///
    /// # Errors
    /// Malformed.
    pub fn max_forwards(&self) -> Result<Option<u8>, FieldError> {
        self.first_raw(Header::MaxForwards)
            .map(|octets| {
                decimal(octets)
                    .ok_or_else(|| FieldError::malformed(Header::MaxForwards, "a number up to 255", octets))
            })
            .transpose()
    }

    /// Expires, in seconds.
    ///
    /// # Errors
    /// Malformed.
    pub fn expires(&self) -> Result<Option<u32>, FieldError> {
        self.seconds(Header::Expires)
    }

    /// A header whose value is `delta-seconds`, possibly with parameters or a comment behind: `Expires`,
    /// `Min-Expires`, `Retry-After`, `Min-SE`, `Session-Expires`.
    ///
    /// # Errors
    /// Malformed.
    pub fn seconds(&self, header: Header) -> Result<Option<u32>, FieldError> {
        self.first_raw(header)
            .map(|octets| {
                let end = octets.iter().take_while(|octet| octet.is_ascii_digit()).count();
                let (digits, rest) = octets.split_at_checked(end).unwrap_or_default();
                match trim(rest).first() {
                    None | Some(b';' | b'(') => delta_seconds(digits),
                    Some(_) => None,
                }
                .ok_or_else(|| FieldError::malformed(header, "seconds", octets))
            })
            .transpose()
    }

    /// Event.
    ///
    /// # Errors
    /// Malformed.
    pub fn event(&self) -> Result<Option<Event<'_>>, FieldError> {
        Ok(self.param_value(Header::Event)?.map(|value| Event {
            package: value.value,
            id: value.params.get("id"),
            params: value.params,
        }))
    }

    /// Subscription-State.
    ///
    /// # Errors
    /// Malformed.
    pub fn subscription_state(&self) -> Result<Option<SubscriptionState<'_>>, FieldError> {
        Ok(self.param_value(Header::SubscriptionState)?.map(SubscriptionState::from_value))
    }

    /// Content-Type.
    ///
    /// # Errors
    /// Malformed.
    pub fn content_type(&self) -> Result<Option<ParamValue<'_>>, FieldError> {
        self.param_value(Header::ContentType)
    }

    /// Content-Length as written; the body itself is [`Message::body`].
    ///
    /// # Errors
    /// Malformed.
    pub fn content_length(&self) -> Result<Option<u64>, FieldError> {
        self.first_raw(Header::ContentLength)
            .map(|octets| {
                decimal(octets)
                    .ok_or_else(|| FieldError::malformed(Header::ContentLength, "a number", octets))
            })
            .transpose()
    }

    /// RAck.
    ///
    /// # Errors
    /// Malformed.
    pub fn rack(&self) -> Result<Option<RAck<'_>>, FieldError> {
        let Some(octets) = self.first_raw(Header::RAck) else { return Ok(None) };
        let bad = || FieldError::malformed(Header::RAck, "two numbers and a method", octets);
        let digits = octets.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let (rseq, cseq) = octets.split_at_checked(digits).ok_or_else(bad)?;
        let rseq = decimal(rseq).ok_or_else(bad)?;
        Ok(Some(RAck { rseq, cseq: CSeq::parse(cseq).map_err(|_| bad())? }))
    }

    /// RSeq.
    ///
    /// # Errors
    /// Malformed.
    pub fn rseq(&self) -> Result<Option<u32>, FieldError> {
        self.first_raw(Header::RSeq)
            .map(|octets| {
                decimal(octets).ok_or_else(|| FieldError::malformed(Header::RSeq, "a number", octets))
            })
            .transpose()
    }

    /// A header that is one value with parameters, such as `Session-Expires`, `Replaces`,
    /// `Content-Disposition`.
    ///
    /// # Errors
    /// Malformed.
    pub fn param_value(&self, header: Header) -> Result<Option<ParamValue<'_>>, FieldError> {
        self.first_raw(header).map(|octets| ParamValue::parse(header, octets)).transpose()
    }

    /// Every element of a list header (`Allow`, `Supported`, `Require`, `Reason`, `Call-Info` …) over all
    /// its lines. Commas inside quotes and angle brackets do not separate.
    pub fn list<'a>(&'a self, header: Header) -> impl Iterator<Item = HeaderValue<'a>> + Clone + use<'a> {
        self.elements(header).map(HeaderValue)
    }

    /// Whether a list header has `token` (without regard to case; parameters of the elements do not count).
    pub fn list_contains(&self, header: Header, token: &str) -> bool {
        self.elements(header).any(|element| {
            let (head, _) = super::scan::split_outside(element, b';');
            trim(head).eq_ignore_ascii_case(token.as_bytes())
        })
    }

    /// The option tags of Require.
    pub fn require(&self) -> impl Iterator<Item = HeaderValue<'_>> + Clone {
        self.list(Header::Require)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> impl Iterator<Item = HeaderValue<'_>> + Clone {
        self.list(Header::Supported)
    }

    pub(crate) fn top_via_octets(&self) -> Option<&[u8]> {
        self.elements(Header::Via).next()
    }

    pub(crate) fn elements(&self, header: Header) -> impl Iterator<Item = &[u8]> + Clone {
        self.raw(header).flat_map(List::new)
    }

    fn address(&self, header: Header) -> Result<NameAddr<'_>, FieldError> {
        NameAddr::parse(header, self.first_raw(header).ok_or(FieldError::Missing(header))?)
    }
}

/// The headers every request must have, read once.
pub(crate) struct Facts<'a> {
    pub(crate) request: &'a Message,
    /// The top Via, when there is one.
    pub(crate) via: Option<Result<Via<'a>, FieldError>>,
    pub(crate) from: Result<NameAddr<'a>, FieldError>,
    pub(crate) to: Result<NameAddr<'a>, FieldError>,
    pub(crate) call_id: Result<&'a str, FieldError>,
    pub(crate) cseq: Result<CSeq<'a>, FieldError>,
    pub(crate) from_tag: Option<&'a str>,
    pub(crate) to_tag: Option<&'a str>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(request: &'a Message) -> Facts<'a> {
        let (from, to) = (request.from(), request.to());
        let tag = |address: &Result<NameAddr<'a>, FieldError>| address.as_ref().ok().and_then(NameAddr::tag);
        Facts {
            request,
            via: request.top_via_octets().map(Via::parse),
            from_tag: tag(&from),
            to_tag: tag(&to),
            from,
            to,
            call_id: request.call_id(),
            cseq: request.cseq(),
        }
    }

    /// The CSeq number, or one no CSeq can have.
    pub(crate) fn cseq_number(&self) -> u32 {
        self.cseq.as_ref().map_or(u32::MAX, |cseq| cseq.number)
    }
}
