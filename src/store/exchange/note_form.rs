//! The written form of a note.

use serde::{Deserialize, Serialize};

use super::error::Flaw;
use super::form::{bytes, digest, parsed};
use crate::model::{Made, MadeObject, Note, Noted, Revision, Timestamp};
use crate::store::hex;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteForm {
    id: String,
    made: i64,
    what: NotedForm,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NotedForm {
    ImportDeleted,
    Made(MadeForm),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MadeForm {
    by: String,
    request: String,
    object: ObjectForm,
    sealed: Option<String>,
    until: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ObjectForm {
    Token(String),
    Account(String),
    User(String),
    Member(String, String),
}

impl NoteForm {
    pub(super) fn of(note: &Note) -> Self {
        let what = match &note.what {
            Noted::ImportDeleted => NotedForm::ImportDeleted,
            Noted::Made(made) => NotedForm::Made(MadeForm::of(made)),
        };
        Self { id: note.id.to_string(), made: note.made.millis(), what, revision: note.revision.0 }
    }

    pub(super) fn note(self) -> Result<Note, Flaw> {
        let what = match self.what {
            NotedForm::ImportDeleted => Noted::ImportDeleted,
            NotedForm::Made(made) => Noted::Made(made.made()?),
        };
        let made = Timestamp::from_millis(self.made);
        Ok(Note { id: parsed("id", &self.id)?, made, what, revision: Revision(self.revision) })
    }
}

impl MadeForm {
    fn of(made: &Made) -> Self {
        let Made { by, request, object, sealed, until } = made;
        let object = match object {
            MadeObject::Token(id) => ObjectForm::Token(id.to_string()),
            MadeObject::Account(id) => ObjectForm::Account(id.to_string()),
            MadeObject::User(id) => ObjectForm::User(id.to_string()),
            MadeObject::Member(account, user) => ObjectForm::Member(account.to_string(), user.to_string()),
        };
        let sealed = sealed.as_deref().map(hex::encode);
        Self { by: by.to_string(), request: hex::encode(request.as_bytes()), object, sealed, until: until.millis() }
    }

    fn made(self) -> Result<Made, Flaw> {
        let object = match self.object {
            ObjectForm::Token(id) => MadeObject::Token(parsed("token", &id)?),
            ObjectForm::Account(id) => MadeObject::Account(parsed("account", &id)?),
            ObjectForm::User(id) => MadeObject::User(parsed("user", &id)?),
            ObjectForm::Member(account, user) => {
                MadeObject::Member(parsed("member", &account)?, parsed("member", &user)?)
            }
        };
        let sealed = self.sealed.map(|sealed| bytes("sealed", &sealed)).transpose()?;
        Ok(Made {
            by: parsed("by", &self.by)?,
            request: digest("request", &self.request)?,
            object,
            sealed,
            until: Timestamp::from_millis(self.until),
        })
    }
}
