//! Hashes of keys that cannot be imported, and why, for whoever has some.
//!
//! A key is found by its hash, so equal keys have to have equal hashes, and the hash has to be of the key alone.

use crate::model::ForeignHash;

const SALTED: &str = "has a salt of its own for each key, so no key can be found by it: \
                      these keys have to be issued anew";
const KEYED: &str = "takes a secret besides the key, so no key can be found by it here: \
                     these keys have to be issued anew";
const BROKEN: &str = "is broken: two keys can be made that have the same hash";

/// Why no hash of this algorithm is taken, where it is one that is known.
pub(super) fn algorithm(name: &str) -> Option<String> {
    let plain: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let is_salted = ["bcrypt", "argon2", "scrypt", "yescrypt", "pbkdf2", "crypt"].iter().any(|of| plain.contains(of));
    let why = match plain.as_str() {
        _ if is_salted => SALTED,
        _ if plain.starts_with("hmac") => KEYED,
        "md5" | "sha1" => BROKEN,
        _ => return None,
    };
    Some(format!("{} {why}", super::fields::shown(name)))
}

/// Why this text is no hash that could be taken, where it says by its form what it is.
pub(super) fn hash(text: &str) -> Option<String> {
    let (scheme, _) = text.strip_prefix('$').unwrap_or(text).split_once('$')?;
    if let Some(plain) = ForeignHash::from_name(scheme) {
        return Some(format!("begins with `{}$`, which is to be left out", plain.name()));
    }
    let name = match scheme {
        "2" | "2a" | "2b" | "2x" | "2y" => "a bcrypt hash",
        _ if scheme.starts_with("bcrypt") => "a bcrypt hash",
        _ if scheme.starts_with("argon2") => "an Argon2 hash",
        "scrypt" | "7" => "an scrypt hash",
        "y" => "a yescrypt hash",
        "1" | "5" | "6" => "a crypt hash",
        _ if scheme.starts_with("pbkdf2") => "a PBKDF2 hash",
        _ => "a password hash",
    };
    Some(format!("is {name}, which {SALTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_up_says_why() {
        for text in ["$2b$12$abc", "$argon2id$v=19$m=1", "$6$salt$hash", "pbkdf2_sha256$260000$x$y"] {
            assert!(hash(text).is_some_and(|why| why.contains("salt")), "{text}");
        }
        assert!(hash("sha256$9f86d0").is_some_and(|why| why.contains("left out")));
        assert_eq!((hash("9f86d0"), hash("x="), algorithm("whirlpool")), (None, None, None));
        for (name, word) in [("bcrypt", "salt"), ("Argon2id", "salt"), ("HMAC-SHA256", "secret"), ("sha-1", "broken")] {
            assert!(algorithm(name).is_some_and(|why| why.contains(word)), "{name}");
        }
    }
}
