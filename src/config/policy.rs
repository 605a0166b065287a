//! `[policy.NAME]`: the rules for the tokens of accounts. `[policy.default]` holds where no account names
//! another.

use std::collections::BTreeMap;
use std::time::Duration;

use super::policy_lint::{self, ExpiryPlaces};
use super::preset;
use super::role;
use super::settings::Tokens;
use super::table::{Field as Found, Located, Mistake, Reader};
use super::tree::{Node, Value};
use super::value::{self, DAY};
use crate::model::{
    AccountToken, DeleteConfirm, ExpiryRules, Field, Kind, LeakAction, NamePattern, NameRules, PlanName, Policies,
    Policy, PolicyName, Reveal, RotationRules, WarnRules,
};

const LONGEST: Duration = DAY.saturating_mul(36_500);
/// As long as use is remembered day by day.
const LONGEST_WINDOW: Duration = DAY.saturating_mul(35);
const LONGEST_OVERLAP: Duration = DAY.saturating_mul(365);
const LEAK_ACTIONS: &[(&str, LeakAction)] =
    &[("revoke", LeakAction::Revoke), ("disable", LeakAction::Disable), ("notify", LeakAction::Notify)];
const KINDS: &[(&str, Kind)] =
    &[("personal", Kind::Personal), ("service", Kind::Service), ("shared", Kind::Shared), ("session", Kind::Session)];
const REVEALS: &[(&str, Reveal)] = &[("once", Reveal::Once), ("retrievable", Reveal::Retrievable)];
const CONFIRMS: &[(&str, DeleteConfirm)] =
    &[("none", DeleteConfirm::Nothing), ("yes", DeleteConfirm::Yes), ("name", DeleteConfirm::Name)];
const FIELDS: &[(&str, Field)] = &[
    ("name", Field::Name),
    ("description", Field::Description),
    ("grants", Field::Grants),
    ("roles", Field::Roles),
    ("filters", Field::Filters),
    ("expires", Field::Expires),
    ("rate_limit", Field::RateLimit),
];

/// All policies. `None`: reported. `tokens` is `None` where `[tokens]` is wrong.
pub(super) fn read(root: &mut Reader<'_>, tokens: Option<&Tokens>) -> Option<Policies> {
    let mut policies = Some(Vec::new());
    for (name, place, table) in root.section("policy")?.named_tables() {
        let name = name.parse::<PolicyName>();
        if let Err(error) = &name {
            table.findings().report(place, error.to_string(), "write `[policy.default]`, for instance");
        }
        let policy = one(table, name.ok(), tokens);
        policies = policies.zip(policy).map(|(mut policies, policy)| {
            policies.push(policy);
            policies
        });
    }
    let mut policies = policies?;
    let at = policies.iter().position(|policy| policy.name.as_str() == Policies::DEFAULT);
    let default = match at {
        Some(at) => policies.swap_remove(at),
        None => Policy::lenient(Policies::DEFAULT.parse().ok()?, usual_expiry(tokens?)),
    };
    Some(Policies::new(default, policies))
}

/// What `[tokens]` says, which holds where a policy says nothing.
fn usual_expiry(tokens: &Tokens) -> ExpiryRules {
    let max = tokens.max_expiry;
    ExpiryRules { presets: Vec::new(), default: tokens.default_expiry, max, allow_never: max.is_none() }
}

fn one(mut own: Reader<'_>, name: Option<PolicyName>, tokens: Option<&Tokens>) -> Option<Policy> {
    let preset = own.field("preset", preset::preset);
    let merged = match &preset {
        Found::Absent => own.table().clone(),
        Found::Bad => return None,
        Found::Good(preset) => preset::lay_under(own.table(), preset.value, &preset.place),
    };
    let mut table = own.with(&merged);
    table.node("preset");
    let policy = rules(&mut table, tokens);
    table.finish();
    Some(Policy { name: name?, ..policy? })
}

