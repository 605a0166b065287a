//! Keys of other systems, imported by their hash: which hashes there are, how they are written, and what
//! tells an imported token from one that was made here.

use super::digest::Digest;
use super::id::TokenId;
use super::token_text::TokenPrefix;

/// By which a system kept its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignHash {
    Sha256,
    Sha512,
    Blake3,
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForeignHashes(u8);

impl ForeignHashes {
    pub fn all() -> Self {
        ForeignHash::ALL.into_iter().fold(Self::default(), Self::with)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn with(self, hash: ForeignHash) -> Self {
        Self(self.0 | 1 << hash.number())
    }

    pub fn iter(self) -> impl Iterator<Item = ForeignHash> {
        ForeignHash::ALL.into_iter().filter(move |hash| self.0 & 1 << hash.number() != 0)
    }

    /// For whoever keeps a set in one byte that several threads look at.
    pub const fn bits(self) -> u8 {
        self.0
    }

    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// How a hash is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Hex,
    Base64,
    Base64Url,
}

/// Why a text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    #[error("is not written in {}", .0.name())]
    Encoding(Encoding),
    #[error("has {found} bytes, and one of {} has {}", .of.name(), .of.size())]
    Size { of: ForeignHash, found: usize },
}

impl ForeignHash {
    pub const ALL: [ForeignHash; 3] = [ForeignHash::Sha256, ForeignHash::Sha512, ForeignHash::Blake3];

    /// As it stands in a file to import.
    pub const fn name(self) -> &'static str {
        match self {
            ForeignHash::Sha256 => "sha256",
            ForeignHash::Sha512 => "sha512",
            ForeignHash::Blake3 => "blake3",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// Bytes of a hash.
    pub const fn size(self) -> usize {
        match self {
            ForeignHash::Sha256 | ForeignHash::Blake3 => 32,
            ForeignHash::Sha512 => 64,
        }
    }

    /// The hash of a presented text.
    pub fn of(self, text: &str) -> Box<[u8]> {
        match self {
            ForeignHash::Sha256 => sha(&aws_lc_rs::digest::SHA256, text),
            ForeignHash::Sha512 => sha(&aws_lc_rs::digest::SHA512, text),
            ForeignHash::Blake3 => blake3::hash(text.as_bytes()).as_bytes()[..].into(),
        }
    }

    /// The bytes of a hash that somebody wrote down.
    pub fn parse(self, text: &str, encoding: Encoding) -> Result<Box<[u8]>, ForeignHashError> {
        let bytes = encoding.decode(text.as_bytes()).ok_or(ForeignHashError::Encoding(encoding))?;
        if bytes.len() == self.size() {
            return Ok(bytes.into());
        }
        Err(ForeignHashError::Size { of: self, found: bytes.len() })
    }

    const fn number(self) -> u8 {
        match self {
            ForeignHash::Sha256 => 1,
            ForeignHash::Sha512 => 2,
            ForeignHash::Blake3 => 3,
        }
    }
}

fn sha(algorithm: &'static aws_lc_rs::digest::Algorithm, text: &str) -> Box<[u8]> {
    aws_lc_rs::digest::digest(algorithm, text.as_bytes()).as_ref().into()
}

impl Encoding {
    pub const ALL: [Encoding; 3] = [Encoding::Hex, Encoding::Base64, Encoding::Base64Url];

    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
            Encoding::Base64Url => "base64url",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex => from_digits(text, 4, |byte| char::from(byte).to_digit(16)),
            Encoding::Base64 => from_digits(unpadded(text)?, 6, |byte| base64_digit(byte, [b'+', b'/'])),
            Encoding::Base64Url => from_digits(unpadded(text)?, 6, |byte| base64_digit(byte, [b'-', b'_'])),
        }
    }
}

/// Padding may be left out, but what there is has to be right (RFC 4648 section 3.2).
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let body = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    (body.len() == text.len() || text.len().is_multiple_of(4)).then_some(body)
}

fn base64_digit(byte: u8, last: [u8; 2]) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        _ if byte == last[0] => Some(62),
        _ if byte == last[1] => Some(63),
        _ => None,
    }
}

