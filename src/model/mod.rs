//! The vocabulary: what a token, a grant, an account and a moment are.
//!
//! Pure values and rules; no I/O, no runtime, no serialization format. Everything else in the crate
//! speaks in these types, so a rule that is written here holds everywhere.

mod access;
mod account;
mod base62;
mod clock;
mod digest;
mod event;
mod filters;
mod foreign;
mod grants;
mod id;
mod inspection;
mod invitation_text;
mod labels;
mod name;
mod note;
mod policy;
mod quota;
mod redaction;
mod role;
mod rotation;
mod selector;
mod token;
mod token_filter;
mod token_text;
mod usage;
mod user;
mod webhook_secret;

pub use access::{Access, AccessError, Action};
pub use account::{Account, AccountState};
pub use clock::{Clock, Moment, Timestamp};
pub use digest::{Digest, Pepper, PepperError, RequestKey, TokenHasher};
pub use event::{EventKind, LeakAction};
pub use filters::{FilterError, Filters, push_encoded};
pub use foreign::{Encoding, ForeignHash, ForeignHashError, ForeignHashes, LONGEST_FOREIGN, may_be_foreign};
pub use grants::{GrantError, Grants, ResourceName, ResourceNameError};
pub use id::{AccountId, IdError, NoteId, TokenId, UserId};
pub use inspection::{Inspection, inspect_token, token_expression};
pub use invitation_text::{InvitationText, InvitationTextError};
pub use labels::{LabelEdit, LabelError, Labels};
pub use name::{NameError, PlanName, PolicyName, RoleName};
pub use note::{Made, MadeObject, Note, Noted};
pub use policy::{
    AccountToken, DeleteConfirm, ExpiryRules, Field, NamePattern, NamePatternError, NameRules, Policies, Policy,
    Reveal, RotationRules, Subject, WarnRules, Warning,
};
pub use quota::{Quota, QuotaError};
pub use redaction::without_tokens;
pub use role::{Role, Roles};
pub use rotation::{Life, NewSecret, OldSecret, Rotation, RotationFault, Secret, Turn, TurnKind};
pub use selector::{Selector, SelectorError};
pub use token::{Kind, Revision, Standing, State, Token};
pub use token_filter::{TokenFilter, contains};
pub use token_text::{TokenPrefix, TokenText, TokenTextError, parse_token};
pub use usage::{Day, SecretUse, Seen, Usage, peer, peer_key};
pub use user::{Invitation, Login, LoginError, Membership, User, UserState};
pub use webhook_secret::{WebhookSecret, WebhookSecretError};