/// Everything but the name.
fn rules(table: &mut Reader<'_>, tokens: Option<&Tokens>) -> Option<Policy> {
    let lenient = Policy::lenient(Policies::DEFAULT.parse().ok()?, tokens.map(usual_expiry).unwrap_or_default());
    let description = table.field("description", value::text).or(String::new());
    let kinds = table.field("kinds", list_of(KINDS)).or(lenient.kinds.clone());
    let plans = table.field("plans", plans).or(BTreeMap::new());
    let max_active = table.field("max_active", value::or_word("unlimited", value::count(1..=1_000_000))).or(None);
    let name_required = table.field("name_required", value::boolean);
    let pattern = naming(table);
    let description_required = table.field("description_required", value::boolean).or(false);
    let expiry = expiry(table, &lenient.expiry);
    let mutable = table.field("mutable", list_of(FIELDS)).or(lenient.mutable.clone());
    let reveal = table.field("reveal", value::choice(REVEALS));
    let rotation = rotation(table, lenient.rotation);
    let delete_confirm = table.field("delete_confirm", value::choice(CONFIRMS));
    let window = value::or_word("off", value::duration(LONGEST_WINDOW));
    let dependency_window = table.field("dependency_window", window).or(None);
    let shared_requires_filter = table.field("shared_requires_filter", value::boolean).or(false);
    let session_lifetime = table.field("session_lifetime", value::duration(LONGEST)).or(lenient.session_lifetime);
    let password_min_length = table.field("password_min_length", value::count_usize(8..=128));
    let purge = table.field("purge_expired_after", value::or_word("never", value::duration(LONGEST))).or(None);
    let account_token = table.field("account_token", account_token);
    let leak_action = table.field("leak_action", value::choice(LEAK_ACTIONS)).or(LeakAction::default());
    let warn = warn(table);
    policy_lint::reveal(table, &reveal, tokens.map(|tokens| tokens.reveal_key.is_some()));
    policy_lint::confirmation(table, &delete_confirm, &name_required);
    policy_lint::account_token(table, &account_token, &reveal, pattern.as_ref().and_then(Option::as_ref));
    let pattern = pattern?.map(|located| located.value);
    Some(Policy {
        description: description?,
        kinds: kinds?,
        plans: plans?,
        max_active: max_active?.and_then(|max| u32::try_from(max).ok()),
        naming: NameRules { required: name_required.or(false)?, pattern },
        description_required: description_required?,
        expiry: expiry?,
        mutable: mutable?,
        reveal: reveal.or(Reveal::Once)?,
        rotation: rotation?,
        delete_confirm: delete_confirm.or(DeleteConfirm::Nothing)?,
        dependency_window: dependency_window?,
        shared_requires_filter: shared_requires_filter?,
        session_lifetime: session_lifetime?,
        password_min_length: password_min_length.or(lenient.password_min_length)?,
        purge_expired_after: purge?,
        account_token: account_token.optional()?,
        leak_action: leak_action?,
        warn: warn?,
        ..lenient
    })
}

/// `name_pattern`, with `name_message` for who does not keep to it. `None`: reported.
fn naming(table: &mut Reader<'_>) -> Option<Option<Located<NamePattern>>> {
    let message = table.field("name_message", value::text);
    let pattern = table.field("name_pattern", |node| {
        let text = value::text(node)?;
        let built = NamePattern::new(&text, message.as_good().map(|message| message.value.clone()));
        built.map_err(|error| {
            let shown = error.to_string();
            let help = "write a regular expression for the whole name, such as '[a-z0-9_]+' in single quotes";
            Mistake::new(
                format!(
                    "is no regular expression: {}",
                    shown.lines().last().unwrap_or_default().trim().trim_start_matches("error: ")
                ),
                help,
            )
        })
    });
    if let (Found::Absent, Found::Good(message)) = (&pattern, &message) {
        let help = "write the `name_pattern` that it is about, or remove it";
        table.findings().report(&message.place, "`name_message` is there without a `name_pattern`", help);
        return None;
    }
    match pattern {
        Found::Absent => Some(None),
        Found::Bad => None,
        Found::Good(pattern) => message.optional().map(|_| Some(pattern)),
    }
}

