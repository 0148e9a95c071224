//! The client's side over several requests: challenges in, authorizations out, and no endless loop.

use super::{Challenge, ClientSession, Credentials, ServerProof};
use crate::message::{Header, Message, RequestBuilder};

/// Answers the challenges of one server or proxy chain with one user's credentials.
///
/// ```
/// use sip::digest::{Authenticator, Credentials};
/// let mut authenticator = Authenticator::new(Some(Credentials::new("8000", "secret")));
/// let response = sip::Message::parse(bytes::Bytes::from_static(
///     b"SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"gw\", nonce=\"1\", qop=\"auth\"\r\n\r\n",
/// ))?;
/// assert!(authenticator.handle_challenge(&response, "0a4f113b"));
/// let again = sip::RequestBuilder::new(sip::Method::Register, "sip:gw").cseq(2);
/// assert!(authenticator.authorize(again).has(sip::Header::Authorization));
/// # Ok::<(), sip::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Authenticator {
    credentials: Option<Credentials>,
    sessions: Vec<(Header, ClientSession)>,
    /// Challenges answered since the last success.
    rounds: u8,
}

/// Rounds of challenges for one request: a proxy's, a server's, and one stale nonce each.
const MAX_ROUNDS: u8 = 4;
/// Realms answered at a time.
const MAX_SESSIONS: usize = 8;

impl Authenticator {
    /// Without credentials no challenge is answered.
    pub fn new(credentials: Option<Credentials>) -> Authenticator {
        Authenticator { credentials, sessions: Vec::new(), rounds: 0 }
    }

    /// Takes a 401 or 407. True when the request should be sent again,
    /// [authorized](Authenticator::authorize) and with a new CSeq. False when there are no credentials, no
    /// challenge we can answer, or the answer just given was wrong: sending again would not help. `cnonce`
    /// is to be random.
    pub fn handle_challenge(&mut self, response: &Message, cnonce: &str) -> bool {
        let Some(credentials) = self.credentials.clone().filter(|_| self.rounds < MAX_ROUNDS) else {
            return false;
        };
        let mut news = false;
        for (header, challenge) in Challenge::from_response(response) {
            let room = self.sessions.len() < MAX_SESSIONS;
            let known = self
                .sessions
                .iter_mut()
                .find(|(answer, session)| *answer == header && session.challenge().realm == challenge.realm);
            match known {
                // Answered in this round already, and not good enough.
                Some((_, session)) if self.rounds > 0 && !session.may_retry(&challenge) => {}
                Some((_, session)) => {
                    *session = ClientSession::new(challenge, credentials.clone(), cnonce);
                    news = true;
                }
                None if room => {
                    self.sessions.push((header, ClientSession::new(challenge, credentials.clone(), cnonce)));
                    news = true;
                }
                None => {}
            }
        }
        if news {
            self.rounds += 1;
        } else {
            // The next request, whenever that is, starts afresh.
            self.reset();
        }
        news
    }

    /// Adds the answers to all challenges known so far.
    pub fn authorize(&mut self, request: RequestBuilder) -> RequestBuilder {
        let mut request = request.without(Header::Authorization).without(Header::ProxyAuthorization);
        for (header, session) in &mut self.sessions {
            let value = session.answer(request.method().as_str(), request.uri(), request.body_bytes());
            request = request.header(*header, value);
        }
        request
    }

    /// A request was accepted: the next challenge is a new one. Says whether the server has shown that it
    /// knows the password (`rspauth`).
    pub fn handle_success(&mut self, response: &Message) -> ServerProof {
        self.rounds = 0;
        let mut proof = ServerProof::None;
        if let Some(info) = response.header(Header::AuthenticationInfo) {
            for (_, session) in
                self.sessions.iter_mut().filter(|(header, _)| *header == Header::Authorization)
            {
                proof = session.handle_authentication_info(&info.to_str(), response.body());
            }
        }
        proof
    }

    /// Forgets all challenges.
    pub fn reset(&mut self) {
        self.sessions.clear();
        self.rounds = 0;
    }
}
