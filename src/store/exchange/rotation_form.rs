//! The written form of a token's rotation.

use serde::{Deserialize, Serialize};

use super::error::Flaw;
use super::form::{bytes, digest, parsed};
use crate::model::{Life, OldSecret, Rotation, Timestamp, Turn, TurnKind};
use crate::store::hex;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationForm {
    number: u32,
    since: Option<i64>,
    old: OldForm,
    history: Vec<TurnForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OldForm {
    number: u32,
    since: Option<i64>,
    hint: String,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    replaced: i64,
    life: LifeForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum LifeForm {
    Until { at: i64 },
    Ended { at: i64 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnForm {
    at: i64,
    by: Option<String>,
    what: String,
    hint: String,
}

impl RotationForm {
    pub(super) fn of(rotation: &Rotation) -> Self {
        let OldSecret { number, since, hint, digest, sealed, replaced, life } = &rotation.old;
        Self {
            number: rotation.number,
            since: rotation.since.map(Timestamp::millis),
            old: OldForm {
                number: *number,
                since: since.map(Timestamp::millis),
                hint: hint.clone(),
                digest: hex::encode(digest.as_bytes()),
                sealed: sealed.as_deref().map(hex::encode),
                replaced: replaced.millis(),
                life: match life {
                    Life::Until(at) => LifeForm::Until { at: at.millis() },
                    Life::Ended(at) => LifeForm::Ended { at: at.millis() },
                },
            },
            history: rotation.history.iter().map(TurnForm::of).collect(),
        }
    }

    pub(super) fn rotation(self) -> Result<Rotation, Flaw> {
        let OldForm { number, since, hint, digest: of_old, sealed, replaced, life } = self.old;
        Ok(Rotation {
            number: self.number,
            since: self.since.map(Timestamp::from_millis),
            old: OldSecret {
                number,
                since: since.map(Timestamp::from_millis),
                hint,
                digest: digest("rotation.old.digest", &of_old)?,
                sealed: sealed.map(|sealed| bytes("rotation.old.sealed", &sealed)).transpose()?,
                replaced: Timestamp::from_millis(replaced),
                life: match life {
                    LifeForm::Until { at } => Life::Until(Timestamp::from_millis(at)),
                    LifeForm::Ended { at } => Life::Ended(Timestamp::from_millis(at)),
                },
            },
            history: self.history.into_iter().map(TurnForm::turn).collect::<Result<_, _>>()?,
        })
    }
}

impl TurnForm {
    fn of(turn: &Turn) -> Self {
        let Turn { at, by, what, hint } = turn;
        Self { at: at.millis(), by: by.map(|id| id.to_string()), what: what.name().to_owned(), hint: hint.clone() }
    }

    fn turn(self) -> Result<Turn, Flaw> {
        let what = TurnKind::from_name(&self.what)
            .ok_or_else(|| Flaw::Form(format!("`rotation.history`: `{}` is no change of a text", self.what)))?;
        let by = self.by.map(|id| parsed("rotation.history", &id)).transpose()?;
        Ok(Turn { at: Timestamp::from_millis(self.at), by, what, hint: self.hint })
    }
}
