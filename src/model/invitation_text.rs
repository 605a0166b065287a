//! The text of an invitation: `<prefix>_inv_<22 base62: the user's id><30 base62><6 base62 checksum>`.
//!
//! Who has it may set that user's password, once. It is made as a token's text is, and no token: no
//! kind has its letters.

use std::fmt;

use zeroize::Zeroizing;

use super::base62;
use super::id::UserId;
use super::token_text::{BODY, CHECKSUM, TokenPrefix, checksum_of, random_body};

const LETTERS: &str = "_inv_";
const USER: usize = 22;

/// The clear text of an invitation. Has no `Display`, prints as dots, is wiped when dropped.
pub struct InvitationText(Zeroizing<String>);

/// A text that is no invitation of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no invitation of this installation; was it copied whole?")]
pub struct InvitationTextError;

impl InvitationText {
    /// A fresh invitation. Fails only where the operating system has no randomness to give.
    pub fn generate(prefix: &TokenPrefix, user: UserId) -> Result<Self, getrandom::Error> {
        let body = random_body()?;
        let user: [u8; USER] = base62::encode(u128::from_be_bytes(user.to_bytes()));
        let checked: Zeroizing<Vec<u8>> = Zeroizing::new([&user[..], &*body].concat());
        let checksum = checksum_of(&checked);
        let mut text = Zeroizing::new(String::with_capacity(64 + USER + BODY + CHECKSUM));
        text.push_str(prefix.as_str());
        text.push_str(LETTERS);
        checked.iter().chain(&checksum).for_each(|&byte| text.push(char::from(byte)));
        Ok(Self(text))
    }

    /// Whose invitation `text` says that it is. Says nothing about whether that is so.
    pub fn parse(text: &str, prefix: &TokenPrefix) -> Result<UserId, InvitationTextError> {
        let rest = text.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix(LETTERS));
        let rest = rest.ok_or(InvitationTextError)?.as_bytes();
        if rest.len() != USER + BODY + CHECKSUM || !base62::is_base62(rest) {
            return Err(InvitationTextError);
        }
        let (checked, checksum) = rest.split_at(USER + BODY);
        if checksum_of(checked) != *checksum {
            return Err(InvitationTextError);
        }
        let user = base62::decode(&checked[..USER]).ok_or(InvitationTextError)?;
        Ok(UserId::from_bytes(user.to_be_bytes()))
    }

    /// The text itself, for the one answer that shows it and for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InvitationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::token_text::parse_token;
    use super::*;

    #[test]
    fn it_names_its_user_and_is_no_token() {
        let (prefix, user) = (TokenPrefix::default(), UserId::fresh());
        let invitation = InvitationText::generate(&prefix, user).expect("randomness");
        assert_eq!(InvitationText::parse(invitation.expose(), &prefix), Ok(user));
        assert!(parse_token(invitation.expose(), &prefix).is_err());
        let other = InvitationText::generate(&prefix, user).expect("randomness");
        assert_ne!(invitation.expose(), other.expose());
        assert_eq!(format!("{invitation:?}"), "InvitationText(…)");
    }

    #[test]
    fn what_is_garbled_or_another_installations_is_none() {
        let (prefix, user) = (TokenPrefix::default(), UserId::fresh());
        let text = InvitationText::generate(&prefix, user).expect("randomness").expose().to_owned();
        let garbled = if text.ends_with('0') { "1" } else { "0" };
        let wrong = [
            text[..text.len() - 1].to_owned(),
            format!("{text}0"),
            format!("{}{garbled}", &text[..text.len() - 1]),
            text.replace("_inv_", "_svc_"),
            format!("x{text}"),
            format!("{}é", &text[..text.len() - 2]),
            String::new(),
        ];
        for wrong in wrong {
            assert_eq!(InvitationText::parse(&wrong, &prefix), Err(InvitationTextError), "{wrong}");
        }
        assert_eq!(InvitationText::parse(&text, &"acme".parse().expect("a prefix")), Err(InvitationTextError));
    }
}
