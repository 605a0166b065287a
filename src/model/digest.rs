//! The keyed hash under which a token is known at rest, and the key of that hash.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::foreign::ForeignHash;
use super::id::{NoteId, TokenId};

/// BLAKE3 keyed hash of a whole token text: what the store and the cache know a token by.
///
/// Comparison takes the same time whatever the bytes are.
#[derive(Clone, Copy)]
pub struct Digest(blake3::Hash);

impl Digest {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its first eight bytes, for tables that go by a part of it.
    pub const fn beginning(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Digest {}

impl std::hash::Hash for Digest {
    /// The digest is a keyed hash that nobody outside can steer, so its first 8 bytes spread as well
    /// as a further hash of all 32 would.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.beginning());
    }
}

impl fmt::Debug for Digest {
    /// The first four bytes: enough to tell two apart in a log, too few to look one up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = *self.as_bytes();
        write!(f, "Digest({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// The secret key of every digest; kept outside the store, so that a stolen store alone cannot be
/// searched for a guessed or a leaked token.
pub struct Pepper(Zeroizing<[u8; 32]>);

/// Why bytes are no pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PepperError {
    #[error("a pepper has at least {min} bytes, this one has {0}", min = Pepper::MIN_BYTES)]
    TooShort(usize),
}

impl Pepper {
    pub const MIN_BYTES: usize = 32;

    const CONTEXT: &'static str = "keygate 2026-11-23 token pepper v1";

    /// From the contents of the pepper file: white space at its end is not part of it (editors add
    /// a line end), and at least [`Self::MIN_BYTES`] bytes must remain.
    pub fn from_material(material: &[u8]) -> Result<Self, PepperError> {
        let material = material.trim_ascii_end();
        if material.len() < Self::MIN_BYTES {
            return Err(PepperError::TooShort(material.len()));
        }
        Ok(Self(Zeroizing::new(blake3::derive_key(Self::CONTEXT, material))))
    }

    /// A key for another purpose, from which this pepper cannot be told. `context` is a constant of
    /// the caller, unique to the purpose (BLAKE3 paper, section 6.2).
    pub fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &*self.0))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// Makes digests. Cheap to share behind an `Arc`.
pub struct TokenHasher {
    key: Zeroizing<[u8; 32]>,
}

impl TokenHasher {
    pub fn new(pepper: &Pepper) -> Self {
        Self { key: pepper.0.clone() }
    }

    /// The digest of a token text: one compression for texts up to 64 bytes.
    pub fn digest(&self, text: &str) -> Digest {
        Digest(blake3::keyed_hash(&self.key, text.as_bytes()))
    }

    /// Of a call, as method and target, by this token, with the key that it gave.
    pub fn of_request(&self, by: TokenId, call: &str, key: &str) -> RequestKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(b"\0request\0").update(&by.to_bytes()).update(&(call.len() as u64).to_le_bytes());
        hasher.update(call.as_bytes()).update(key.as_bytes());
        RequestKey(Zeroizing::new(*hasher.finalize().as_bytes()))
    }

    /// What stands in the place of a digest for a key that is known by the hash of another system alone. No
    /// text has this digest: texts have no zero bytes.
    pub fn foreign_digest(&self, hash: ForeignHash, bytes: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(b"\0foreign\0").update(hash.name().as_bytes()).update(b"\0").update(bytes);
        Digest(hasher.finalize())
    }
}

/// What stands for a request that may come again: of who asks, what for, and the key that it gave. Nobody who
/// lacks one of them, or the pepper, can make it.
pub struct RequestKey(Zeroizing<[u8; 32]>);

impl RequestKey {
    /// Under which is noted what the request made. Never that of an imported token.
    pub fn id(&self) -> NoteId {
        let [first, rest @ ..] = *self.derive("keygate 2026-11-25 request id");
        let mut id = [first | 0x80; 16];
        id[1..].copy_from_slice(&rest[..15]);
        NoteId::from_bytes(id)
    }

    /// Of the request's contents.
    pub fn digest(&self, contents: &[u8]) -> Digest {
        Digest(blake3::keyed_hash(&self.derive("keygate 2026-11-25 request contents"), contents))
    }

    /// What the answered text is encrypted under.
    pub fn sealing(&self) -> Zeroizing<[u8; 32]> {
        self.derive("keygate 2026-11-25 request text")
    }

    fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &*self.0))
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestKey(…)")
    }
}

impl Drop for TokenHasher {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for TokenHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHasher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_pepper_is_refused_after_trimming() {
        assert_eq!(Pepper::from_material(&[b'x'; 31]).err(), Some(PepperError::TooShort(31)));
        assert_eq!(
            Pepper::from_material(b"0123456789012345678901234567890\n\n").err(),
            Some(PepperError::TooShort(31))
        );
        assert!(Pepper::from_material(&[b'x'; 32]).is_ok());
    }

    #[test]
    fn a_line_end_does_not_change_the_pepper() {
        let digest =
            |material: &[u8]| TokenHasher::new(&Pepper::from_material(material).expect("long enough")).digest("t");
        assert_eq!(digest(&[b'k'; 40]), digest(&[&[b'k'; 40][..], b"\r\n"].concat()));
        assert_ne!(digest(&[b'k'; 40]), digest(&[b'k'; 41]));
    }

    #[test]
    fn the_digest_is_blake3_keyed_with_the_derived_pepper() {
        let pepper = Pepper::from_material(&[7; 32]).expect("long enough");
        let key = blake3::derive_key("keygate 2026-11-23 token pepper v1", &[7; 32]);
        assert_eq!(TokenHasher::new(&pepper).digest("abc").as_bytes(), blake3::keyed_hash(&key, b"abc").as_bytes());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let pepper = Pepper::from_material(b"a pepper that is long enough to be one").expect("long enough");
        assert_eq!(format!("{pepper:?} {:?}", TokenHasher::new(&pepper)), "Pepper(…) TokenHasher(…)");
    }
}
