//! What the records of a store come to: how many there are, and a keyed sum over all of them.
//!
//! The sum is a set hash: the BLAKE3 keyed hashes of all records added up, each as four 64-bit lanes,
//! modulo 2^64 (Bellare and Micciancio, "A New Paradigm for Collision-free Hashing", Eurocrypt 1997).
//! A change costs the hashes of what it replaces and what it writes, and the sum does not depend on the
//! order in which the records are read. It never leaves the process: what is written out is a
//! [`Proof`], so that nobody without the pepper learns how records add up.

use std::fmt;

use zeroize::Zeroizing;

use super::record;

/// The keys that a store proves its contents with; derived from the pepper.
#[derive(Clone)]
pub struct StoreKey {
    record: Zeroizing<[u8; 32]>,
    proof: Zeroizing<[u8; 32]>,
    check: Zeroizing<[u8; 32]>,
}

/// Tells one store from another, so that their parts are not mixed. An id, and no secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoreId(pub(super) [u8; 16]);

/// That these records, and no others, were there at this revision. Only who has the key makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proof(blake3::Hash);

/// Counts and sum of a set of records.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) tokens: u64,
    pub(super) accounts: u64,
    sum: [u64; 4],
}

impl StoreKey {
    /// From a value that only the right pepper gives.
    pub fn new(secret: &[u8; 32]) -> Self {
        let derived = |context| Zeroizing::new(blake3::derive_key(context, secret));
        Self {
            record: derived("keygate 2026-11-23 store record sum v1"),
            proof: derived("keygate 2026-11-23 store proof v1"),
            check: derived("keygate 2026-11-23 store check v1"),
        }
    }

    /// Over bytes that the store itself wrote beside the records.
    pub(super) fn check(&self, bytes: &[u8]) -> [u8; 16] {
        self.check_after(&[0; 16], bytes)
    }

    /// The same for bytes that follow others, which had the check `previous`.
    pub(super) fn check_after(&self, previous: &[u8; 16], bytes: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.check);
        let hash = hasher.update(previous).update(bytes).finalize();
        let (halves, _) = hash.as_bytes().as_chunks::<16>();
        halves[0]
    }

    fn lanes(&self, key: &[u8], value: &[u8]) -> [u64; 4] {
        let mut hasher = blake3::Hasher::new_keyed(&self.record);
        // No key is as long as 255 bytes, and with its length before it no two pairs are one text.
        hasher.update(&[u8::try_from(key.len()).unwrap_or(u8::MAX)]);
        hasher.update(key);
        hasher.update(value);
        let hash = hasher.finalize();
        let (lanes, _) = hash.as_bytes().as_chunks::<8>();
        std::array::from_fn(|lane| u64::from_le_bytes(lanes[lane]))
    }
}

impl Tally {
    /// A record that is there from now on.
    pub(super) fn add(&mut self, store: &StoreKey, key: &[u8], value: &[u8]) {
        self.count(key, 1);
        let lanes = store.lanes(key, value);
        self.sum = std::array::from_fn(|lane| self.sum[lane].wrapping_add(lanes[lane]));
    }

    /// A record that was there until now.
    pub(super) fn remove(&mut self, store: &StoreKey, key: &[u8], value: &[u8]) {
        self.count(key, u64::MAX);
        let lanes = store.lanes(key, value);
        self.sum = std::array::from_fn(|lane| self.sum[lane].wrapping_sub(lanes[lane]));
    }

    /// The records of both; the two have none in common.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.wrapping_add(other.tokens),
            accounts: self.accounts.wrapping_add(other.accounts),
            sum: std::array::from_fn(|lane| self.sum[lane].wrapping_add(other.sum[lane])),
        }
    }

    /// `of` tells proofs for different purposes apart, and those of one store from another's.
    pub(super) fn proof(&self, store: &StoreKey, of: &[u8], revision: u64) -> Proof {
        let mut hasher = blake3::Hasher::new_keyed(&store.proof);
        hasher.update(&u64::try_from(of.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(of);
        for number in [revision, self.tokens, self.accounts].into_iter().chain(self.sum) {
            hasher.update(&number.to_le_bytes());
        }
        Proof(hasher.finalize())
    }

    fn count(&mut self, key: &[u8], by: u64) {
        match key.first() {
            Some(&record::TOKEN) => self.tokens = self.tokens.wrapping_add(by),
            Some(&record::ACCOUNT) => self.accounts = self.accounts.wrapping_add(by),
            _ => {}
        }
    }
}

impl StoreId {
    pub(super) fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().into_bytes())
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({})", super::hex::encode(&self.0))
    }
}

impl Proof {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({})", &self.0.to_hex()[..8])
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokens, accounts, sum: _ } = self;
        f.debug_struct("Tally").field("tokens", tokens).field("accounts", accounts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StoreKey {
        StoreKey::new(&[3; 32])
    }

    fn tally(records: &[(&[u8], &[u8])]) -> Tally {
        let mut tally = Tally::default();
        records.iter().for_each(|(name, value)| tally.add(&key(), name, value));
        tally
    }

    #[test]
    fn the_order_of_records_does_not_matter_and_each_byte_does() {
        let both = tally(&[(b"t1", b"x"), (b"A1", b"y")]);
        assert_eq!(both, tally(&[(b"A1", b"y"), (b"t1", b"x")]));
        assert_eq!((both.tokens, both.accounts), (1, 1));
        for other in [tally(&[(b"t1", b"x"), (b"A1", b"z")]), tally(&[(b"t1", b"xA"), (b"A1", b"y")])] {
            assert_ne!(both.proof(&key(), b"", 1), other.proof(&key(), b"", 1));
        }
        assert_ne!(tally(&[(b"t1", b"2x")]), tally(&[(b"t12", b"x")]), "a key does not run into its value");
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let mut one = tally(&[(b"t1", b"x"), (b"t2", b"y")]);
        one.remove(&key(), b"t1", b"x");
        assert_eq!(one, tally(&[(b"t2", b"y")]));
        assert_eq!(tally(&[(b"t1", b"x")]).and(tally(&[(b"A2", b"y")])), tally(&[(b"t1", b"x"), (b"A2", b"y")]));
    }

    #[test]
    fn a_proof_is_of_one_key_one_revision_and_one_purpose() {
        let tally = tally(&[(b"t1", b"x")]);
        let proof = tally.proof(&key(), b"a", 1);
        assert_eq!(proof, tally.proof(&key(), b"a", 1));
        assert_ne!(proof, tally.proof(&key(), b"a", 2));
        assert_ne!(proof, tally.proof(&key(), b"b", 1));
        assert_ne!(proof, tally.proof(&StoreKey::new(&[4; 32]), b"a", 1));
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(format!("{:?} {:?}", key(), Tally::default()), "StoreKey(…) Tally { tokens: 0, accounts: 0, .. }");
    }
}
