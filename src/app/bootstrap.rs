//! The first start: open the store, and create the root account and its administrator's token.

use std::sync::Arc;

use super::error::StartError;
use crate::audit::{Action, Audit, AuditOptions, ChainKey, Change, Entry, Object, ObjectKind};
use crate::auth::{Accounts, CacheOptions, Lifecycle, NewAccount, NewToken, Users, Verifier, VerifierOptions};
use crate::config::{AuditFiles, AuditSettings, Settings, StoreSettings};
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
    let audit = open_audit(settings, clock)?;
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
        Ok(Bootstrap::Created(Box::new(create_first(&lifecycle, &settings.policies, &audit).await?)))
    });
    audit.close();
    runtime.block_on(store.close())?;
    outcome
}

/// A store that ends with the process begins empty each time; any other was set up by `keygate init`.
pub(super) async fn first_token(
    settings: &Settings,
    lifecycle: &Lifecycle,
    accounts: &Accounts,
    audit: &Audit,
) -> Result<Option<TokenText>, StartError> {
    match (&settings.store, accounts.root()) {
        (_, Some(_)) => Ok(None),
        (StoreSettings::Memory, None) => {
            create_first(lifecycle, &settings.policies, audit).await.map(|first| Some(first.text))
        }
        (StoreSettings::Sled { path, .. }, None) => Err(StartError::NoAccount { path: path.clone() }),
    }
}

/// The root account, with what the policy gives every account, and the first token; each noted.
pub(super) async fn create_first(
    lifecycle: &Lifecycle,
    policies: &Policies,
    audit: &Audit,
) -> Result<FirstToken, StartError> {
    let whole = Object::whole(ObjectKind::Gateway);
    let intent = audit.begin(Entry::system(Action::GatewayInit, whole, Change::none())).await?;
    let mut entries = Vec::new();
    let first_token = policies.of([]).ok().and_then(|policy| policy.account_token.clone());
    let new = NewAccount { token: first_token, ..NewAccount::plain(None, "root") };
    let (account, token) = lifecycle.create_account_with(new).await?;
    entries.push(Entry::system(Action::AccountCreate, Object::account(&account), Change::made(&account)));
    entries.extend(token.map(|token| made(&token)));
    let everything = [ResourceName::every_api(), ResourceName::every_management()];
    let grants = Grants::new(everything.map(|resource| (resource, Access::FULL)));
    let first = NewToken {
        description: "created together with the installation".to_owned(),
        ..NewToken::service(account.id, "first administrator", grants)
    };
    let (token, text) = lifecycle.create(first).await?;
    entries.push(made(&token));
    audit.settle(Some(intent), entries).await?;
    Ok(FirstToken { account, token, text })
}

pub(super) fn open_audit(settings: &Settings, clock: &Clock) -> Result<Audit, StartError> {
    let clock = clock.clone();
    Ok(match audit_options(&settings.audit, &settings.tokens.pepper) {
        None => Audit::in_memory(audit_key(&settings.tokens.pepper), clock),
        Some(options) => Audit::open(options, clock)?,
    })
}

/// What the audit log is opened with; `None` for one in memory.
pub(super) fn audit_options(settings: &AuditSettings, pepper: &Pepper) -> Option<AuditOptions> {
    let AuditSettings { files, retention, segment_size } = settings;
    let AuditFiles { path, anchor } = files.clone()?;
    let key = audit_key(pepper);
    Some(AuditOptions { directory: path, anchor, key, segment_size: *segment_size, retention: *retention })
}

fn audit_key(pepper: &Pepper) -> ChainKey {
    ChainKey::new(&pepper.derive(ChainKey::SECRET))
}

pub(super) fn open_store(settings: &StoreSettings, pepper: &Pepper) -> Result<Arc<dyn Store>, StartError> {
    Ok(match sled_options(settings, pepper) {
        None => Arc::new(MemoryStore::new(store_key(pepper))),
        Some(options) => Arc::new(SledStore::open(options)?),
    })
}

fn made(token: &Token) -> Entry {
    Entry::system(Action::TokenCreate, Object::token(token), Change::made(token))
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
