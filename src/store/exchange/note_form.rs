//! The written form of a note.

use serde::{Deserialize, Serialize};

use super::error::Flaw;
use super::form::parsed;
use crate::model::{Note, Noted, Revision, Timestamp};

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
}

impl NoteForm {
    pub(super) fn of(note: &Note) -> Self {
        let what = match note.what {
            Noted::ImportDeleted => NotedForm::ImportDeleted,
        };
        Self { id: note.id.to_string(), made: note.made.millis(), what, revision: note.revision.0 }
    }

    pub(super) fn note(self) -> Result<Note, Flaw> {
        let what = match self.what {
            NotedForm::ImportDeleted => Noted::ImportDeleted,
        };
        let made = Timestamp::from_millis(self.made);
        Ok(Note { id: parsed("id", &self.id)?, made, what, revision: Revision(self.revision) })
    }
}
