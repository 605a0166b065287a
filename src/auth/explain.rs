//! Why a token may or may not do something: every rule that the decision looks at, one after the other.
//!
//! The verdict is [`authorize`]'s own; the steps only tell how it comes about.

use std::sync::Arc;

use super::accounts::Accounts;
use super::authorize::{Denial, Need, authorize};
use super::principal::Principal;
use super::users::Users;
use crate::model::{Access, Account, AccountState, Kind, Membership, Secret, Standing, Timestamp, Token, UserState};

/// What a decision was, and how it came about.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// All that the token may do on the resource, or why it may not do what was asked.
    pub verdict: Result<Access, Denial>,
    /// In the order in which they are looked at. The first that did not pass decides; where all did, the
    /// last.
    pub steps: Vec<Step>,
}

/// One rule, and what it says of the request.
#[derive(Debug, Clone)]
pub struct Step {
    pub rule: Rule,
    pub passed: bool,
    /// What is allowed on the resource after this step, where the step is about that.
    pub left: Option<Access>,
    pub words: String,
}

/// What a decision looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The token's state and dates.
    Token,
    /// Whether its account and those above are active.
    Account,
    /// Whether it reaches the account that the request is about.
    Reach,
    /// Its own grants, or what its roles give.
    Grants,
    /// What its user may do.
    User,
    /// What an account may do at most.
    Ceiling,
    /// Whether what is left has the action.
    Action,
}

impl Rule {
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Token => "token",
            Rule::Account => "account",
            Rule::Reach => "reach",
            Rule::Grants => "grants",
            Rule::User => "user",
            Rule::Ceiling => "ceiling",
            Rule::Action => "action",
        }
    }
}

/// Explains what [`authorize`] decides for the token now.
pub fn explain(token: &Token, need: Need<'_>, accounts: &Accounts, users: &Users, now: Timestamp) -> Explanation {
    let principal = Arc::new(Principal::new(token.clone(), Secret::Present, None, users));
    let verdict = authorize(principal, need, accounts, now);
    let verdict = verdict.map(|permit| permit.bearer().map_or(Access::NONE, |bearer| bearer.access));
    let mut story = Story { token, need, steps: Vec::new(), left: Access::FULL };
    story.tell(accounts, users, now);
    Explanation { verdict, steps: story.steps }
}

struct Story<'a> {
    token: &'a Token,
    need: Need<'a>,
    steps: Vec<Step>,
    left: Access,
}

impl Story<'_> {
    fn tell(&mut self, accounts: &Accounts, users: &Users, now: Timestamp) {
        self.standing(now);
        let way = accounts.way_up(self.token.account);
        self.account(&way, "the token's account");
        let target = self.need.target.filter(|target| *target != self.token.account);
        if let Some(target) = target {
            let reaches = accounts.reaches(self.token.account, target) && accounts.is_active(target);
            let words = if reaches {
                format!(
                    "the token's account reaches {target}: every account on the way down is visible to the one above it"
                )
            } else {
                format!("{target} is not below the token's account, is hidden from it, is suspended or is not there")
            };
            self.step(Rule::Reach, reaches, words);
        }
        self.grants(users);
        self.user(users);
        let way = target.map_or(way, |target| accounts.way_up(target));
        way.iter().for_each(|account| self.ceiling(account));
        let action = self.need.action;
        let words =
            format!("the request needs `{}` on `{}`, and `{}` is left", action.name(), self.resource(), self.left);
        self.step(Rule::Action, self.left.allows(action), words);
    }

    fn standing(&mut self, now: Timestamp) {
        let standing = self.token.standing(now);
        let words = match standing {
            Standing::Active => "the token is active".to_owned(),
            Standing::Disabled => "the token is disabled until somebody enables it".to_owned(),
            Standing::Revoked { at } => format!("the token was revoked at {at}"),
            Standing::Expired { at } => format!("the token expired at {at}"),
            Standing::NotYetValid { from } => format!("the token is valid from {from} on"),
        };
        self.step(Rule::Token, standing == Standing::Active, words);
    }

    fn account(&mut self, way: &[Account], what: &str) {
        let stopped = way.iter().find(|account| account.state == AccountState::Suspended);
        let words = match stopped {
            _ if way.is_empty() => format!("{what} is not there"),
            Some(account) => format!("the account {} ({}) is suspended", account.name, account.id),
            None => format!("{what} and those above it are active"),
        };
        self.step(Rule::Account, stopped.is_none() && !way.is_empty(), words);
    }

    fn grants(&mut self, users: &Users) {
        let (token, resource) = (self.token, self.resource().to_owned());
        let own = super::principal::granted(token, users).on(&resource);
        let of_roles = || {
            let one = |name| match users.roles().get(name) {
                Some(role) => format!("{name}: `{}`", role.grants.on(&resource)),
                None => format!("{name}: there is no such role any more"),
            };
            token.roles.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let from = if token.roles.is_empty() {
            "its grants give".to_owned()
        } else {
            format!("its roles ({}) give", of_roles())
        };
        let shared = if token.kind == Kind::Shared { ", as a shared token only reads" } else { "" };
        self.limit(Rule::Grants, own, format!("{from} `{own}` on `{resource}`{shared}"));
    }

    fn user(&mut self, users: &Users) {
        let Some(id) = self.token.user else { return };
        let (resource, account) = (self.resource().to_owned(), self.token.account);
        let membership = |member: &&Membership| member.account == account;
        let (access, words) = match users.get(id) {
            None => (None, format!("its user {id} was deleted")),
            Some(user) if user.state == UserState::Disabled => (None, format!("its user {} is disabled", user.login)),
            Some(user) if self.token.kind == Kind::Session && self.token.created < user.sessions_since => {
                (None, format!("the password of {} was changed after the session began", user.login))
            }
            Some(user) => match user.memberships.iter().find(membership) {
                None => (None, format!("its user {} is no member of {account}", user.login)),
                Some(member) => {
                    let access = users.roles().grants(&member.roles).on(&resource);
                    let roles: Vec<_> = member.roles.iter().map(ToString::to_string).collect();
                    let roles = roles.join(", ");
                    (Some(access), format!("its user {} has `{access}` on `{resource}` as {roles}", user.login))
                }
            },
        };
        match access {
            Some(access) => self.limit(Rule::User, access, words),
            None => self.step(Rule::User, false, words),
        }
    }

    fn ceiling(&mut self, account: &Account) {
        let Some(ceiling) = &account.ceiling else { return };
        let most = ceiling.as_ceiling().on(self.resource());
        let words =
            format!("the account {} ({}) allows `{most}` on `{}` at most", account.name, account.id, self.resource());
        self.limit(Rule::Ceiling, most, words);
    }

    fn resource(&self) -> &str {
        self.need.resource.as_str()
    }

    fn limit(&mut self, rule: Rule, most: Access, words: String) {
        self.left = self.left.intersection(most);
        let passed = self.left.allows(self.need.action);
        self.steps.push(Step { rule, passed, left: Some(self.left), words });
    }

    fn step(&mut self, rule: Rule, passed: bool, words: String) {
        self.steps.push(Step { rule, passed, left: None, words });
    }
}
