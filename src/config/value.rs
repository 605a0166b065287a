//! Single values: texts, numbers, sizes, durations, choices.
//!
//! Each function takes a value and says what is wrong with it; none knows the key that it stands under.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::suggest;
use super::table::Mistake;
use super::tree::{Node, Value};

pub(super) const DAY: Duration = Duration::from_secs(86_400);

const DURATION_HELP: &str = "write a number and a unit in quotes, such as \"30s\", \"5m\", \"12h\" or \"90d\"";
const SIZE_HELP: &str = "write a number of bytes, or a text such as \"64KiB\" or \"10MiB\"";

pub(super) fn text(node: &Node) -> Result<String, Mistake> {
    let help = match &node.value {
        Value::Integer(_) | Value::Boolean(_) | Value::Other(_) => "put the value in quotes",
        _ => "write a single text in quotes",
    };
    node.as_text().map(str::to_owned).ok_or_else(|| Mistake::of_type(node, "a string", help))
}

pub(super) fn boolean(node: &Node) -> Result<bool, Mistake> {
    match &node.value {
        Value::Boolean(boolean) => Ok(*boolean),
        Value::Raw(raw) if raw == "true" => Ok(true),
        Value::Raw(raw) if raw == "false" => Ok(false),
        _ => Err(Mistake::of_type(node, "a boolean", "write `true` or `false`, without quotes")),
    }
}

/// A whole number within bounds. 0 is never within them: what has no limit says `"unlimited"`.
pub(super) fn count(bounds: RangeInclusive<u64>) -> impl Fn(&Node) -> Result<u64, Mistake> {
    move |node| {
        let help = format!("write a whole number from {} to {}, without quotes", bounds.start(), bounds.end());
        let number = match &node.value {
            Value::Integer(number) => number.and_then(|number| u64::try_from(number).ok()),
            Value::Raw(raw) => raw.parse().ok(),
            _ => return Err(Mistake::of_type(node, "an integer", help)),
        };
        match number {
            Some(0) if *bounds.start() > 0 => Err(Mistake::new("must not be 0", help)),
            Some(number) if bounds.contains(&number) => Ok(number),
            _ => Err(Mistake::new(format!("must be from {} to {}", bounds.start(), bounds.end()), help)),
        }
    }
}

pub(super) fn count_usize(bounds: RangeInclusive<u64>) -> impl Fn(&Node) -> Result<usize, Mistake> {
    move |node| {
        let number = count(bounds.clone())(node)?;
        usize::try_from(number).map_err(|_| Mistake::new("is too large for this machine", "write a smaller number"))
    }
}

/// Bytes: an integer, or a text with a unit.
pub(super) fn size(node: &Node) -> Result<u64, Mistake> {
    let bytes = match &node.value {
        Value::Integer(number) => number.and_then(|number| u64::try_from(number).ok()),
        Value::Text(text) | Value::Raw(text) => parse_size(text),
        _ => return Err(Mistake::of_type(node, "a size", SIZE_HELP)),
    };
    match bytes {
        Some(0) => Err(Mistake::new("must not be 0", SIZE_HELP)),
        Some(bytes) => Ok(bytes),
        None => Err(Mistake::new("is no size", SIZE_HELP)),
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A length of time above 0 and up to `most`. A day has 24 hours.
pub(super) fn duration(most: Duration) -> impl Fn(&Node) -> Result<Duration, Mistake> {
    move |node| {
        let Some(text) = node.as_text() else {
            return Err(Mistake::of_type(node, "a duration", DURATION_HELP));
        };
        let duration = parse_duration(text)?;
        if duration.is_zero() {
            return Err(Mistake::new("must not be 0", DURATION_HELP));
        }
        if duration > most {
            let most =
                if most >= DAY { format!("{}d", most.as_secs() / 86_400) } else { format!("{}s", most.as_secs()) };
            return Err(Mistake::new(format!("must be at most {most}"), DURATION_HELP));
        }
        Ok(duration)
    }
}

fn parse_duration(text: &str) -> Result<Duration, Mistake> {
    let no_duration = || Mistake::new("is no duration", DURATION_HELP);
    let span: Span = text.trim().parse().map_err(|_| no_duration())?;
    if span.get_years() != 0 || span.get_months() != 0 {
        let help = "years and months differ in length; write days, such as \"365d\"";
        return Err(Mistake::new("has no fixed length", help));
    }
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| no_duration())?;
    if signed < SignedDuration::ZERO {
        return Err(Mistake::new("must not be negative", DURATION_HELP));
    }
    Ok(signed.unsigned_abs())
}

/// `"unlimited"`, `"never"`, `"auto"`: a word that stands for `None`, in place of a value.
pub(super) fn or_word<T>(
    word: &'static str,
    parse: impl Fn(&Node) -> Result<T, Mistake>,
) -> impl Fn(&Node) -> Result<Option<T>, Mistake> {
    move |node| match node.as_text() {
        Some(text) if text == word => Ok(None),
        _ => match parse(node) {
            Ok(value) => Ok(Some(value)),
            Err(mistake) => Err(Mistake::new(mistake.what, format!("{}; or write \"{word}\"", mistake.help))),
        },
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Node) -> Result<T, Mistake> {
    move |node| {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let text =
            node.as_text().ok_or_else(|| Mistake::of_type(node, "a string", suggest::list(&names, "write one of")))?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| Mistake::new("has an unknown value", suggest::help(text, &names, "write one of")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Place;

    fn node(text: &str) -> Node {
        Node { value: Value::Text(text.to_owned()), place: Place::File }
    }

    #[test]
    fn durations() {
        let read = |text: &str| duration(DAY * 36_500)(&node(text)).map_err(|mistake| mistake.what);
        for (text, seconds) in
            [("30s", 30), ("5m", 300), ("12h", 43_200), ("90d", 7_776_000), ("1h 30m", 5400), ("2w", 1_209_600)]
        {
            assert_eq!(read(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(read("250ms"), Ok(Duration::from_millis(250)));
        for (text, what) in [
            ("", "is no duration"),
            ("30", "is no duration"),
            ("soon", "is no duration"),
            ("0s", "must not be 0"),
            ("-5s", "must not be negative"),
            ("1y", "has no fixed length"),
            ("40000d", "must be at most 36500d"),
        ] {
            assert_eq!(read(text), Err(what.to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("1", 1), ("64KiB", 65_536), ("10 MiB", 10 << 20), ("1GB", 1_000_000_000)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "10mib", "99999999999999999999", "18446744073709551615KiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
