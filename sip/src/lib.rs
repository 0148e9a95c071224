//! SIP.

#![forbid(unsafe_code)]

pub mod message;
pub mod stream;

mod flow;

pub use flow::{Flow, Transmit, Transport};
pub use message::{
    CSeq, Contacts, FieldError, Header, HeaderName, HeaderValue, Limits, Message, Method, NameAddr, ParamValue, Params,
    ParseError, Reply, RequestBuilder, StatusCode, SubscriptionState, Uri, UriError, Via,
};
