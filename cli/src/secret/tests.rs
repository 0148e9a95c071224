#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

/// Hashes made by other programs: a router's types 8 and 9 and crypt's MD5, of the same word.
#[test]
fn hashes_of_others_verify() {
    let password = Password::from("hashcat");
    for text in [
        "5 $1$28772684$iEwNOgGugqO9.bIz5sk8k/",
        "8 $8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk",
        "9 $9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6",
    ] {
        let secret: Secret = text.parse().unwrap();
        assert!(secret.verify(&password), "{text}");
        assert!(!secret.verify(&Password::from("hashcaT")), "{text}");
        assert_eq!(secret.to_string(), text);
    }
}

#[test]
fn plain_text_is_never_shown() {
    let secret = Secret::one_way("0 pa55").unwrap();
    assert!(!format!("{secret} {secret:?}").contains("pa55"));
    let password = Secret::reversible("pa55").unwrap();
    assert!(!format!("{password} {password:?} {:?}", password.reveal()).contains("pa55"));
    assert_eq!(password.to_string().parse::<Secret>(), Ok(password));
}

#[test]
fn the_same_command_twice_is_the_same_secret() {
    assert_eq!(Secret::one_way("0 twice"), Secret::one_way("twice"));
    assert_ne!(Secret::one_way("0 twice"), Secret::one_way("0 thrice"));
    let eight = Secret::hash_pbkdf2(&Password::from("twice"));
    assert!(eight.verify(&Password::from("twice")));
}

#[test]
fn what_is_no_secret_is_refused() {
    for (text, error) in [
        ("5 mERr", SecretError::Form),
        ("9 $9$$", SecretError::Form),
        ("8 $9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6", SecretError::Form),
        ("3 x", SecretError::Type),
        ("7 02050D480809", SecretError::Type),
        ("", SecretError::Form),
    ] {
        assert_eq!(Secret::one_way(text), Err(error), "{text}");
    }
    for text in ["7 0", "7 99AA", "7 02G5", "7 020", "7 02"] {
        assert_eq!(Secret::reversible(text), Err(SecretError::Form), "{text}");
    }
    assert_eq!(Secret::reversible(&"x".repeat(128)), Err(SecretError::Long));
}

#[test]
fn a_password_within_a_line_is_concealed_however_it_is_spaced() {
    for line in
        ["server password  cisco", "server password\tcisco", "alias exec x enable password 0  cisco end"]
    {
        let hidden = conceal(line).unwrap();
        assert!(!hidden.contains("cisco") && hidden.contains("password 7 "), "{hidden}");
        assert_eq!(conceal(&hidden), None, "{hidden}");
    }
    for line in
        ["description the password is at the desk", "server password 7 02050D480809", "password cisco", ""]
    {
        assert_eq!(conceal(line), None, "{line}");
    }
}

proptest::proptest! {
    #[test]
    fn type_7_is_read_back(text in "[ -~]{1,60}") {
        let password = Password::from(text.as_str());
        proptest::prop_assert_eq!(decode7(&encode7(&password)), Ok(password));
    }
}
