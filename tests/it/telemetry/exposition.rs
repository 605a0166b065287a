//! A reader of OpenMetrics text that takes nothing but what the format allows.

use std::collections::{BTreeMap, BTreeSet};

/// Every series of a scrape, by its name with its labels in alphabetical order.
pub(super) struct Exposition(BTreeMap<String, f64>);

#[derive(Default)]
struct Family {
    name: String,
    kind: Option<String>,
    has_help: bool,
}

impl Exposition {
    #[track_caller]
    pub(super) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text:?}"));
        let (mut series, mut families, mut family) = (BTreeMap::new(), BTreeSet::new(), Family::default());
        for line in body.lines() {
            match line.strip_prefix("# ") {
                Some(comment) => describe(comment, &mut family, &mut families),
                None => {
                    let (name, labels, value) = sample(line);
                    assert!(belongs(&name, &family), "{line} is not of the family {}", family.name);
                    assert!(family.has_help, "{} has no help", family.name);
                    let key = if labels.is_empty() { name } else { format!("{name}{{{}}}", labels.join(",")) };
                    assert!(series.insert(key, value).is_none(), "twice: {line}");
                }
            }
        }
        assert!(!series.is_empty());
        let exposition = Self(series);
        exposition.check_histograms();
        exposition
    }

    pub(super) fn value(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// Buckets never fall, and the last one has all.
    fn check_histograms(&self) {
        for (series, count) in self.0.iter().filter(|(series, _)| series.contains("_count")) {
            let labels = series.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
            let name = series.split('{').next().unwrap_or_default().replace("_count", "_bucket");
            let mut buckets: Vec<(f64, f64)> = Vec::new();
            for (have, value) in self.0.range(format!("{name}{{")..) {
                let Some(rest) = have.strip_prefix(&format!("{name}{{le=\"")) else { break };
                let (bound, rest) = rest.split_once('"').expect("a closed quote");
                if rest.trim_start_matches(',').trim_end_matches('}') == labels {
                    buckets.push((bound.parse().expect("a bound"), *value));
                }
            }
            buckets.sort_by(|one, two| one.0.total_cmp(&two.0));
            assert!(buckets.len() > 10, "{series}");
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{series} {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{series}");
        }
    }
}

/// `# HELP name text`, `# TYPE name kind`, `# UNIT name unit`.
#[track_caller]
fn describe(comment: &str, family: &mut Family, families: &mut BTreeSet<String>) {
    let mut words = comment.splitn(3, ' ');
    let [word, name, rest] = [(); 3].map(|()| words.next().unwrap_or_else(|| panic!("# {comment}")));
    if family.name != name {
        assert!(families.insert(name.to_owned()), "{name} comes in two places");
        assert!(name.starts_with("keygate_") && is_name(name), "{name}");
        *family = Family { name: name.to_owned(), ..Family::default() };
    }
    match word {
        "HELP" => assert!(!std::mem::replace(&mut family.has_help, true), "{comment}"),
        "TYPE" => assert!(family.kind.replace(rest.to_owned()).is_none(), "{comment}"),
        "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{comment}"),
        _ => panic!("# {comment}"),
    }
}

fn belongs(name: &str, family: &Family) -> bool {
    let suffixes: &[&str] = match family.kind.as_deref() {
        Some("counter") => &["_total"],
        Some("gauge") => &[""],
        Some("histogram") => &["_bucket", "_count", "_sum"],
        _ => &[],
    };
    suffixes.iter().any(|suffix| name == format!("{}{suffix}", family.name))
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// `name{label="value",…} number`.
#[track_caller]
fn sample(line: &str) -> (String, Vec<String>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, labels)) = series.split_once('{') else {
        assert!(is_name(series), "{line}");
        return (series.to_owned(), Vec::new(), value);
    };
    assert!(is_name(name), "{line}");
    let mut rest = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        let (text, after) = after.split_once('"').unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(label) && !text.contains('\\'), "{line}");
        labels.push(format!("{label}=\"{text}\""));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    labels.sort();
    (name.to_owned(), labels, value)
}
