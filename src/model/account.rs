//! Accounts: who owns tokens. They form a tree.

use super::clock::Timestamp;
use super::grants::Grants;
use super::id::AccountId;
use super::labels::Labels;
use super::name::{PlanName, PolicyName};
use super::token::Revision;

/// Whether an account's tokens work at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    Active,
    Suspended,
}

/// The tenant that owns tokens. A project or an environment is an account with a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    /// `None` for the root alone.
    pub parent: Option<AccountId>,
    pub name: String,
    pub state: AccountState,
    /// Whether tokens of the accounts above reach into this one.
    pub visible_to_parent: bool,
    /// The most that tokens may do here and below; `None`: no limit of its own.
    pub ceiling: Option<Grants>,
    /// What it has booked; `None`: nothing in particular.
    pub plan: Option<PlanName>,
    /// The rules for its tokens, and for those below; `None`: those of the account above.
    pub policy: Option<PolicyName>,
    /// What people sort it by; they decide nothing.
    pub labels: Labels,
    pub created: Timestamp,
    /// Of the change that wrote this record; the store sets it.
    pub revision: Revision,
}
