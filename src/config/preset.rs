//! Presets: policies that are ready, each after the documented tokens of one product. Their files are in
//! `config/presets/`, and are part of the program.

use toml::de::DeTable;

use super::problem::Place;
use super::table::Mistake;
use super::tree::{Node, Table};
use super::{suggest, value};

/// A policy that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    pub name: &'static str,
    /// The keys of a `[policy.NAME]`.
    pub text: &'static str,
}

/// All that there are.
pub const PRESETS: [Preset; 5] = [
    Preset { name: "tagoio", text: include_str!("../../config/presets/tagoio.toml") },
    Preset { name: "cockpit", text: include_str!("../../config/presets/cockpit.toml") },
    Preset { name: "logzio", text: include_str!("../../config/presets/logzio.toml") },
    Preset { name: "autheona", text: include_str!("../../config/presets/autheona.toml") },
    Preset { name: "apono", text: include_str!("../../config/presets/apono.toml") },
];

impl Preset {
    pub fn named(name: &str) -> Option<Self> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }

    /// The names of all.
    pub fn names() -> [&'static str; 5] {
        PRESETS.map(|preset| preset.name)
    }

    /// Whether its policy keeps tokens retrievable, for which a key is needed.
    pub fn needs_reveal_key(self) -> bool {
        self.text.contains("\nreveal = \"retrievable\"")
    }

    /// Its keys, as if each were written at `place`.
    fn table(self, place: &Place) -> Table {
        let (parsed, errors) = DeTable::parse_recoverable(self.text);
        debug_assert!(errors.is_empty(), "the preset {} is TOML: {errors:?}", self.name);
        Table::from(parsed.get_ref()).at(place)
    }
}

/// `preset = "…"`.
pub(super) fn preset(node: &Node) -> Result<Preset, Mistake> {
    let text = value::text(node)?;
    let help = suggest::help(&text, &Preset::names(), "write one of");
    Preset::named(&text).ok_or_else(|| Mistake::new("names no preset", help))
}

/// What a policy says: its own keys, and those of its preset that it does not give itself.
pub(super) fn lay_under(own: &Table, preset: Preset, place: &Place) -> Table {
    let mut all = preset.table(place);
    all.entries.extend(own.entries.iter().map(|(name, entry)| (name.clone(), entry.clone())));
    all
}
