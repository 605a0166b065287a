//! What can happen to a token that others may want to hear of.

/// The kinds of events. Their names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    Created,
    Updated,
    /// It has a new text.
    Rotated,
    /// It has the text again that was there before the rotation.
    RotationUndone,
    /// The text that was replaced is good no more.
    OverlapEnded,
    Disabled,
    Enabled,
    Revoked,
    Deleted,
    /// Its expiry is as near as is configured.
    Expiring,
    Expired,
    /// Somebody found its text where it does not belong.
    Leaked,
    /// A request was refused because there were too many.
    LimitReached,
    /// Its account's policy has a remark about it.
    Warning,
    /// Nothing happened: somebody tries a webhook.
    Test,
}

impl EventKind {
    pub const ALL: [EventKind; 15] = [
        EventKind::Created,
        EventKind::Updated,
        EventKind::Rotated,
        EventKind::RotationUndone,
        EventKind::OverlapEnded,
        EventKind::Disabled,
        EventKind::Enabled,
        EventKind::Revoked,
        EventKind::Deleted,
        EventKind::Expiring,
        EventKind::Expired,
        EventKind::Leaked,
        EventKind::LimitReached,
        EventKind::Warning,
        EventKind::Test,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            EventKind::Created => "token.created",
            EventKind::Updated => "token.updated",
            EventKind::Rotated => "token.rotated",
            EventKind::RotationUndone => "token.rotation_undone",
            EventKind::OverlapEnded => "token.overlap_ended",
            EventKind::Disabled => "token.disabled",
            EventKind::Enabled => "token.enabled",
            EventKind::Revoked => "token.revoked",
            EventKind::Deleted => "token.deleted",
            EventKind::Expiring => "token.expiring",
            EventKind::Expired => "token.expired",
            EventKind::Leaked => "token.leaked",
            EventKind::LimitReached => "token.limit_reached",
            EventKind::Warning => "token.warning",
            EventKind::Test => "webhook.test",
        }
    }

    pub fn from_name(name: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is done to a token whose text was found where it does not belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeakAction {
    Revoke,
    #[default]
    Disable,
    /// Only told.
    Notify,
}

impl LeakAction {
    pub const fn name(self) -> &'static str {
        match self {
            LeakAction::Revoke => "revoke",
            LeakAction::Disable => "disable",
            LeakAction::Notify => "notify",
        }
    }
}
