//! All that a store holds, and whether another holds the same: by page, by id and by digest.

use keygate::model::{Account, AccountId, Token};
use keygate::store::{SledStore, Store};

use super::records;

#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub accounts: Vec<Account>,
    /// In the order of their ids.
    pub tokens: Vec<Token>,
    /// Tokens that were there once.
    pub gone: Vec<Token>,
}

impl Contents {
    /// `Err` says what differs first.
    pub async fn compare(&self, store: &SledStore) -> Result<(), String> {
        let accounts = store.accounts().await.map_err(|error| error.to_string())?;
        same("accounts", &accounts, &self.accounts)?;
        let mut owners: Vec<AccountId> = self.tokens.iter().chain(&self.gone).map(|token| token.account).collect();
        owners.sort();
        owners.dedup();
        for owner in owners {
            let expected: Vec<Token> = self.tokens.iter().filter(|token| token.account == owner).cloned().collect();
            same("tokens by page", &records::tokens(store, owner).await, &expected)?;
        }
        let (mut by_id, mut by_digest) = (Vec::new(), Vec::new());
        for token in &self.tokens {
            by_id.extend(store.token(token.id).await.map_err(|error| error.to_string())?);
        }
        same("tokens by id", &by_id, &self.tokens)?;
        let digests = self.tokens.iter().map(|token| token.digest).collect();
        by_digest.extend(store.tokens_by_digest(digests).await.map_err(|error| error.to_string())?);
        same("tokens by digest", &by_digest.into_iter().flatten().collect::<Vec<_>>(), &self.tokens)?;
        if let Some(unknown) = self.tokens.iter().find(|token| !store.may_hold(&token.digest)) {
            return Err(format!("{} passes for a token that is certainly not there", unknown.id));
        }
        self.without_the_gone(store).await
    }

    async fn without_the_gone(&self, store: &SledStore) -> Result<(), String> {
        let digests = self.gone.iter().map(|token| token.digest).collect();
        let found = store.tokens_by_digest(digests).await.map_err(|error| error.to_string())?;
        if let Some(back) = found.into_iter().flatten().next() {
            return Err(format!("{} came back by its digest", back.id));
        }
        for gone in &self.gone {
            if store.token(gone.id).await.map_err(|error| error.to_string())?.is_some() {
                return Err(format!("{} came back by its id", gone.id));
            }
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let first = (0..found.len().max(expected.len())).find(|&at| found.get(at) != expected.get(at)).unwrap_or(0);
    Err(format!(
        "{what}: {} in place of {}; the first that differs is {:?} in place of {:?}",
        found.len(),
        expected.len(),
        found.get(first),
        expected.get(first)
    ))
}