/// Digits of `bits` bits each to bytes. What is left over has to be fewer bits than a digit, and zero: each
/// hash has one spelling.
fn from_digits(text: &[u8], bits: u32, digit: impl Fn(u8) -> Option<u32>) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut count) = (Vec::with_capacity(text.len() * bits as usize / 8), 0u32, 0);
    for &byte in text {
        held = held << bits | digit(byte)?;
        count += bits;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count).ok()?);
            held &= (1 << count) - 1;
        }
    }
    (count < bits && held == 0).then_some(bytes)
}

/// The longest imported key that can be presented.
pub const LONGEST_FOREIGN: usize = 512;

/// Whether a presented text could be an imported key: it is none of this installation's own, not even a
/// garbled one, and not too long. That it has the characters of a bearer token was seen before.
pub fn may_be_foreign(text: &str, prefix: &TokenPrefix) -> bool {
    let is_own = text.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('_'));
    !is_own && text.len() <= LONGEST_FOREIGN
}

impl TokenId {
    /// The id of the token that stands for a foreign key: always the same for one key, so that a key is
    /// imported once, also when its hash has been replaced since. It looks like one of the year 1970, in
    /// which no token was made; the rest is of the digest, which is a keyed hash and tells nothing.
    pub fn of_import(hash: ForeignHash, digest: &Digest) -> Self {
        let [a, b, c, d, e, f, g, h, i, ..] = *digest.as_bytes();
        // Version 7 and the variant stand where RFC 9562 has them.
        Self::from_bytes([0, 0, 0, 0, 0, 0, 0x70 | hash.number(), i, 0x80 | (h & 0x3f), a, b, c, d, e, f, g])
    }

    /// By which hash the token was imported; `None` for one that was made here.
    pub fn imported_by(self) -> Option<ForeignHash> {
        match self.to_bytes() {
            [0, 0, 0, 0, 0, 0, mark, ..] => ForeignHash::ALL.into_iter().find(|hash| mark == 0x70 | hash.number()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | sha256sum`, `sha512sum`, `b3sum`: worked out apart from this code.
    #[test]
    fn published_vectors() {
        let vectors = [
            (ForeignHash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                ForeignHash::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
                 454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (ForeignHash::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        ];
        for (hash, hex) in vectors {
            assert_eq!(hash.parse(hex, Encoding::Hex).unwrap(), hash.of("abc"), "{}", hash.name());
        }
    }

    #[test]
    fn each_encoding_is_read_in_its_one_spelling() {
        let hash = ForeignHash::Sha256;
        let wanted = hash.of("abc");
        for (encoding, text) in [
            (Encoding::Hex, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
            (Encoding::Base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            (Encoding::Base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"),
            (Encoding::Base64Url, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"),
        ] {
            assert_eq!(hash.parse(text, encoding).as_deref(), Ok(&*wanted), "{text}");
        }
        for (encoding, text) in [
            (Encoding::Hex, "zz"),
            (Encoding::Hex, "abc"),
            (Encoding::Base64, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="),
            (Encoding::Base64Url, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            // Bits that mean nothing, and padding that is not needed.
            (Encoding::Base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa1="),
            (Encoding::Base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=="),
        ] {
            assert_eq!(hash.parse(text, encoding), Err(ForeignHashError::Encoding(encoding)), "{text}");
        }
        assert_eq!(hash.parse("abcd", Encoding::Hex), Err(ForeignHashError::Size { of: hash, found: 2 }));
    }

    #[test]
    fn an_imported_token_is_told_by_its_id_and_no_other_is() {
        let digest = Digest::from_bytes([7; 32]);
        for hash in ForeignHash::ALL {
            let id = TokenId::of_import(hash, &digest);
            assert_eq!((id.imported_by(), TokenId::of_import(hash, &digest)), (Some(hash), id));
            assert!(id < TokenId::fresh());
        }
        assert_eq!(TokenId::fresh().imported_by(), None);
        assert_eq!(TokenId::from_bytes([0; 16]).imported_by(), None);
    }

    #[test]
    fn own_texts_are_never_foreign_however_garbled() {
        let prefix = TokenPrefix::default();
        for own in ["kg_svc_x", "kg_", "kg_zzz_1", "kg_svc_000000000000000000000000000000000000"] {
            assert!(!may_be_foreign(own, &prefix), "{own}");
        }
        assert!(may_be_foreign("sk_live_x", &prefix) && may_be_foreign("kgb", &prefix));
        assert!(!may_be_foreign(&"x".repeat(LONGEST_FOREIGN + 1), &prefix));
    }
}
