//! Passwords as a router keeps them: types 0, 5, 7, 8 and 9.
//!
//! | type | kept as |
//! |---|---|
//! | 0 | plain text; only ever typed, never shown |
//! | 5 | MD5-crypt, `$1$salt$hash` |
//! | 7 | reversible, against eyes over the shoulder only |
//! | 8 | PBKDF2-HMAC-SHA-256, 20,000 rounds, `$8$salt$hash` |
//! | 9 | scrypt, N = 16384, r = 1, p = 1, `$9$salt$hash` |
//!
//! ```
//! use cli::secret::{Password, Secret};
//! let secret = Secret::hash(&Password::from("open sesame"));
//! assert!(secret.to_string().starts_with("9 $9$"));
//! assert!(secret.verify(&Password::from("open sesame")));
//! assert!(!secret.verify(&Password::from("open barley")));
//! ```

mod md5crypt;

use crate::grammar::matcher;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// Longest password taken, in octets, as on a router.
pub const MAX_PASSWORD: usize = 127;
/// Characters of a salt.
const SALT: usize = 14;
/// Octets of a derived key.
const KEY: usize = 32;
/// Rounds of type 8.
const ROUNDS: u32 = 20_000;
/// Router's base 64: the alphabet of crypt(3) with the bit order of RFC 4648.
const ROUTER64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::CRYPT, NO_PAD);
/// The alphabet of crypt(3).
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The key that type 7 is combined with; public knowledge since 1995.
const KEY7: &[u8] = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87";

/// A password as typed. It never shows itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The text, for checking.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True if nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Password(text.to_owned())
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Password(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password in the form in which the configuration keeps it. Displays as `TYPE TEXT`, never in clear.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Type 5.
    Md5(String),
    /// Type 7: the text in clear, kept in memory so that it can be used toward others.
    Reversible(Password),
    /// Type 8.
    Pbkdf2(String),
    /// Type 9.
    Scrypt(String),
}

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The digit is none of 0, 5, 7, 8, 9.
    #[error("unknown type, expected 0, 5, 7, 8 or 9")]
    Type,
    /// The text has not the form of its type.
    #[error("not of the form of its type")]
    Form,
    /// Longer than [`MAX_PASSWORD`].
    #[error("longer than {MAX_PASSWORD} characters")]
    Long,
}

impl Secret {
    /// Derives type 9 with a salt that depends on the password and on this process, so that the same command given
    /// twice changes nothing.
    pub fn hash(password: &Password) -> Secret {
        let salt = salt(password);
        let hash = scrypt_hash(&salt, password);
        Secret::Scrypt(format!("$9${salt}${hash}"))
    }

    /// Derives type 8; as [`Secret::hash`].
    pub fn hash_pbkdf2(password: &Password) -> Secret {
        let salt = salt(password);
        let hash = pbkdf2_hash(&salt, password);
        Secret::Pbkdf2(format!("$8${salt}${hash}"))
    }

    /// Reads what stands behind `password`: `[0|7] TEXT`, kept so that it can be shown as type 7.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn reversible(text: &str) -> Result<Secret, SecretError> {
        match typed(text) {
            (Some('0') | None, text) => bounded(text).map(|t| Secret::Reversible(Password::from(t))),
            (Some('7'), text) => decode7(text).map(Secret::Reversible),
            _ => Err(SecretError::Type),
        }
    }

    /// Reads what stands behind `secret`: `[0|5|8|9] TEXT`; plain text becomes type 9.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn one_way(text: &str) -> Result<Secret, SecretError> {
        match typed(text) {
            (Some('0') | None, text) => bounded(text).map(|t| Secret::hash(&Password::from(t))),
            (Some(_), _) => match text.parse()? {
                Secret::Reversible(_) => Err(SecretError::Type),
                secret => Ok(secret),
            },
        }
    }

    /// True if `password` is the one. The time does not depend on how much of it is right.
    pub fn verify(&self, password: &Password) -> bool {
        if password.expose().len() > MAX_PASSWORD {
            return false;
        }
        match self {
            Secret::Reversible(own) => same(own.expose().as_bytes(), password.expose().as_bytes()),
            Secret::Md5(text) => match parts(text) {
                Some(("1", salt, _)) => same(
                    md5crypt::md5_crypt(password.expose().as_bytes(), salt.as_bytes()).as_bytes(),
                    text.as_bytes(),
                ),
                _ => false,
            },
            Secret::Pbkdf2(text) => match parts(text) {
                Some((_, salt, hash)) => same(pbkdf2_hash(salt, password).as_bytes(), hash.as_bytes()),
                None => false,
            },
            Secret::Scrypt(text) => match parts(text) {
                Some((_, salt, hash)) => same(scrypt_hash(salt, password).as_bytes(), hash.as_bytes()),
                None => false,
            },
        }
    }

    /// The password in clear where it can be had (type 7), to log in at somebody else's.
    pub fn reveal(&self) -> Option<&Password> {
        match self {
            Secret::Reversible(password) => Some(password),
            _ => None,
        }
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    /// Reads `TYPE TEXT` as displayed.
    fn from_str(text: &str) -> Result<Secret, SecretError> {
        let (kind, text) = typed(text);
        let well_formed = |id: &str, hash: usize| {
            parts(text).is_some_and(|(i, salt, h)| {
                let alphabet = |t: &str| t.bytes().all(|b| ALPHABET.contains(&b));
                i == id && !salt.is_empty() && salt.len() <= SALT && h.len() == hash && alphabet(h)
            })
        };
        match kind {
            Some('5') if well_formed("1", 22) => Ok(Secret::Md5(text.to_owned())),
            Some('7') => decode7(text).map(Secret::Reversible),
            Some('8') if well_formed("8", 43) => Ok(Secret::Pbkdf2(text.to_owned())),
            Some('9') if well_formed("9", 43) => Ok(Secret::Scrypt(text.to_owned())),
            Some('5' | '8' | '9') => Err(SecretError::Form),
            _ => Err(SecretError::Type),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Md5(text) => write!(f, "5 {text}"),
            Secret::Reversible(password) => write!(f, "7 {}", encode7(password)),
            Secret::Pbkdf2(text) => write!(f, "8 {text}"),
            Secret::Scrypt(text) => write!(f, "9 {text}"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Secret::Md5(_) => 5,
            Secret::Reversible(_) => 7,
            Secret::Pbkdf2(_) => 8,
            Secret::Scrypt(_) => 9,
        };
        write!(f, "Secret(type {kind})")
    }
}

/// The type's digit, if there is one, and the rest.
fn typed(text: &str) -> (Option<char>, &str) {
    let text = text.trim();
    match text.split_once(' ') {
        Some((kind, rest)) if kind.len() == 1 && kind.bytes().all(|b| b.is_ascii_digit()) => {
            (kind.chars().next(), rest.trim_start())
        }
        _ => (None, text),
    }
}

fn bounded(text: &str) -> Result<&str, SecretError> {
    match text.len() {
        0 => Err(SecretError::Form),
        n if n > MAX_PASSWORD => Err(SecretError::Long),
        _ => Ok(text),
    }
}

/// `$id$salt$hash`.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.strip_prefix('$')?.split('$');
    let all = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(all)
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

fn salt(password: &Password) -> String {
    static SEED: OnceLock<[u8; 32]> = OnceLock::new();
    let seed = SEED.get_or_init(rand::random);
    let digest = Sha256::new().chain_update(seed).chain_update(password.expose()).finalize();
    ROUTER64.encode(digest).chars().take(SALT).collect()
}

fn pbkdf2_hash(salt: &str, password: &Password) -> String {
    let mut key = [0; KEY];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), salt.as_bytes(), ROUNDS, &mut key);
    ROUTER64.encode(key)
}

