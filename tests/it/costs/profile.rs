//! Reads what callgrind writes (valgrind's manual, "Callgrind Format Specification").

use std::collections::HashMap;

/// How often functions of such names were called.
pub fn calls_of(profile: &str, is_one: impl Fn(&str) -> bool) -> u64 {
    // A name stands in full where it comes first, and is a number from then on.
    let mut is_known: HashMap<&str, bool> = HashMap::new();
    let (mut called, mut sum) = (false, 0);
    for line in profile.lines() {
        if let Some(calls) = line.strip_prefix("calls=") {
            let count = calls.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            sum += count.filter(|_| called).unwrap_or(0);
            continue;
        }
        let (is_callee, named) = match line.split_once("fn=") {
            Some(("", named)) => (false, named),
            Some(("c", named)) => (true, named),
            _ => continue,
        };
        let (number, name) = named.split_once(' ').unwrap_or((named, ""));
        let is = is_known.entry(number).or_insert_with(|| is_one(name));
        if is_callee {
            called = *is;
        }
    }
    sum
}

#[test]
fn calls_are_counted_under_both_forms_of_a_name() {
    let profile = "fn=(1) main\n1 5\ncfn=(2) alloc\ncalls=3 0\n1 30\ncfn=(3) other\ncalls=9 0\n1 1\n\
                   fn=(2)\n1 1\nfn=(3)\ncfn=(2)\ncalls=4 0\n1 40\n";
    assert_eq!(calls_of(profile, |name| name == "alloc"), 7);
    assert_eq!(calls_of(profile, |name| name == "other"), 9);
    assert_eq!(calls_of(profile, |name| name == "main"), 0);
}
