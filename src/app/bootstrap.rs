//! The first start: open the store, and create the root account and its administrator's token.

use std::sync::Arc;

use super::error::StartError;
use crate::auth::{Accounts, CacheOptions, Lifecycle, NewAccount, NewToken, Users, Verifier, VerifierOptions};
use crate::config::{Settings, StoreSettings};
use crate::model::{Access, Account, Clock, Grants, Pepper, Policies, ResourceName, Token, TokenHasher, TokenText};
use crate::store::{MemoryStore, SledOptions, SledStore, Store, StoreKey};

/// What [`bootstrap`] found or made.
pub enum Bootstrap {
    Created(Box<FirstToken>),
    /// There is a root account already; nothing was changed.
    Exists,
}

/// The root account, and a token that may do everything in it and below.
pub struct FirstToken {
    pub account: Account,
    pub token: Token,
    pub text: TokenText,
}

/// Opens the store of `settings` without any listener, and creates the root account and the first
/// administrator's token unless there is a root account already. Blocks.
pub fn bootstrap(settings: &Settings, clock: &Clock) -> Result<Bootstrap, StartError> {
    let store = open_store(&settings.store, &settings.tokens.pepper)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Thread("the runtime", error))?;
    let outcome = runtime.block_on(async {
        let accounts = Accounts::new(store.accounts().await?);
        if accounts.root().is_some() {
            return Ok(Bootstrap::Exists);
        }
        let cache = CacheOptions { tokens: 1, unknown: 1, unknown_ttl: std::time::Duration::from_secs(1) };
        let options = VerifierOptions {
            prefix: settings.tokens.prefix.clone(),
            hasher: TokenHasher::new(&settings.tokens.pepper),
            cache,
        };
        let users = Users::new(vec![], Arc::new(settings.roles.clone()));
        let (verifier, _) = Verifier::new(options, Arc::clone(&store), Arc::default(), users.clone());
        let lifecycle = Lifecycle::new(Arc::clone(&store), verifier, accounts, users, clock.clone());
        let lifecycle = lifecycle.with_sealer(super::policies::sealer(&settings.tokens)?);
        Ok(Bootstrap::Created(Box::new(create_first(&lifecycle, &settings.policies).await?)))
    });
    runtime.block_on(store.close())?;
    outcome
}

/// The root account, with what the policy gives every account, and the first token.
pub(super) async fn create_first(lifecycle: &Lifecycle, policies: &Policies) -> Result<FirstToken, StartError> {
    let token = policies.of([]).ok().and_then(|policy| policy.account_token.clone());
    let account = lifecycle.create_account(NewAccount { token, ..NewAccount::plain(None, "root") }).await?;
    let everything = [ResourceName::every_api(), ResourceName::every_management()];
    let grants = Grants::new(everything.map(|resource| (resource, Access::FULL)));
    let first = NewToken {
        description: "created together with the installation".to_owned(),
        ..NewToken::service(account.id, "first administrator", grants)
    };
    let (token, text) = lifecycle.create(first).await?;
    Ok(FirstToken { account, token, text })
}

pub(super) fn open_store(settings: &StoreSettings, pepper: &Pepper) -> Result<Arc<dyn Store>, StartError> {
    Ok(match sled_options(settings, pepper) {
        None => Arc::new(MemoryStore::new(store_key(pepper))),
        Some(options) => Arc::new(SledStore::open(options)?),
    })
}

/// What the embedded store is opened with; `None` for one in memory.
pub(super) fn sled_options(settings: &StoreSettings, pepper: &Pepper) -> Option<SledOptions> {
    let StoreSettings::Sled { path, anchor, cache } = settings else { return None };
    let secret = *pepper.derive(SledOptions::SECRET);
    Some(SledOptions { path: path.clone(), anchor: anchor.clone(), cache_bytes: *cache, secret })
}

/// What the store of this pepper proves its contents with.
pub(super) fn store_key(pepper: &Pepper) -> StoreKey {
    StoreKey::new(&pepper.derive(SledOptions::SECRET))
}
