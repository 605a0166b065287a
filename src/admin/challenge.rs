//! The Bearer challenge that goes with a refusal (RFC 6750 section 3).

use http::HeaderValue;

use super::refusal::Refusal;
use crate::auth::CredentialError;
use crate::problem::Challenge;

impl Refusal {
    pub(super) fn challenge(&self, realm: &str) -> Option<HeaderValue> {
        let (error, scope) = match self {
            // Nothing was presented; or the token is good, and none of the errors fits.
            Refusal::Credential(CredentialError::Absent)
            | Refusal::AccountSuspended
            | Refusal::OwnerInactive
            | Refusal::FilterNotEnforced
            | Refusal::GrantsExceeded { .. }
            | Refusal::LoginFailed { .. }
            | Refusal::NotRoot => (None, None),
            Refusal::Credential(CredentialError::Malformed | CredentialError::Several) => {
                (Some("invalid_request"), None)
            }
            Refusal::NotAToken(_)
            | Refusal::UnknownToken
            | Refusal::TokenDisabled
            | Refusal::TokenRevoked { .. }
            | Refusal::TokenExpired { .. }
            | Refusal::TokenNotYetValid { .. }
            | Refusal::TokenRotated { .. } => (Some("invalid_token"), None),
            Refusal::Insufficient { resource, action, .. } => {
                (Some("insufficient_scope"), Some(format!("{resource}:{}", action.name())))
            }
            Refusal::NoEndpoint
            | Refusal::WrongMethod { .. }
            | Refusal::NoSuch(_)
            | Refusal::NotJson
            | Refusal::BodyTooLarge
            | Refusal::BodyBroken
            | Refusal::Malformed(_)
            | Refusal::InvalidFields(_)
            | Refusal::ImmutableFields(_)
            | Refusal::InvalidQuery(_)
            | Refusal::AlreadyRevoked
            | Refusal::OwnAccount
            | Refusal::LoginTaken
            | Refusal::AccountCircle(_)
            | Refusal::AccountNotEmpty { .. }
            | Refusal::RootAccount
            | Refusal::LastOwner
            | Refusal::TooOften { .. }
            | Refusal::LoginsBusy
            | Refusal::WrongPassword
            | Refusal::UserDisabled
            | Refusal::NoUser
            | Refusal::NotASession
            | Refusal::NoInvitation
            | Refusal::ManagedElsewhere
            | Refusal::MemberElsewhere
            | Refusal::AlreadyMember
            | Refusal::UnknownPolicy(_)
            | Refusal::NoSessions(_)
            | Refusal::TooManyTokens(_)
            | Refusal::NotConfirmed { .. }
            | Refusal::TokenInUse(_)
            | Refusal::OverlapRunning { .. }
            | Refusal::NoOverlap
            | Refusal::NotRotatable(_)
            | Refusal::NotRetrievable
            | Refusal::NoCopy(_)
            | Refusal::NotYours
            | Refusal::Conflict(_)
            | Refusal::BackupRunning
            | Refusal::NotReady(_)
            | Refusal::Store(_)
            | Refusal::StoreFull(_)
            | Refusal::Unrecorded { .. }
            | Refusal::NoRandomness(_)
            | Refusal::Failed(_)
            | Refusal::Broken(_) => return None,
        };
        let description = error.filter(|_| scope.is_none()).map(|_| self.detail());
        Some(Challenge { error, description: description.as_deref(), scope: scope.as_deref() }.header(realm))
    }
}