/// The rules for life times; where the policy says nothing, those of `[tokens]` within what it says.
fn expiry(table: &mut Reader<'_>, usual: &ExpiryRules) -> Option<ExpiryRules> {
    let presets = table.field("expiry_presets", presets);
    let default = table.field("default_expiry", value::or_word("never", value::duration(LONGEST)));
    let max = table.field("max_expiry", value::or_word("unlimited", value::duration(LONGEST)));
    let allow_never = table.field("allow_never", value::boolean);
    let places =
        ExpiryPlaces { presets: &presets, default: &default, max: &max, allow_never: &allow_never, usual: usual.max };
    policy_lint::expiry(table, &places);
    let is_own_default = default.as_good().is_some();
    let (presets, default) = (presets.or(Vec::new())?, default.or(usual.default)?);
    let max = max.or(if presets.is_empty() { usual.max } else { None })?;
    let allow_never = allow_never.or(max.is_none())?;
    let mut rules = ExpiryRules { presets, default, max, allow_never };
    if !is_own_default {
        rules.default = fitted(&rules);
    }
    Some(rules)
}

/// The rules for other texts; a default of the policy's own keeps within the maximum, any other is fitted.
fn rotation(table: &mut Reader<'_>, usual: RotationRules) -> Option<RotationRules> {
    let allowed = table.field("rotation", value::boolean);
    let overlap = table.field("rotation_overlap", value::or_word("off", value::duration(LONGEST_OVERLAP)));
    let max = table.field("rotation_overlap_max", value::or_word("off", value::duration(LONGEST_OVERLAP)));
    policy_lint::rotation(table, &allowed, &overlap, &max);
    let own_overlap = overlap.as_good().map(|overlap| overlap.value.unwrap_or_default());
    // Who writes a longer default and no maximum means it.
    let usual_max = own_overlap.map_or(usual.max_overlap, |own| own.max(usual.max_overlap));
    let max_overlap = max.or(Some(usual_max))?.unwrap_or_default();
    let overlap = overlap.or(Some(usual.overlap.min(max_overlap)))?.unwrap_or_default();
    Some(RotationRules { allowed: allowed.or(usual.allowed)?, overlap, max_overlap })
}

/// The usual default, or what comes next to it within the rules.
fn fitted(rules: &ExpiryRules) -> Option<Duration> {
    let longest = rules.presets.iter().copied().max().or(rules.max);
    match rules.default {
        None if rules.allow_never => None,
        None => Some(longest.unwrap_or(90 * DAY)),
        Some(default) if rules.presets.is_empty() || rules.presets.contains(&default) => {
            Some(rules.max.map_or(default, |max| default.min(max)))
        }
        Some(_) => rules.presets.first().copied(),
    }
}

fn presets(node: &Node) -> Result<Vec<Duration>, Mistake> {
    let help = "write the lengths that may be chosen, such as [\"30d\", \"90d\", \"365d\"]";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list of durations", help));
    };
    let lengths = items.iter().map(value::duration(LONGEST)).collect::<Result<Vec<_>, _>>();
    let lengths = lengths.map_err(|mistake| Mistake::new(format!("has an item that {}", mistake.what), help))?;
    let ascend = lengths.windows(2).all(|pair| pair[0] < pair[1]);
    match lengths.len() {
        1..=20 if ascend => Ok(lengths),
        1..=20 => Err(Mistake::new("must go from the shortest to the longest, each once", help)),
        _ => Err(Mistake::new("must have 1 to 20 lengths", help)),
    }
}

