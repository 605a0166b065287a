//! Which configuration file a command means, and loading it.

use std::path::{Path, PathBuf};

use super::Environment;
use super::args::ConfigArgs;
use super::failure::Failure;
use crate::config::{self, Loaded};

const PLACES: [&str; 2] = ["keygate.toml", "/etc/keygate/keygate.toml"];

/// The named file, else `KEYGATE_CONFIG`, else the first of the usual places that is there.
pub(super) fn find(args: &ConfigArgs, environment: &Environment) -> Result<PathBuf, Failure> {
    named(args, environment).or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.exists())).ok_or_else(|| {
        Failure {
            report: false,
            ..Failure::configuration(format!("no configuration: there is no {}", PLACES.join(" and no ")))
        }
        .hint("name one with -c FILE or KEYGATE_CONFIG, or make one with `keygate init`")
    })
}

/// As [`find`], without the usual places.
fn named(args: &ConfigArgs, environment: &Environment) -> Option<PathBuf> {
    let variable = || environment.get("KEYGATE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    args.config.clone().or_else(variable)
}

/// Loads it, or says everything that is wrong with it.
pub(super) fn load(path: &Path, environment: &Environment) -> Result<Loaded, Failure> {
    config::load(path, environment).map_err(|problems| Failure::configuration(problems.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(value: &str) -> Environment {
        [("KEYGATE_CONFIG".to_owned(), value.to_owned())].into()
    }

    #[test]
    fn the_option_goes_before_the_variable() {
        let args = ConfigArgs { config: Some("a.toml".into()) };
        assert_eq!(named(&args, &environment("b.toml")), Some("a.toml".into()));
        assert_eq!(named(&ConfigArgs::default(), &environment("b.toml")), Some("b.toml".into()));
        assert_eq!(named(&ConfigArgs::default(), &environment("")), None, "empty counts as not set");
    }
}
