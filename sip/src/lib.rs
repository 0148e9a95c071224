//! SIP.

#![forbid(unsafe_code)]

pub mod message;
pub mod stream;
pub mod validate;

mod config;
mod endpoint;
mod flow;
mod statistics;

pub use config::{EndpointConfig, Timers};
pub use endpoint::{ClientTransactionId, Endpoint, Event, ServerTransactionId, TransactionGone};
pub use flow::{Flow, Transmit, Transport};
pub use message::{
    CSeq, Contacts, FieldError, Header, HeaderName, HeaderValue, Limits, Message, Method, NameAddr, ParamValue, Params,
    ParseError, Reply, RequestBuilder, StatusCode, SubscriptionState, Uri, UriError, Via,
};
pub use statistics::{MethodCounts, Statistics, StatusCounts};
