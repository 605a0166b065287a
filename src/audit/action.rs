//! What is done: one name for each action of the management.

/// What becomes of an action while the log cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changes something, and is refused: what nobody could tell of must not be done.
    Changes,
    /// It may take rights away, which must not wait; whether it does, its handler knows.
    Edits,
    /// It takes rights away, and goes on as long as that is possible at all.
    Ends,
    /// It changes nothing and shows something. There is nothing to note before it is done.
    Shows,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $effect:ident;)*) => {
        /// An action. Its name is in the log, so it never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            pub const ALL: &[Action] = &[$(Action::$name,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Action::$name => $text,)*
                }
            }

            pub const fn effect(self) -> Effect {
                match self {
                    $(Action::$name => Effect::$effect,)*
                }
            }
        }
    };
}

actions! {
    TokenCreate = "token.create", Changes;
    TokenImport = "token.import", Changes;
    TokenEdit = "token.edit", Changes;
    TokenDisable = "token.disable", Ends;
    TokenEnable = "token.enable", Changes;
    TokenRevoke = "token.revoke", Ends;
    /// All that a filter is true for; each of them has an entry of its own besides.
    TokenRevokeMany = "token.revoke.many", Edits;
    TokenDelete = "token.delete", Ends;
    TokenReveal = "token.reveal", Shows;
    TokenRotate = "token.rotate", Changes;
    TokenRotationEnd = "token.rotation.end", Ends;
    TokenRotationExtend = "token.rotation.extend", Changes;
    TokenRotationUndo = "token.rotation.undo", Changes;
    /// Somebody found its text where it does not belong; the policy says what is done.
    TokenLeaked = "token.leaked", Ends;
    /// Texts were reported that somebody found.
    LeakReport = "leak.report", Ends;
    /// By policy: what has expired.
    TokenPurge = "token.purge", Ends;
    AccountCreate = "account.create", Changes;
    AccountEdit = "account.edit", Edits;
    AccountDelete = "account.delete", Ends;
    MemberAdd = "member.add", Changes;
    MemberEdit = "member.edit", Changes;
    MemberRemove = "member.remove", Ends;
    UserCreate = "user.create", Changes;
    UserEdit = "user.edit", Edits;
    UserDelete = "user.delete", Ends;
    UserPassword = "user.password", Changes;
    UserInvite = "user.invite", Changes;
    InvitationAccept = "invitation.accept", Changes;
    /// A login, or an application's for one of its users.
    SessionCreate = "session.create", Changes;
    /// A logout, or somebody else's session that is ended.
    SessionDelete = "session.delete", Ends;
    StoreBackup = "store.backup", Shows;
    /// At the command line.
    StoreRestore = "store.restore", Changes;
    StoreImport = "store.import", Changes;
    StoreAccept = "store.accept", Changes;
    /// A message that says nothing is sent.
    WebhookTest = "webhook.test", Shows;
    /// Dead letters are sent once more.
    WebhookRedeliver = "webhook.redeliver", Changes;
    /// Dead letters are forgotten.
    WebhookDiscard = "webhook.discard", Changes;
    /// Somebody without the right to it asked for what changes nothing.
    ApiRead = "api.read", Shows;
    /// The first line of a log.
    AuditBegin = "audit.begin", Shows;
    /// A log that was not what was written was set aside.
    AuditAccept = "audit.accept", Shows;
    AuditExport = "audit.export", Shows;
    /// What was older than the retention is gone.
    AuditDrop = "audit.drop", Shows;
    /// The root account and its first token are made.
    GatewayInit = "gateway.init", Changes;
    GatewayStart = "gateway.start", Shows;
    GatewayStop = "gateway.stop", Shows;
}

impl Action {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_action_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(*action));
            assert!(action.name().split_once('.').is_some(), "{}", action.name());
        }
    }
}
