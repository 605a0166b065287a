//! `keygate token regex`: rules by which secret scanners find the tokens of an installation.

use clap::{Args, ValueEnum};

use super::super::Environment;
use super::super::args::ConfigArgs;
use super::super::config_file;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::terminal::Terminal;
use crate::model::{Kind, TokenPrefix, token_expression};

#[derive(Debug, Args)]
pub(in crate::cli) struct RegexArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The prefix of the tokens, in place of the configuration's
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    prefix: Option<TokenPrefix>,
    /// For whom
    #[arg(long, value_enum, default_value_t = RuleFormat::Regex)]
    format: RuleFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RuleFormat {
    /// A regular expression for grep -P, ripgrep and the like
    Regex,
    /// A rule for .gitleaks.toml
    Gitleaks,
    /// A custom detector for TruffleHog's configuration
    Trufflehog,
    /// The fields of a custom pattern of GitHub secret scanning
    Github,
}

pub(super) fn regex(args: &RegexArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let prefix = match &args.prefix {
        Some(prefix) => prefix.clone(),
        None => {
            let path = config_file::find(&args.config, environment)
                .map_err(|failure| failure.hint("name the prefix with --prefix, or the configuration with -c FILE"))?;
            config_file::load(&path, environment)?.settings.tokens.prefix
        }
    };
    terminal.print(&rule(args.format, &prefix)).map(|()| Exit::Ok)
}

/// The text for one scanner. No character of an expression needs quoting in TOML's and YAML's single quotes.
pub(super) fn rule(format: RuleFormat, prefix: &TokenPrefix) -> String {
    let (name, expression) = (prefix.as_str(), token_expression(prefix));
    match format {
        RuleFormat::Regex => format!("\\b{expression}\\b\n"),
        RuleFormat::Gitleaks => format!(
            "[[rules]]\nid = \"{name}-token\"\ndescription = \"Token of {name} (keygate)\"\n\
             regex = '''\\b{expression}\\b'''\nkeywords = [{}]\ntags = [\"token\", \"{name}\"]\n",
            keywords(prefix, |word| format!("\"{word}\""), ", "),
        ),
        RuleFormat::Trufflehog => format!(
            "detectors:\n  - name: '{name}-token'\n    keywords:\n{}\n    regex:\n      token: '\\b({expression})\\b'\n",
            keywords(prefix, |word| format!("      - '{word}'"), "\n"),
        ),
        RuleFormat::Github => format!(
            "Pattern name: {name} token\nSecret format: {expression}\nBefore secret: \\A|[^0-9A-Za-z_]\n\
             After secret: \\z|[^0-9A-Za-z_]\n",
        ),
    }
}

/// What a text must have for the expression to be worth a try: `kg_pat_` and its like.
fn keywords(prefix: &TokenPrefix, shown: impl Fn(String) -> String, between: &str) -> String {
    let words = Kind::ALL.iter().map(|kind| shown(format!("{}_{}_", prefix.as_str(), kind.letters())));
    words.collect::<Vec<_>>().join(between)
}
