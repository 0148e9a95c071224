//! Names and passwords with which the gateway answers challenges: `authentication` and `credentials`.

use cli::config::{Config, Node};
use cli::secret::Secret;
use sip::call::CredentialsProvider;
use sip::digest::Credentials;

/// `authentication` or `credentials`.
#[derive(Debug, Clone)]
pub struct Login {
    /// `realm`.
    realm: Option<String>,
    /// Number that it is for, of `credentials`.
    number: Option<String>,
    credentials: Credentials,
}

/// The logins of a dial peer, a tenant or `sip-ua`, in the order of the configuration.
#[must_use]
pub fn of_section(section: &Node) -> Vec<Login> {
    login_lines(section).filter_map(login).collect()
}

/// The logins of `sip-ua`.
#[must_use]
pub fn of_system(config: &Config) -> Vec<Login> {
    config.tree().section("sip-ua").map(of_section).unwrap_or_default()
}

/// The lines that logins are read from.
pub fn login_lines(section: &Node) -> impl Iterator<Item = &str> {
    section.lines().filter(|line| line.starts_with("authentication ") || line.starts_with("credentials "))
}

/// Finds the login for a realm: in the first of `levels` that has one, that of the number if there is one, else any of the
/// realm, else one without realm. `None` without any login.
#[must_use]
pub fn provider(levels: &[Vec<Login>], number: Option<&str>) -> Option<CredentialsProvider> {
    let mut known = levels.to_vec();
    known.retain(|level| !level.is_empty());
    if known.is_empty() {
        return None;
    }
    // Stable: the number's own first, the others as they were.
    let is_own = |login: &Login| number.is_some() && login.number.as_deref() == number;
    known.iter_mut().for_each(|level| level.sort_by_key(|login| !is_own(login)));
    Some(CredentialsProvider::new(move |realm| {
        known.iter().find_map(|level| {
            let of = |wanted: Option<&str>| level.iter().find(|login| login.realm.as_deref() == wanted);
            of(Some(realm)).or_else(|| of(None)).map(|login| login.credentials.clone())
        })
    }))
}

/// `authentication username U password [0|7] P [realm R]`, or `credentials …`.
fn login(line: &str) -> Option<Login> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |word: &str| words.iter().position(|w| *w == word).map(|at| at + 1);
    let text = |word: &str| after(word).and_then(|at| words.get(at)).map(|text| (*text).to_owned());
    let user = text("username")?;
    let secret = after("password")?;
    let typed = matches!(words.get(secret), Some(&("0" | "6" | "7")));
    let password = words.get(secret..secret + 1 + usize::from(typed))?.join(" ");
    let password = Secret::reversible(&password).ok()?;
    let credentials = Credentials::new(&user, password.reveal()?.expose());
    Some(Login { realm: text("realm"), number: text("number").or(Some(user)), credentials })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_with_a_login_for_the_realm_has_it() {
        let text = "sip-ua\n authentication username gw1 password 0 one realm a.example\n \
                    credentials username gw2 password 7 094F471A1A0A realm b.example\n!\n\
                    voice class tenant 1\n authentication username tenant password 0 two realm a.example\n";
        let config = Config::parse(text).config;
        let own = config.tree().section("voice class tenant 1").map(of_section).unwrap_or_default();
        let levels = [own, of_system(&config)];
        let find = |levels: &[Vec<Login>], realm: &str| {
            provider(levels, None)?.find(realm).map(|c| c.username().to_owned())
        };
        assert_eq!(find(&levels, "a.example").as_deref(), Some("tenant"));
        assert_eq!(find(&levels, "b.example").as_deref(), Some("gw2"));
        assert_eq!(find(&levels, "c.example"), None);
        assert_eq!(find(&levels[1..], "a.example").as_deref(), Some("gw1"));
        let any = Config::parse("sip-ua\n authentication username gw password secret\n").config;
        assert_eq!(find(&[of_system(&any)], "anybody").as_deref(), Some("gw"));
        assert!(provider(&[Vec::new()], None).is_none());
    }
}