fn scrypt_hash(salt: &str, password: &Password) -> String {
    let mut key = [0; KEY];
    // N = 2^14; the figures are constants that scrypt takes.
    let done = scrypt::Params::new(14, 1, 1)
        .map(|params| scrypt::scrypt(password.expose().as_bytes(), salt.as_bytes(), &params, &mut key));
    match done {
        Ok(Ok(())) => ROUTER64.encode(key),
        // Matches no hash.
        _ => String::new(),
    }
}

fn key7(at: usize) -> u8 {
    KEY7.get(at % KEY7.len()).copied().unwrap_or_default()
}

/// Type 7 of a password. The place in the key is taken from the text, so that the same text is always shown alike.
pub fn encode7(password: &Password) -> String {
    let octets = password.expose().as_bytes();
    let start = octets.iter().fold(octets.len(), |sum, o| sum + usize::from(*o)) % 16;
    let mut text = format!("{start:02}");
    for (at, octet) in octets.iter().enumerate() {
        text.push_str(&format!("{:02X}", octet ^ key7(start + at)));
    }
    text
}

/// The password behind a type 7 text.
///
/// # Errors
/// [`SecretError::Form`] if the text is not two decimal and some pairs of hexadecimal digits.
///
/// ```
/// assert_eq!(cli::secret::decode7("02050D480809").unwrap().expose(), "cisco");
/// ```
pub fn decode7(text: &str) -> Result<Password, SecretError> {
    let start: usize = text.get(..2).and_then(|t| t.parse().ok()).ok_or(SecretError::Form)?;
    let rest = text.get(2..).unwrap_or("");
    if start > 15 || rest.is_empty() || rest.len() % 2 != 0 || rest.len() > 2 * MAX_PASSWORD {
        return Err(SecretError::Form);
    }
    let mut octets = Vec::new();
    for at in 0..rest.len() / 2 {
        let pair = rest.get(2 * at..2 * at + 2).and_then(|p| u8::from_str_radix(p, 16).ok());
        octets.push(pair.ok_or(SecretError::Form)? ^ key7(start + at));
    }
    String::from_utf8(octets).map(Password).map_err(|_| SecretError::Form)
}

/// A line of configuration with its plain password turned into type 7; `None` if there is none in it. A `description` is
/// for people and stays as it is.
///
/// ```
/// let line = cli::secret::conceal("ppp chap password 0 cisco").unwrap();
/// assert!(line.starts_with("ppp chap password 7 ") && !line.contains("cisco"));
/// assert_eq!(cli::secret::conceal(&line), None);
/// ```
pub fn conceal(line: &str) -> Option<String> {
    let words = matcher::words(line);
    let first = words.first()?.text;
    let server = matches!(first, "tacacs-server" | "radius-server" | "server-private");
    let at = words.iter().enumerate().position(|(at, word)| match word.text {
        "password" => at > 0,
        "key-string" => true,
        "key" => at > 0 && server,
        _ => false,
    })?;
    let digit = |word: &str| word.len() == 1 && word.bytes().all(|b| b.is_ascii_digit());
    let plain = match words.get(at + 1..)? {
        _ if first == "description" => return None,
        [kind, plain, ..] if kind.text == "0" => plain,
        [kind, _, ..] if digit(kind.text) => return None,
        [plain, ..] => plain,
        [] => return None,
    };
    let word = words.get(at)?;
    let head = line.get(..word.column + word.text.len())?;
    let tail = line.get(plain.column + plain.text.len()..)?;
    Some(format!("{head} 7 {}{tail}", encode7(&Password::from(plain.text))))
}

#[cfg(test)]
mod tests;
