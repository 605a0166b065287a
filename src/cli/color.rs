//! Whether there are colours, and which. They say nothing that the words do not say.

use std::ffi::OsString;

use clap::ValueEnum;
use comfy_table::Color;

use super::Environment;

/// `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

impl When {
    /// As the option says; else as the environment does (<https://no-color.org>, <https://bixense.com/clicolors>);
    /// else where a person looks at it.
    pub(super) fn holds(self, environment: &Environment, is_terminal: bool) -> bool {
        let is_set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        let is_forced = environment.get("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        let is_dumb = environment.get("TERM").is_some_and(|terminal| terminal == "dumb");
        match self {
            When::Always => true,
            When::Never => false,
            When::Auto if is_set("NO_COLOR") => false,
            When::Auto if is_forced => true,
            When::Auto => is_terminal && !is_dumb && environment.get("CLICOLOR").is_none_or(|value| value != "0"),
        }
    }
}

/// `--color` before the arguments are understood: help and mistakes are told in colour too.
pub(super) fn asked(arguments: &[OsString]) -> When {
    let words: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let behind = words.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.strip_prefix("--color="));
    behind.chain(joined).find_map(|word| When::from_str(word, false).ok()).unwrap_or_default()
}

/// What a state is shown in.
pub(super) fn of_state(state: &str) -> Option<Color> {
    match state {
        "active" => Some(Color::Green),
        "disabled" | "suspended" | "not_yet_valid" => Some(Color::Yellow),
        "expired" | "revoked" => Some(Color::Red),
        _ => None,
    }
}

/// The first word of a remark in its colour: `error:`, `warning:`, `hint:`.
pub(super) fn remark(text: &str, colored: bool) -> String {
    if !colored {
        return text.to_owned();
    }
    let paint = |line: &str| {
        let hues = [("error:", "31;1"), ("warning:", "33;1"), ("hint:", "36")];
        let found = hues.iter().find_map(|(word, hue)| Some((*word, *hue, line.strip_prefix(word)?)));
        found.map_or(line.to_owned(), |(word, hue, rest)| format!("\u{1b}[{hue}m{word}\u{1b}[0m{rest}"))
    };
    text.split_inclusive('\n').map(paint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(when: When, pairs: &[(&str, &str)], is_terminal: bool) -> bool {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        when.holds(&environment, is_terminal)
    }

    #[test]
    fn the_option_goes_before_the_environment_and_that_before_the_terminal() {
        assert!(holds(When::Auto, &[], true) && !holds(When::Auto, &[], false));
        assert!(!holds(When::Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
        assert!(holds(When::Auto, &[("NO_COLOR", "")], true), "empty counts as not set");
        assert!(holds(When::Auto, &[("CLICOLOR_FORCE", "1")], false));
        assert!(!holds(When::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(!holds(When::Auto, &[("CLICOLOR", "0")], true) && !holds(When::Auto, &[("TERM", "dumb")], true));
        assert!(holds(When::Always, &[("NO_COLOR", "1")], false));
        assert!(!holds(When::Never, &[("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn only_the_first_word_of_a_remark_is_painted() {
        let text = "error: no hint: here\nhint: do\n";
        assert_eq!(remark(text, true), "\u{1b}[31;1merror:\u{1b}[0m no hint: here\n\u{1b}[36mhint:\u{1b}[0m do\n");
        assert_eq!(remark(text, false), text);
    }
}
