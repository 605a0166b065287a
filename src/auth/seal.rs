//! Copies of tokens that may be seen again: encrypted under a key that is in no store.
//!
//! AES-256-GCM with a random nonce (NIST SP 800-38D), the token's id as associated data, so that a copy
//! cannot be put into the place of another. Form: one byte for the form, twelve of nonce, the encrypted text
//! and its tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::model::{Pepper, TokenId, TokenPrefix, TokenText};

/// What distinguishes the key from others that are made of the same secret, should one be given for both.
const CONTEXT: &str = "keygate 2026 copies of tokens that may be revealed";
const FORM: u8 = 1;

/// Encrypts and decrypts copies of tokens.
pub struct Sealer(RandomizedNonceKey);

/// Why a copy cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the cipher failed")]
    Cipher,
    #[error("the copy was made under another `reveal_key`, or was altered")]
    OtherKey,
}

impl Sealer {
    pub fn new(secret: &Pepper) -> Result<Self, SealError> {
        let key = secret.derive(CONTEXT);
        RandomizedNonceKey::new(&AES_256_GCM, &*key).map(Self).map_err(|_| SealError::Cipher)
    }

    /// Under a key that is made for the purpose.
    pub fn of_key(key: &[u8; 32]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| SealError::Cipher)
    }

    pub fn seal(&self, id: TokenId, text: &TokenText) -> Result<Box<[u8]>, SealError> {
        let mut copy = text.expose().as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(associated(id)), &mut copy);
        let nonce = nonce.map_err(|_| SealError::Cipher)?;
        Ok([&[FORM][..], nonce.as_ref(), &copy].concat().into())
    }

    pub fn open(&self, id: TokenId, prefix: &TokenPrefix, sealed: &[u8]) -> Result<TokenText, SealError> {
        let [FORM, rest @ ..] = sealed else { return Err(SealError::OtherKey) };
        let (nonce, copy) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::OtherKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::OtherKey)?;
        let mut copy = Zeroizing::new(copy.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(associated(id)), &mut copy);
        let opened = opened.map_err(|_| SealError::OtherKey)?;
        let text = str::from_utf8(opened).map_err(|_| SealError::OtherKey)?;
        TokenText::kept(text, prefix).map_err(|_| SealError::OtherKey)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn associated(id: TokenId) -> String {
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn sealer(secret: u8) -> Sealer {
        Sealer::new(&Pepper::from_material(&[secret; 32]).expect("long enough")).expect("a key")
    }

    #[test]
    fn a_copy_opens_under_its_key_and_its_id_alone() {
        let prefix = TokenPrefix::default();
        let text = TokenText::generate(&prefix, Kind::Service).expect("randomness");
        let id = TokenId::fresh();
        let sealed = sealer(1).seal(id, &text).expect("sealed");
        assert!(!sealed.windows(4).any(|part| part == &text.expose().as_bytes()[7..11]), "nothing of it shows");
        assert_eq!(sealer(1).open(id, &prefix, &sealed).expect("opened").expose(), text.expose());
        assert_eq!(sealer(2).open(id, &prefix, &sealed).err(), Some(SealError::OtherKey));
        assert_eq!(sealer(1).open(TokenId::fresh(), &prefix, &sealed).err(), Some(SealError::OtherKey));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(sealer(1).open(id, &prefix, &altered).err(), Some(SealError::OtherKey), "byte {at}");
            assert_eq!(sealer(1).open(id, &prefix, &sealed[..at]).err(), Some(SealError::OtherKey), "cut at {at}");
        }
    }

    #[test]
    fn no_two_copies_are_the_same() {
        let text = TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness");
        let id = TokenId::fresh();
        assert_ne!(sealer(1).seal(id, &text), sealer(1).seal(id, &text));
    }
}
