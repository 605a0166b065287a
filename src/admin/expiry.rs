//! Dates and lengths of time as people write them: `90d`, `2027-01-31`, `2027-01-31T12:00:00Z`, `never`.

use std::time::Duration;

use crate::model::{ExpiryRules, Timestamp};

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// A hundred years: more is a slip, and "never" has a word of its own.
const LONGEST: u64 = 36_500 * 86_400;

const RULE: &str = "must be a length of time such as `90d`, a date such as `2027-01-31`, a time such as `2027-01-31T12:00:00Z`, or `never`";

/// When a token that asks for `text` expires; `None`: never. The error is a message about the field.
pub(super) fn expiry(text: Option<&str>, rules: &ExpiryRules, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let latest = rules.max.map(|max| (max, now.plus(max)));
    let expires = match text {
        None => {
            let default = rules.default.map(|after| now.plus(after));
            // A default over the maximum, or none at all, means: as long as is allowed.
            return Ok(match (default, latest) {
                (Some(at), Some((_, latest))) => Some(at.min(latest)),
                (at, latest) => at.or(latest.map(|(_, latest)| latest)),
            });
        }
        Some("never") if rules.allow_never => None,
        Some(text) if !rules.presets.is_empty() => match length(text).filter(|length| rules.presets.contains(length)) {
            Some(length) => Some(now.plus(length)),
            None => return Err(format!("must be one of {}", choices(rules))),
        },
        Some("never") => {
            let most = rules.max.map_or(String::new(), |max| format!(": tokens live for {} at most", spell(max)));
            return Err(format!("cannot be `never`{most}"));
        }
        Some(text) => Some(moment(text, now).ok_or(RULE)?),
    };
    match (expires, latest) {
        (Some(at), _) if at <= now => Err(format!("lies in the past: {at} is not after {now}")),
        (None, Some((max, _))) => Err(format!("cannot be `never`: tokens live for {} at most", spell(max))),
        (Some(at), Some((max, latest))) if at > latest => {
            Err(format!("is too late: tokens live for {} at most, which is until {latest}", spell(max)))
        }
        (expires, _) => Ok(expires),
    }
}

/// `30d, 90d, 365d or never`.
fn choices(rules: &ExpiryRules) -> String {
    let presets: Vec<_> = rules.presets.iter().map(|&preset| spell(preset)).collect();
    if rules.allow_never { format!("{} or never", presets.join(", ")) } else { presets.join(", ") }
}

/// From when on a token is valid.
pub(super) fn not_before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    moment(text, now).ok_or_else(|| {
        "must be a date such as `2027-01-31`, a time such as `2027-01-31T12:00:00Z`, or a length of time from now such as `1h`".into()
    })
}

/// A moment of the past: a date, a time, or how long ago.
pub(super) fn past(text: &str, now: Timestamp) -> Option<Timestamp> {
    match length(text) {
        Some(length) => {
            let ago = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
            Some(Timestamp::from_millis(now.millis().saturating_sub(ago)))
        }
        None => moment(text, now),
    }
}

/// A length of time in one unit: `90d`.
pub(super) fn length(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let (_, seconds) = UNITS.into_iter().find(|(letter, _)| *letter == unit)?;
    let count = &text[..text.len() - unit.len_utf8()];
    if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let total = count.parse::<u64>().ok()?.checked_mul(seconds)?;
    (total <= LONGEST).then(|| Duration::from_secs(total))
}

/// The length in the largest unit that measures it; a week is spelled in days, as it is mostly meant.
pub(super) fn spell(length: Duration) -> String {
    let seconds = length.as_secs();
    if length.subsec_nanos() != 0 {
        return format!("{}s", length.as_secs_f64());
    }
    let fits = |&&(letter, unit): &&(char, u64)| letter != 'w' && seconds >= unit && seconds.is_multiple_of(unit);
    UNITS.iter().find(fits).map_or_else(|| "0s".into(), |(letter, unit)| format!("{}{letter}", seconds / unit))
}

