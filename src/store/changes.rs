//! What a commit does to the records: checks every [`Expect`] and lists the changes.
//!
//! Every engine commits through [`check`], so a conflict means the same in all of them. Nothing here
//! writes: an engine applies the list as a whole, or not at all.

use std::collections::HashMap;
use std::fmt::Display;

use super::{CommitError, Expect, StoreError, Write};
use crate::model::{Account, AccountId, Digest, Note, NoteId, Revision, Token, TokenId, User, UserId};

/// The records as they are now.
pub(super) trait Records {
    fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError>;
    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError>;
    fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;
    fn note(&self, id: NoteId) -> Result<Option<Note>, StoreError>;
    /// Whose digest this is.
    fn owner(&self, digest: &Digest) -> Result<Option<TokenId>, StoreError>;
}

/// One step of a commit that may be applied.
#[derive(Debug)]
pub(super) enum Change {
    /// `before` has to leave every index before `after` enters them.
    Token {
        before: Option<Box<Token>>,
        after: Option<Box<Token>>,
    },
    Account(Box<Account>),
    AccountGone(AccountId),
    User(Box<User>),
    UserGone(UserId),
    Note(Box<Note>),
    NoteGone(NoteId),
}

/// The records as they will be after the commits of a group: each commit sees the ones before it.
pub(super) struct Group<'a, R>(Draft<'a, R>);

impl<'a, R: Records> Group<'a, R> {
    pub(super) fn new(records: &'a R) -> Self {
        Self(Draft::new(records))
    }

    /// As [`check`], on what the commits before have made; a refused one leaves no trace.
    pub(super) fn commit(&mut self, writes: Vec<Write>, revision: Revision) -> Result<Vec<Change>, CommitError> {
        let changes = check(&self.0, writes, revision)?;
        changes.iter().for_each(|change| self.0.absorb(change));
        Ok(changes)
    }
}

/// The changes that `writes` make, in order, with `revision` set; or why they may not be made.
pub(super) fn check(
    records: &impl Records,
    writes: Vec<Write>,
    revision: Revision,
) -> Result<Vec<Change>, CommitError> {
    let mut draft = Draft::new(records);
    writes.into_iter().map(|write| draft.write(write, revision)).collect()
}

/// The records as they would be after the writes checked so far.
struct Draft<'a, R> {
    records: &'a R,
    tokens: HashMap<TokenId, Option<Token>>,
    digests: HashMap<Digest, Option<TokenId>>,
    accounts: HashMap<AccountId, Option<Account>>,
    users: HashMap<UserId, Option<User>>,
    notes: HashMap<NoteId, Option<Note>>,
}

impl<'a, R: Records> Draft<'a, R> {
    fn new(records: &'a R) -> Self {
        Self {
            records,
            tokens: HashMap::new(),
            digests: HashMap::new(),
            accounts: HashMap::new(),
            users: HashMap::new(),
            notes: HashMap::new(),
        }
    }

    fn absorb(&mut self, change: &Change) {
        match change {
            Change::Account(account) => drop(self.accounts.insert(account.id, Some(Account::clone(account)))),
            Change::AccountGone(id) => drop(self.accounts.insert(*id, None)),
            Change::User(user) => drop(self.users.insert(user.id, Some(User::clone(user)))),
            Change::UserGone(id) => drop(self.users.insert(*id, None)),
            Change::Note(note) => drop(self.notes.insert(note.id, Some(Note::clone(note)))),
            Change::NoteGone(id) => drop(self.notes.insert(*id, None)),
            Change::Token { before, after } => {
                if let Some(before) = before {
                    self.digests.extend(before.digests().map(|digest| (digest, None)));
                    self.tokens.insert(before.id, None);
                }
                if let Some(after) = after {
                    self.digests.extend(after.digests().map(|digest| (digest, Some(after.id))));
                    self.tokens.insert(after.id, Some(Token::clone(after)));
                }
            }
        }
    }

    fn write(&mut self, write: Write, revision: Revision) -> Result<Change, CommitError> {
        match write {
            Write::PutToken { token, expect } => self.put_token(Token { revision, ..token }, expect),
            Write::DeleteToken { id, expect } => self.delete_token(id, expect),
            Write::PutAccount { account, expect } => self.put_account(Account { revision, ..account }, expect),
            Write::DeleteAccount { id, expect } => self.delete_account(id, expect),
            Write::PutUser { user, expect } => self.put_user(User { revision, ..user }, expect),
            Write::DeleteUser { id, expect } => self.delete_user(id, expect),
            Write::PutNote { note, expect } => self.put_note(Note { revision, ..note }, expect),
            Write::DeleteNote { id, expect } => self.delete_note(id, expect),
        }
    }

