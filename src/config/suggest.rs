//! "Did you mean": the known name that a wrong one was most likely meant to be.

/// The nearest of `known`, where it is near enough to be no insult.
pub(super) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    // Comparing costs the product of the lengths, and nobody mistypes 100 characters.
    if wrong.len() > 100 {
        return None;
    }
    let wrong = fold(wrong);
    let near = |name: &&str| {
        let distance = strsim::damerau_levenshtein(&wrong, &fold(name));
        let most = (1 + name.len().max(wrong.len()) / 4).min(name.len().saturating_sub(1));
        (distance <= most).then_some(distance)
    };
    let candidates = known.iter().filter_map(|name| near(name).map(|distance| (distance, *name)));
    candidates.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A help line: the nearest name, or else all of them. `what` is what they are: "the keys of `[tokens]`".
pub(super) fn help(wrong: &str, known: &[&str], what: &str) -> String {
    match nearest(wrong, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => list(known, what),
    }
}

pub(super) fn list(known: &[&str], what: &str) -> String {
    if known.is_empty() {
        return format!("{what}: there are none");
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("{what}: {}", names.join(", "))
}

fn fold(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