/// A length from now on, a date (its first moment in UTC), or a time with its offset.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(length) = length(text) {
        return Some(now.plus(length));
    }
    // The parser of dates also takes a time without an offset and drops it; ten characters are a date.
    let at = if text.len() == 10 {
        let date: jiff::civil::Date = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
    } else {
        text.parse::<jiff::Timestamp>().ok()?
    };
    Some(Timestamp::from_millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T00:00:00Z.
    const NOW: Timestamp = Timestamp::from_millis(1_795_392_000_000);
    const DAY: u64 = 86_400;

    fn rules(default: Option<u64>, max: Option<u64>) -> ExpiryRules {
        let days = |days| Duration::from_secs(days * DAY);
        ExpiryRules { presets: vec![], default: default.map(days), max: max.map(days), allow_never: max.is_none() }
    }

    fn until(text: &str) -> Result<String, String> {
        expiry(Some(text), &rules(None, None), NOW).map(|at| at.map_or("never".into(), |at| at.to_string()))
    }

    #[test]
    fn lengths_dates_times_and_never_are_understood() {
        let cases = [
            ("90d", "2027-02-21T00:00:00.000Z"),
            ("1w", "2026-11-30T00:00:00.000Z"),
            ("36h", "2026-11-24T12:00:00.000Z"),
            ("5m", "2026-11-23T00:05:00.000Z"),
            ("1s", "2026-11-23T00:00:01.000Z"),
            ("2027-01-31", "2027-01-31T00:00:00.000Z"),
            ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00.000Z"),
            ("2027-01-31T12:00:00.5Z", "2027-01-31T12:00:00.500Z"),
            ("never", "never"),
        ];
        for (text, at) in cases {
            assert_eq!(until(text).as_deref(), Ok(at), "{text}");
        }
    }

    #[test]
    fn everything_else_is_told_the_rule() {
        for text in [
            "",
            "d",
            "90",
            "-1d",
            "+1d",
            "1.5d",
            "90 d",
            "1d1h",
            "Never",
            "2027-02-30",
            "2027-01-31T12:00:00",
            "99999999999999999999d",
            "36501d",
            "é",
        ] {
            assert_eq!(until(text), Err(RULE.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_past_is_refused() {
        for text in ["0d", "2026-11-23", "2020-01-01T00:00:00Z"] {
            assert!(until(text).is_err_and(|message| message.starts_with("lies in the past: ")), "{text}");
        }
    }

    #[test]
    fn the_maximum_is_named() {
        let at = |text| expiry(Some(text), &rules(None, Some(90)), NOW);
        assert_eq!(at("90d"), Ok(Some(NOW.plus(Duration::from_secs(90 * DAY)))));
        assert_eq!(
            at("91d").expect_err("over it"),
            "is too late: tokens live for 90d at most, which is until 2027-02-21T00:00:00.000Z"
        );
        assert_eq!(at("never").expect_err("over it"), "cannot be `never`: tokens live for 90d at most");
    }

    #[test]
    fn where_there_are_presets_nothing_else_is_taken() {
        let days = |days| Duration::from_secs(days * DAY);
        let mut rules = ExpiryRules { presets: vec![days(30), days(90)], allow_never: true, ..ExpiryRules::default() };
        assert_eq!(expiry(Some("90d"), &rules, NOW), Ok(Some(NOW.plus(days(90)))));
        assert_eq!(expiry(Some("never"), &rules, NOW), Ok(None));
        for other in ["31d", "2027-01-31", "soon", ""] {
            assert_eq!(expiry(Some(other), &rules, NOW), Err("must be one of 30d, 90d or never".to_owned()), "{other}");
        }
        rules.allow_never = false;
        assert_eq!(expiry(Some("never"), &rules, NOW), Err("must be one of 30d, 90d".to_owned()));
    }

    #[test]
    fn the_default_never_exceeds_the_maximum() {
        let days = |default, max| {
            let at = expiry(None, &rules(default, max), NOW).expect("a default");
            at.map(|at| (at.millis() - NOW.millis()) / 1_000 / DAY as i64)
        };
        assert_eq!(days(Some(30), None), Some(30));
        assert_eq!(days(Some(30), Some(90)), Some(30));
        assert_eq!(days(Some(30), Some(7)), Some(7));
        assert_eq!(days(None, Some(7)), Some(7));
        assert_eq!(days(None, None), None);
    }

    #[test]
    fn lengths_are_spelled_in_the_largest_unit() {
        for (seconds, text) in [(0, "0s"), (60, "1m"), (61, "61s"), (5_400, "90m"), (90 * DAY, "90d"), (7 * DAY, "7d")]
        {
            assert_eq!(spell(Duration::from_secs(seconds)), text);
        }
    }
}