    fn put_token(&mut self, token: Token, expect: Expect) -> Result<Change, CommitError> {
        let before = self.token(token.id)?;
        expect.check(before.as_ref().map(|token| token.revision), token.id)?;
        // Somebody deleted it since it was looked for: it must not come back by that.
        if before.is_none() && token.id.imported_by().is_some() && self.note(NoteId::of_import(token.id))?.is_some() {
            return Err(conflict(token.id));
        }
        for digest in token.digests() {
            if self.owner(&digest)?.is_some_and(|owner| owner != token.id) {
                return Err(conflict(token.id));
            }
        }
        if let Some(before) = &before {
            self.digests.extend(before.digests().map(|digest| (digest, None)));
        }
        self.digests.extend(token.digests().map(|digest| (digest, Some(token.id))));
        self.tokens.insert(token.id, Some(token.clone()));
        Ok(Change::Token { before: before.map(Box::new), after: Some(Box::new(token)) })
    }

    fn delete_token(&mut self, id: TokenId, expect: Revision) -> Result<Change, CommitError> {
        let before = self.token(id)?.filter(|token| token.revision == expect).ok_or_else(|| conflict(id))?;
        self.digests.extend(before.digests().map(|digest| (digest, None)));
        self.tokens.insert(id, None);
        Ok(Change::Token { before: Some(Box::new(before)), after: None })
    }

    fn put_account(&mut self, account: Account, expect: Expect) -> Result<Change, CommitError> {
        let before = self.account(account.id)?.map(|account| account.revision);
        expect.check(before, account.id)?;
        self.accounts.insert(account.id, Some(account.clone()));
        Ok(Change::Account(Box::new(account)))
    }

    fn delete_account(&mut self, id: AccountId, expect: Revision) -> Result<Change, CommitError> {
        let before = self.account(id)?.map(|account| account.revision);
        Expect::Revision(expect).check(before, id)?;
        self.accounts.insert(id, None);
        Ok(Change::AccountGone(id))
    }

    fn put_user(&mut self, user: User, expect: Expect) -> Result<Change, CommitError> {
        let before = self.user(user.id)?.map(|user| user.revision);
        expect.check(before, user.id)?;
        self.users.insert(user.id, Some(user.clone()));
        Ok(Change::User(Box::new(user)))
    }

    fn delete_user(&mut self, id: UserId, expect: Revision) -> Result<Change, CommitError> {
        let before = self.user(id)?.map(|user| user.revision);
        Expect::Revision(expect).check(before, id)?;
        self.users.insert(id, None);
        Ok(Change::UserGone(id))
    }

    fn put_note(&mut self, note: Note, expect: Expect) -> Result<Change, CommitError> {
        let before = self.note(note.id)?.map(|note| note.revision);
        expect.check(before, note.id)?;
        self.notes.insert(note.id, Some(note.clone()));
        Ok(Change::Note(Box::new(note)))
    }

    fn delete_note(&mut self, id: NoteId, expect: Revision) -> Result<Change, CommitError> {
        let before = self.note(id)?.map(|note| note.revision);
        Expect::Revision(expect).check(before, id)?;
        self.notes.insert(id, None);
        Ok(Change::NoteGone(id))
    }
}

impl<R: Records> Records for Draft<'_, R> {
    fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        self.tokens.get(&id).map_or_else(|| self.records.token(id), |drafted| Ok(drafted.clone()))
    }

    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.accounts.get(&id).map_or_else(|| self.records.account(id), |drafted| Ok(drafted.clone()))
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.users.get(&id).map_or_else(|| self.records.user(id), |drafted| Ok(drafted.clone()))
    }

    fn note(&self, id: NoteId) -> Result<Option<Note>, StoreError> {
        self.notes.get(&id).map_or_else(|| self.records.note(id), |drafted| Ok(drafted.clone()))
    }

    fn owner(&self, digest: &Digest) -> Result<Option<TokenId>, StoreError> {
        self.digests.get(digest).map_or_else(|| self.records.owner(digest), |drafted| Ok(*drafted))
    }
}

impl Expect {
    fn check(self, found: Option<Revision>, id: impl Display) -> Result<(), CommitError> {
        let expected = match self {
            Expect::Absent => None,
            Expect::Revision(revision) => Some(revision),
        };
        if found == expected { Ok(()) } else { Err(conflict(id)) }
    }
}

fn conflict(id: impl Display) -> CommitError {
    CommitError::Conflict(id.to_string())
}
