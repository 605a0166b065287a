//! What a refusal is in the audit log.

use super::refusal::Refusal;
use crate::audit::Outcome;

impl Refusal {
    /// `None`: nobody was refused, or a stranger, and it is not noted by itself.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let code = self.code().name;
        match self {
            // Strangers, and what says nothing about anybody's rights.
            Refusal::Credential(_)
            | Refusal::NotAToken(_)
            | Refusal::UnknownToken
            | Refusal::OtherHost
            | Refusal::Misdirected
            | Refusal::NoEndpoint
            | Refusal::WrongMethod { .. }
            | Refusal::TooOften { .. }
            | Refusal::LoginsBusy
            | Refusal::LeaksOff
            | Refusal::BadSignature(_)
            | Refusal::KeysUnavailable(_)
            | Refusal::LeaksBusy
            | Refusal::RateLimited { .. }
            | Refusal::NoInvitation
            | Refusal::NotReady(_)
            | Refusal::Unrecorded { .. } => None,
            // A right is missing, or a token, a user or an account is not in force.
            Refusal::TokenDisabled
            | Refusal::TokenRevoked { .. }
            | Refusal::TokenExpired { .. }
            | Refusal::TokenNotYetValid { .. }
            | Refusal::TokenRotated { .. }
            | Refusal::AccountSuspended
            | Refusal::OwnerInactive
            | Refusal::Insufficient { .. }
            | Refusal::GrantsExceeded { .. }
            | Refusal::NotRoot
            | Refusal::FilterNotEnforced
            | Refusal::OwnAccount
            | Refusal::LoginFailed { .. }
            | Refusal::WrongPassword
            | Refusal::UserDisabled
            | Refusal::ManagedElsewhere
            | Refusal::MemberElsewhere
            | Refusal::NoSessions(_)
            | Refusal::NotYours => Some(Outcome::Denied(code)),
            // It may have been done all the same.
            Refusal::Store(_) | Refusal::Failed(_) | Refusal::Broken(_) => Some(Outcome::Unknown(code)),
            Refusal::NoSuch(_)
            | Refusal::NotJson
            | Refusal::NotForm
            | Refusal::BadForm(_)
            | Refusal::BodyTooLarge
            | Refusal::BodyBroken
            | Refusal::Malformed(_)
            | Refusal::InvalidFields(_)
            | Refusal::ImmutableFields(_)
            | Refusal::InvalidQuery(_)
            | Refusal::AlreadyRevoked
            | Refusal::LoginTaken
            | Refusal::AccountCircle(_)
            | Refusal::AccountNotEmpty { .. }
            | Refusal::RootAccount
            | Refusal::LastOwner
            | Refusal::NoUser
            | Refusal::NotASession
            | Refusal::AlreadyMember
            | Refusal::UnknownPolicy(_)
            | Refusal::TooManyTokens(_)
            | Refusal::NotConfirmed { .. }
            | Refusal::TokenInUse(_)
            | Refusal::OverlapRunning { .. }
            | Refusal::NoOverlap
            | Refusal::NotRotatable(_)
            | Refusal::NotRetrievable
            | Refusal::NoCopy(_)
            | Refusal::BadRepeatKey(_)
            | Refusal::UnderWay
            | Refusal::OtherRequest
            | Refusal::MadeAndGone
            | Refusal::Conflict(_)
            | Refusal::Stale
            | Refusal::CountDiffers { .. }
            | Refusal::BackupRunning
            | Refusal::StoreFull(_)
            | Refusal::NoRandomness(_) => Some(Outcome::Refused(code)),
        }
    }
}
