//! Which credentials answer whom.

use std::fmt;
use std::sync::Arc;

use super::{Challenge, Credentials};
use crate::message::Message;

/// Finds the credentials for a realm.
#[derive(Clone)]
pub struct CredentialsProvider(Arc<Find>);

type Find = dyn Fn(&str) -> Option<Credentials> + Send + Sync;

impl CredentialsProvider {
    /// `find` gets the realm of a challenge; without credentials for it the refusal stands.
    ///
    /// ```
    /// use sip::call::CredentialsProvider;
    /// use sip::digest::Credentials;
    /// let provider = CredentialsProvider::new(|realm| {
    ///     (realm == "gw").then(|| Credentials::new("8000", "secret"))
    /// });
    /// assert!(provider.find("elsewhere").is_none());
    /// ```
    pub fn new(find: impl Fn(&str) -> Option<Credentials> + Send + Sync + 'static) -> CredentialsProvider {
        CredentialsProvider(Arc::new(find))
    }

    /// The credentials for `realm`.
    pub fn find(&self, realm: &str) -> Option<Credentials> {
        (self.0)(realm)
    }

    /// The credentials for the first challenge of a 401 or 407 that there are any for.
    pub fn for_response(&self, response: &Message) -> Option<Credentials> {
        Challenge::from_response(response).iter().find_map(|(_, challenge)| self.find(&challenge.realm))
    }
}

impl From<Credentials> for CredentialsProvider {
    /// The same for every realm.
    fn from(credentials: Credentials) -> CredentialsProvider {
        CredentialsProvider::new(move |_| Some(credentials.clone()))
    }
}

impl PartialEq for CredentialsProvider {
    /// Whether it is a copy of the other: what two of them would find is not compared.
    fn eq(&self, other: &CredentialsProvider) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CredentialsProvider {}

impl fmt::Debug for CredentialsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsProvider")
    }
}
