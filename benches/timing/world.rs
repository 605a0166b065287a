//! A verifier over the embedded store, as a gateway has it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keygate::auth::{CacheOptions, Users, Verdict, Verifier, VerifierOptions};
use keygate::limit::TokenLimits;
use keygate::model::{Clock, Pepper, TokenHasher, TokenPrefix};
use keygate::store::{Rebuild, Record, SledOptions, SledStore, Store};

use crate::Outcome;
use crate::records::account;
use crate::texts::{Presented, Stored};

pub struct World {
    pub verifier: Verifier,
    pub stored: Stored,
    clock: Clock,
}

impl World {
    /// A store with so many tokens that are remembered, and so many that are not.
    pub async fn open(place: &Path, remembered: usize, cold: usize) -> Outcome<Self> {
        let path = place.join("data");
        let pepper = Pepper::from_material(&[7; 32])?;
        let mut rebuild = Rebuild::begin(SledOptions::new(&path, [7; 32]))?;
        rebuild.put(Record::Account(account()))?;
        let stored = Stored::put(&mut rebuild, &pepper, remembered, cold)?;
        rebuild.finish()?;
        let store: Arc<dyn Store> = Arc::new(SledStore::open(SledOptions::new(&path, [7; 32]))?);
        let users = Users::new(store.users().await?, Arc::default());
        let cache = CacheOptions { tokens: 100_000, unknown: 100_000, unknown_ttl: Duration::from_secs(30) };
        let options = VerifierOptions { prefix: TokenPrefix::default(), hasher: TokenHasher::new(&pepper), cache };
        let limits = Arc::new(TokenLimits::new(None));
        let (verifier, loader) = Verifier::new(options, store, limits, users);
        tokio::spawn(loader.run());
        let world = Self { verifier, stored, clock: Clock::system() };
        for text in world.stored.texts() {
            world.ask(text).await?;
        }
        Ok(world)
    }

    /// Whether the text is a token, and how long the answer took.
    pub async fn ask(&self, text: &str) -> Outcome<(bool, Duration)> {
        let begun = self.clock.mono();
        let (_, verdict) = self.verifier.verify(text).await;
        let took = self.clock.mono() - begun;
        Ok((matches!(verdict?, Verdict::Known(_)), took))
    }
}

impl Presented {
    pub fn is_token(self) -> bool {
        matches!(self, Presented::Active | Presented::Revoked | Presented::Cold)
    }
}
