//! Changes that are announced before they are made, and the process that makes them until it is killed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use keygate::model::{Revision, State, Token, TokenId};
use keygate::store::{Expect, SledStore, Store};

use super::records;

/// Each has an account of its own, and changes nothing of the others'.
pub const CLIENTS: u8 = 8;

/// About so many tokens a client keeps; above that it deletes more than it makes.
const KEPT: usize = 150;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Create,
    Rename,
    Disable,
    Enable,
    Revoke,
    Delete,
}

/// One change of one token: how it is to be afterwards, or for a deletion how it is before.
#[derive(Debug, Clone)]
pub struct Ask {
    pub client: u8,
    pub verb: Verb,
    pub token: Token,
}

/// The body of the child: each client announces, changes and reports, for ever.
pub fn until_killed(place: &Path, seed: u64) -> ! {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let store = Arc::new(SledStore::open(records::options(place)).expect("it opens"));
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            let rng = Rng::with_seed(seed.wrapping_mul(u64::from(CLIENTS)).wrapping_add(u64::from(client)));
            clients.spawn(change_for_ever(Arc::clone(&store), client, rng));
        }
        clients.join_next().await
    });
    unreachable!("no client ends")
}

async fn change_for_ever(store: Arc<SledStore>, client: u8, mut rng: Rng) {
    let account = records::account_id(client);
    let mut mine = records::tokens(&*store, account).await;
    loop {
        let at = rng.usize(..mine.len().max(1));
        let verb = mine.get(at).map_or(Verb::Create, |token| choose(token, mine.len(), &mut rng));
        let token = match (verb, mine.get(at)) {
            (Verb::Create, _) | (_, None) => records::token(account, TokenId::fresh()),
            (_, Some(token)) => verb.of(token, &mut rng),
        };
        let ask = Ask { client, verb, token };
        // The line end before it parts it from what a test harness says.
        println!("\nasks {ask}");
        let revision = ask.carry_out(&*store).await;
        println!("\ndone {client} {}", revision.0);
        match verb {
            Verb::Create => mine.push(Token { revision, ..ask.token }),
            Verb::Delete => drop(mine.swap_remove(at)),
            _ => mine[at] = Token { revision, ..ask.token },
        }
    }
}

fn choose(token: &Token, count: usize, rng: &mut Rng) -> Verb {
    match (rng.u8(..12), token.state) {
        (0 | 1, _) => Verb::Create,
        (2 | 3, _) if count < KEPT => Verb::Create,
        (2..5, _) => Verb::Delete,
        (5, State::Active | State::Disabled) => Verb::Revoke,
        (6..9, State::Active) => Verb::Disable,
        (6..9, State::Disabled) => Verb::Enable,
        _ => Verb::Rename,
    }
}

impl Verb {
    const ALL: [Verb; 6] = [Verb::Create, Verb::Rename, Verb::Disable, Verb::Enable, Verb::Revoke, Verb::Delete];

    fn of(self, token: &Token, rng: &mut Rng) -> Token {
        let token = token.clone();
        match self {
            Verb::Create | Verb::Delete => token,
            Verb::Rename => Token { name: rng.u32(..).to_string(), ..token },
            Verb::Disable => Token { state: State::Disabled, ..token },
            Verb::Enable => Token { state: State::Active, ..token },
            Verb::Revoke => Token { state: records::revoked(), ..token },
        }
    }
}

impl Ask {
    async fn carry_out(&self, store: &dyn Store) -> Revision {
        match self.verb {
            Verb::Create => records::put(store, &self.token, Expect::Absent).await,
            Verb::Delete => records::delete(store, &self.token).await,
            _ => records::put(store, &self.token, Expect::Revision(self.token.revision)).await,
        }
    }

    /// `None` for a line that was cut short.
    pub fn parse(text: &str) -> Option<Ask> {
        let [client, verb, id, state, name, "."] = text.split(' ').collect::<Vec<_>>()[..] else { return None };
        let client = client.parse().ok()?;
        let verb = Verb::ALL.into_iter().find(|known| format!("{known:?}") == verb)?;
        let state = match state {
            "active" => State::Active,
            "disabled" => State::Disabled,
            _ => records::revoked(),
        };
        let made = records::token(records::account_id(client), id.parse().ok()?);
        Some(Ask { client, verb, token: Token { state, name: name.to_owned(), ..made } })
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ask { client, verb, token } = self;
        let state = match token.state {
            State::Active => "active",
            State::Disabled => "disabled",
            State::Revoked { .. } => "revoked",
        };
        write!(f, "{client} {verb:?} {} {state} {} .", token.id, token.name)
    }
}
