//! What a policy says in one line and takes back in another: each is refused with both lines named.

use std::time::Duration;

use super::problem::Place;
use super::table::{Field as Found, Located, Reader};
use crate::model::{AccountToken, DeleteConfirm, NamePattern, Reveal};

/// The keys about life times as they were found.
pub(super) struct ExpiryPlaces<'a> {
    pub presets: &'a Found<Vec<Duration>>,
    pub default: &'a Found<Option<Duration>>,
    pub max: &'a Found<Option<Duration>>,
    pub allow_never: &'a Found<bool>,
    /// The maximum of `[tokens]`, which holds where the policy has none.
    pub usual: Option<Duration>,
}

/// Reports that what stands at `place` and what stands at `other` cannot both hold.
fn contradiction(table: &Reader<'_>, place: &Place, message: &str, other: (&str, &Place), help: &str) {
    let seen = table.findings().where_is(other.1);
    table.findings().report(place, format!("{message} `{}` ({seen})", other.0), help);
}

pub(super) fn expiry(table: &Reader<'_>, found: &ExpiryPlaces<'_>) {
    let (presets, default) = (found.presets.as_good(), found.default.as_good());
    let (max, never) = (found.max.as_good(), found.allow_never.as_good());
    let limit = max.and_then(|max| Some((max.value?, &max.place)));
    if let (Some(default), Some((max, place))) = (default, limit)
        && default.value.is_none_or(|default| default > max)
    {
        let message = "`default_expiry` is longer than what is allowed by";
        let help = "lower `default_expiry`, or raise `max_expiry`";
        contradiction(table, &default.place, message, ("max_expiry", place), help);
    }
    if let (Some(never), Some((_, place))) = (never.filter(|never| never.value), limit) {
        let message = "`allow_never` allows what is forbidden by";
        contradiction(table, &never.place, message, ("max_expiry", place), "remove one of the two");
    }
    if let (Some(default), None, None, Some(usual)) = (default, max, presets, found.usual)
        && default.value.is_none_or(|default| default > usual)
    {
        let message = "`default_expiry` is longer than `tokens.max_expiry`, which holds for this policy too";
        let help = "lower `default_expiry`, or write a `max_expiry` for this policy";
        table.findings().report(&default.place, message, help);
    }
    never_by_default(table, default, never);
    within_presets(table, presets, default, max);
}

fn never_by_default(table: &Reader<'_>, default: Option<&Located<Option<Duration>>>, never: Option<&Located<bool>>) {
    if let (Some(default), Some(never)) = (default, never)
        && default.value.is_none()
        && !never.value
    {
        let help = "write a length of time for `default_expiry`, or `allow_never = true`";
        let message = "`default_expiry` is \"never\", which is forbidden by";
        contradiction(table, &default.place, message, ("allow_never", &never.place), help);
    }
}

fn within_presets(
    table: &Reader<'_>,
    presets: Option<&Located<Vec<Duration>>>,
    default: Option<&Located<Option<Duration>>>,
    max: Option<&Located<Option<Duration>>>,
) {
    let Some(presets) = presets else { return };
    let key = ("expiry_presets", &presets.place);
    if let Some((length, place)) = default.and_then(|default| Some((default.value?, &default.place)))
        && !presets.value.contains(&length)
    {
        let help = "write one of the presets, or add this length to them";
        contradiction(table, place, "`default_expiry` is none of", key, help);
    }
    if let Some((max, place)) = max.and_then(|max| Some((max.value?, &max.place)))
        && presets.value.iter().any(|&preset| preset > max)
    {
        let help = "raise `max_expiry`, or remove the longer presets";
        contradiction(table, place, "`max_expiry` is shorter than one of", key, help);
    }
}

/// A default over the maximum, and lengths of what there is none of.
pub(super) fn rotation(
    table: &Reader<'_>,
    allowed: &Found<bool>,
    overlap: &Found<Option<Duration>>,
    max: &Found<Option<Duration>>,
) {
    if let (Some(overlap), Some(max)) = (overlap.as_good(), max.as_good())
        && overlap.value.unwrap_or_default() > max.value.unwrap_or_default()
    {
        let message = "`rotation_overlap` is longer than what is allowed by";
        let help = "lower `rotation_overlap`, or raise `rotation_overlap_max`";
        contradiction(table, &overlap.place, message, ("rotation_overlap_max", &max.place), help);
    }
    let Some(forbidden) = allowed.as_good().filter(|allowed| !allowed.value) else { return };
    for (name, found) in [("rotation_overlap", overlap), ("rotation_overlap_max", max)] {
        if let Some(found) = found.as_good().filter(|found| found.value.is_some()) {
            let message = format!("`{name}` is about rotations, which are forbidden by");
            contradiction(table, &found.place, &message, ("rotation", &forbidden.place), "remove one of the two");
        }
    }
}

/// A copy that is kept needs a key of its own.
pub(super) fn reveal(table: &Reader<'_>, reveal: &Found<Reveal>, has_key: Option<bool>) {
    if let (Some(reveal), Some(false)) = (reveal.as_good(), has_key)
        && reveal.value == Reveal::Retrievable
    {
        let message = "`reveal` is \"retrievable\", and there is no `reveal_key` in `[tokens]`";
        let help = "make a key with `head -c 48 /dev/urandom | base64 > reveal.key && chmod 600 reveal.key`, and write \
                    `reveal_key = { file = \"reveal.key\" }` in `[tokens]`";
        table.findings().report(&reveal.place, message, help);
    }
}

/// Who is to type a name needs one.
pub(super) fn confirmation(table: &Reader<'_>, confirm: &Found<DeleteConfirm>, required: &Found<bool>) {
    let Some(confirm) = confirm.as_good().filter(|confirm| confirm.value == DeleteConfirm::Name) else { return };
    let help = "write `name_required = true`, or another `delete_confirm`";
    match required {
        Found::Good(required) if required.value => {}
        Found::Good(required) => {
            let message = "`delete_confirm` asks for the name of tokens, which may have none by";
            contradiction(table, &confirm.place, message, ("name_required", &required.place), help);
        }
        Found::Absent => {
            let message =
                "`delete_confirm` asks for the name of tokens, and without `name_required` they may have none";
            table.findings().report(&confirm.place, message, help);
        }
        Found::Bad => {}
    }
}

/// A token that nobody is shown must be retrievable, and keep to the rule for names.
pub(super) fn account_token(
    table: &Reader<'_>,
    token: &Found<AccountToken>,
    reveal: &Found<Reveal>,
    pattern: Option<&Located<NamePattern>>,
) {
    let Some(token) = token.as_good() else { return };
    let help = "write `reveal = \"retrievable\"`, or remove `account_token`";
    match reveal {
        Found::Good(reveal) if reveal.value == Reveal::Once => {
            let message = "`account_token` makes a token that nobody could ever see by";
            contradiction(table, &token.place, message, ("reveal", &reveal.place), help);
        }
        Found::Absent => {
            let message = "`account_token` makes a token that nobody could ever see without `reveal = \"retrievable\"`";
            table.findings().report(&token.place, message, help);
        }
        Found::Good(_) | Found::Bad => {}
    }
    if let Some(pattern) = pattern.filter(|pattern| !pattern.value.matches(&token.value.name)) {
        let message = "`account_token` has a name that does not match";
        let help = "give it another name, or change the pattern";
        contradiction(table, &token.place, message, ("name_pattern", &pattern.place), help);
    }
}
