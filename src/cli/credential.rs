//! The token for the admin API: from a file, standard input or the environment, never an argument,
//! because arguments show in the process list.

use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::Environment;
use super::args::AdminArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::stored::Stored;
use super::terminal::Terminal;

/// More than any token; what is longer is some other file.
const MAX_BYTES: u64 = 4096;

/// Where the token is from.
pub(super) enum Credential {
    /// Named by an option or the environment, for whatever admin URL those name.
    Named(Zeroizing<String>),
    /// Of `keygate login`, for the admin URL that it was made at.
    Stored(Stored),
}

/// `--token-file` before the environment, and that before the session of `keygate login`.
pub(super) fn find(
    args: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Credential, Failure> {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if let Some(path) = &args.token_file {
        return from_file(path, "--token-file", terminal).map(Credential::Named);
    }
    match (variable("KEYGATE_ADMIN_TOKEN"), variable("KEYGATE_ADMIN_TOKEN_FILE")) {
        (Some(_), Some(_)) => Err(Failure::usage("both KEYGATE_ADMIN_TOKEN and KEYGATE_ADMIN_TOKEN_FILE are set")
            .hint("unset the one that is not meant")),
        (Some(token), None) => checked(token, "KEYGATE_ADMIN_TOKEN").map(Credential::Named),
        (None, Some(path)) => from_file(Path::new(path), "KEYGATE_ADMIN_TOKEN_FILE", terminal).map(Credential::Named),
        (None, None) => match Stored::load(environment)? {
            Some(stored) => Ok(Credential::Stored(stored)),
            None => Err(Failure::new(Exit::Authentication, "this needs a token for the admin API").hint(
                "set KEYGATE_ADMIN_TOKEN or KEYGATE_ADMIN_TOKEN_FILE, use --token-file FILE (`-` for standard input), \
                 or `keygate login`",
            )),
        },
    }
}

pub(super) fn from_file(
    path: &Path,
    named_by: &str,
    terminal: &mut Terminal<'_>,
) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let (read, place) = if path == Path::new("-") {
        (terminal.input.take(MAX_BYTES).read_to_string(&mut text), "standard input".to_owned())
    } else {
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        (read, path.display().to_string())
    };
    read.map_err(|error| {
        Failure::new(Exit::Authentication, format!("cannot read the token from {place} ({named_by}): {error}"))
    })?;
    checked(&text, &format!("{place} ({named_by})"))
}

/// One word of visible ASCII, which is all that may stand in the header.
fn checked(text: &str, place: &str) -> Result<Zeroizing<String>, Failure> {
    let token = text.trim();
    if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Zeroizing::new(token.to_owned()));
    }
    let what = if token.is_empty() { "is empty" } else { "is not one word of ASCII characters" };
    Err(Failure::new(Exit::Authentication, format!("the token in {place} {what}"))
        .hint("it holds the token's text and nothing else: kg_svc_…"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::terminal::tests::Fake;
    use super::*;

    fn find_in(args: &AdminArgs, pairs: &[(&str, &str)], fake: &mut Fake) -> Result<String, Failure> {
        let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        find(args, &environment, &mut fake.terminal()).map(|found| match found {
            Credential::Named(token) => token.to_string(),
            Credential::Stored(stored) => stored.token.to_string(),
        })
    }

    #[test]
    fn the_file_goes_before_the_environment_and_loses_its_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "from-file\n").unwrap();
        let args = AdminArgs { token_file: Some(path), ..AdminArgs::default() };
        let found = find_in(&args, &[("KEYGATE_ADMIN_TOKEN", "from-env")], &mut Fake::script());
        assert_eq!(found.unwrap(), "from-file");
    }

    #[test]
    fn standard_input_and_both_variables_work() {
        let args = AdminArgs { token_file: Some("-".into()), ..AdminArgs::default() };
        assert_eq!(find_in(&args, &[], &mut Fake::piped("piped\n")).unwrap(), "piped");
        let none = AdminArgs::default();
        assert_eq!(find_in(&none, &[("KEYGATE_ADMIN_TOKEN", "direct")], &mut Fake::script()).unwrap(), "direct");
    }

    #[test]
    fn what_is_missing_or_doubtful_is_refused_without_showing_it() {
        let none = AdminArgs::default();
        let missing = find_in(&none, &[], &mut Fake::script()).unwrap_err();
        assert_eq!(missing.exit.code(), 4);
        assert!(missing.text().contains("KEYGATE_ADMIN_TOKEN_FILE"), "{}", missing.text());
        let both = [("KEYGATE_ADMIN_TOKEN", "a"), ("KEYGATE_ADMIN_TOKEN_FILE", "b")];
        assert_eq!(find_in(&none, &both, &mut Fake::script()).unwrap_err().exit.code(), 2);
        let two = find_in(&none, &[("KEYGATE_ADMIN_TOKEN", "sec ret")], &mut Fake::script()).unwrap_err();
        assert!(two.text().contains("not one word") && !two.text().contains("sec ret"), "{}", two.text());
        let gone = AdminArgs { token_file: Some("/nonexistent/token".into()), ..none };
        let gone = find_in(&gone, &[], &mut Fake::script()).unwrap_err();
        assert!(gone.text().contains("/nonexistent/token (--token-file)"), "{}", gone.text());
    }
}