/// Some of a few words, each once.
fn list_of<T: Copy + PartialEq>(words: &'static [(&'static str, T)]) -> impl Fn(&Node) -> Result<Vec<T>, Mistake> {
    move |node| {
        let names: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let help = format!("write some of [{}]", names.join(", "));
        let Value::Array(items) = &node.value else {
            return Err(Mistake::of_type(node, "a list of strings", help));
        };
        let mut chosen = Vec::with_capacity(items.len());
        for item in items {
            let one = value::choice(words)(item)
                .map_err(|mistake| Mistake::new(format!("has an item that {}", mistake.what), mistake.help))?;
            if chosen.contains(&one) {
                return Err(Mistake::new("has an item twice", help));
            }
            chosen.push(one);
        }
        Ok(chosen)
    }
}

/// `plans = { enterprise = ["service", "shared"] }`.
fn plans(node: &Node) -> Result<BTreeMap<PlanName, Vec<Kind>>, Mistake> {
    let help = "write each plan with its kinds: `{ enterprise = [\"service\", \"shared\"] }`";
    let Value::Table(table) = &node.value else {
        return Err(Mistake::of_type(node, "a table of plans", help));
    };
    let plan = |(name, entry): (&String, &super::tree::Entry)| {
        let plan = name.parse::<PlanName>().map_err(|error| Mistake::new(format!("has a plan: {error}"), help))?;
        let kinds = list_of(KINDS)(&entry.node);
        Ok((
            plan,
            kinds
                .map_err(|mistake| Mistake::new(format!("has a plan `{name}` that {}", mistake.what), mistake.help))?,
        ))
    };
    table.entries.iter().map(plan).collect()
}

/// `account_token = { name = "shipping", grants = { logs = "create" } }`.
fn account_token(node: &Node) -> Result<AccountToken, Mistake> {
    let help = "write its name and its grants: `{ name = \"shipping\", grants = { logs = \"create\" } }`";
    let Value::Table(table) = &node.value else {
        return Err(Mistake::of_type(node, "a table", help));
    };
    let mut entries: BTreeMap<&str, &Node> = table.entries.iter().map(|(key, entry)| (&**key, &entry.node)).collect();
    let (name, grants) = (entries.remove("name"), entries.remove("grants"));
    if let Some(odd) = entries.keys().next() {
        return Err(Mistake::new(format!("has an unknown key `{odd}`"), help));
    }
    let (Some(name), Some(grants)) = (name, grants) else {
        return Err(Mistake::new("needs `name` and `grants`", help));
    };
    let name = value::text(name).ok().filter(|name| (1..=100).contains(&name.chars().count()));
    let name = name.ok_or_else(|| Mistake::new("has a `name` that is no text of 1 to 100 characters", help))?;
    let grants = role::grants(grants);
    let grants = grants.map_err(|mistake| Mistake::new(format!("has `grants` that {}", mistake.what), mistake.help))?;
    Ok(AccountToken { name, grants })
}

fn warn(table: &mut Reader<'_>) -> Option<WarnRules> {
    let never_expires = table.field("warn_never_expires", value::boolean).or(false);
    let except_plans = table.field("warn_except_plans", plan_names).or(Vec::new());
    let unused_after = table.field("warn_unused_after", value::or_word("off", value::duration(LONGEST))).or(None);
    let rotate_after = table.field("warn_rotate_after", value::or_word("off", value::duration(LONGEST))).or(None);
    Some(WarnRules {
        never_expires: never_expires?,
        except_plans: except_plans?,
        unused_after: unused_after?,
        rotate_after: rotate_after?,
    })
}

fn plan_names(node: &Node) -> Result<Vec<PlanName>, Mistake> {
    let help = "write names of plans, such as [\"production\"]";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list of strings", help));
    };
    let name = |item: &Node| {
        value::text(item)?.parse::<PlanName>().map_err(|error| Mistake::new(format!("has an item: {error}"), help))
    };
    items.iter().map(name).collect()
}
