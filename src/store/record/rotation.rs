//! The written form of a rotation, as a part of its token's record. The old text's digest stands in the
//! token's record itself, where it is found without reading this.

use serde::{Deserialize, Serialize};

use super::Problem;
use super::bytes::{Bytes, Whole};
use crate::model::{Digest, Life, OldSecret, Rotation, Timestamp, TokenId, Turn, TurnKind};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationRecord {
    number: u32,
    since: Option<i64>,
    old: OldRecord,
    history: Vec<TurnRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OldRecord {
    number: u32,
    since: Option<i64>,
    hint: String,
    sealed: Option<Whole>,
    replaced: i64,
    life: LifeRecord,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LifeRecord {
    Until(i64),
    Ended(i64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnRecord {
    at: i64,
    by: Option<Bytes<16>>,
    what: String,
    hint: String,
}

impl RotationRecord {
    pub(super) fn of(rotation: &Rotation) -> Self {
        let OldSecret { number, since, hint, digest: _, sealed, replaced, life } = &rotation.old;
        Self {
            number: rotation.number,
            since: rotation.since.map(Timestamp::millis),
            old: OldRecord {
                number: *number,
                since: since.map(Timestamp::millis),
                hint: hint.clone(),
                sealed: sealed.clone().map(Whole),
                replaced: replaced.millis(),
                life: match life {
                    Life::Until(at) => LifeRecord::Until(at.millis()),
                    Life::Ended(at) => LifeRecord::Ended(at.millis()),
                },
            },
            history: rotation.history.iter().map(TurnRecord::of).collect(),
        }
    }

    pub(super) fn rotation(self, digest: Digest) -> Result<Rotation, Problem> {
        let OldRecord { number, since, hint, sealed, replaced, life } = self.old;
        Ok(Rotation {
            number: self.number,
            since: self.since.map(Timestamp::from_millis),
            old: OldSecret {
                number,
                since: since.map(Timestamp::from_millis),
                hint,
                digest,
                sealed: sealed.map(|sealed| sealed.0),
                replaced: Timestamp::from_millis(replaced),
                life: match life {
                    LifeRecord::Until(at) => Life::Until(Timestamp::from_millis(at)),
                    LifeRecord::Ended(at) => Life::Ended(Timestamp::from_millis(at)),
                },
            },
            history: self.history.into_iter().map(TurnRecord::turn).collect::<Result<_, _>>()?,
        })
    }
}

impl TurnRecord {
    fn of(turn: &Turn) -> Self {
        let Turn { at, by, what, hint } = turn;
        let by = by.map(|id| Bytes(id.to_bytes()));
        Self { at: at.millis(), by, what: what.name().to_owned(), hint: hint.clone() }
    }

    fn turn(self) -> Result<Turn, Problem> {
        let what = TurnKind::from_name(&self.what)
            .ok_or_else(|| Problem::Contents(format!("`{}` is nothing that becomes of a text", self.what)))?;
        let by = self.by.map(|id| TokenId::from_bytes(id.0));
        Ok(Turn { at: Timestamp::from_millis(self.at), by, what, hint: self.hint })
    }
}
