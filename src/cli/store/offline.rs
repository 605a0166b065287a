//! The commands for a store that no gateway has open.

use std::path::{Path, PathBuf};

use super::file::Target;
use super::told::{self, Told};
use super::{AcceptArgs, ExportArgs, ImportArgs, RestoreArgs, VerifyArgs};
use crate::app::{AuditAction, AuditLog, Finished, Import, Loss, Maintenance, MaintenanceError, Restoration};
use crate::cli::args::{ConfigArgs, Format};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::Frame;
use crate::cli::terminal::{Terminal, plain};
use crate::cli::{Environment, config_file, confirm};
use crate::model::Clock;

/// The store that a configuration names.
struct Place {
    config: PathBuf,
    store: Maintenance,
    audit: Option<AuditLog>,
}

impl Place {
    fn of(args: &ConfigArgs, environment: &Environment) -> Result<Self, Failure> {
        let config = config_file::find(args, environment)?;
        let settings = config_file::load(&config, environment)?.settings;
        let store = Maintenance::new(&settings).map_err(|error| told::failure(&error, &config))?;
        let audit = AuditLog::new(&settings, None, None).ok();
        Ok(Self { config, store, audit })
    }

    fn failure(&self, error: &MaintenanceError) -> Failure {
        told::failure(error, &self.config)
    }

    /// Notes what was done in the audit log. It is done: that it cannot be noted is no reason to fail.
    fn note(&self, action: AuditAction, now: &Finished, terminal: &mut Terminal<'_>) {
        let noted = self.audit.as_ref().map(|audit| audit.note(action, &now.summary));
        if let Some(Err(error)) = noted {
            terminal.note(&format!("warning: this is not in the audit log: {}\n", plain(&error.to_string())));
        }
    }

    fn path(&self) -> String {
        self.store.path().display().to_string()
    }
}

pub(super) fn export(
    args: &ExportArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let place = Place::of(&args.config, environment)?;
    let mut target = Target::open(&args.file, terminal.out)?;
    let file = place.store.export(&mut target, &Clock::system()).map_err(|error| place.failure(&error))?;
    target.keep()?;
    Told::file(&args.file, &file).tell(args.output, &args.file, terminal)
}

pub(super) fn verify(
    args: &VerifyArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let place = Place::of(&args.config, environment)?;
    let told = match &args.file {
        Some(path) => {
            let file = place.store.verify_file(path).map_err(|error| place.failure(&error))?;
            Told::of_file(format!("{}: complete and unchanged", path.display()), &file)
                .with("file", path.display().to_string())
        }
        None => {
            let found = place.store.verify().map_err(|error| place.failure(&error))?;
            let sentence = format!("{}: complete and unchanged", place.path());
            let told = Told::new(sentence, found.tokens, found.accounts, found.revision.0);
            match found.healed {
                Some(healed) => told.with("healed", healed),
                None => told,
            }
        }
    };
    told.tell(args.output, Path::new(""), terminal)
}

pub(super) fn import(
    args: &ImportArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let place = Place::of(&args.config, environment)?;
    let how = Import { dry_run: args.dry_run, second_root: args.second_root };
    let imported = place.store.import(&args.file, how).map_err(|error| {
        let failure = place.failure(&error);
        Failure { cause: format!("{}; nothing was changed", failure.cause), ..failure }
    })?;
    if let Some(finished) = &imported.finished {
        place.note(AuditAction::StoreImport, finished, terminal);
    }
    let (path, added) = (place.path(), &imported.added);
    let told = match &imported.finished {
        None => Told::of_file(format!("{} could be added to {path}; nothing was changed", args.file.display()), added),
        Some(finished) => {
            let now = &finished.summary;
            Told::new(format!("{} is in {path} now", args.file.display()), now.tokens, now.accounts, now.revision.0)
                .with("added_tokens", added.tokens)
                .with("added_accounts", added.accounts)
                .with_path("replaced", finished.replaced.as_deref())
        }
    };
    told.with("dry_run", args.dry_run).tell(args.output, Path::new(""), terminal)
}

pub(super) fn restore(
    args: &RestoreArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let place = Place::of(&args.config, environment)?;
    confirm::possible(args.yes, "restore", terminal)?;
    let restoration = place.store.restore(&args.file).map_err(|error| place.failure(&error))?;
    let lost = lost(&restoration);
    if let Some(lost) = lost.as_ref().filter(|_| !args.accept_loss) {
        return Err(Failure::new(Exit::Data, format!("{lost}; nothing was changed"))
            .hint("take a later backup; or add --accept-loss, and revoke again what was revoked since"));
    }
    if !args.yes {
        if let Some(lost) = &lost {
            terminal.note(&format!("warning: {lost}\n"));
        }
        let (file, replayed) = (&restoration.file, restoration.replayed.changes);
        let told = Told::of_file(format!("{}: complete and unchanged", args.file.display()), file)
            .with("later_changes", replayed);
        terminal.note(&told.text(Format::Text, Frame::default()));
        agree("This replaces the store at", &place.path(), terminal)?;
    }
    let replayed = restoration.replayed.changes;
    let finished = restoration.finish().map_err(|error| place.failure(&error))?;
    place.note(AuditAction::StoreRestore, &finished, terminal);
    let now = &finished.summary;
    let sentence = format!("{} holds {} now", place.path(), args.file.display());
    Told::new(sentence, now.tokens, now.accounts, now.revision.0)
        .with("later_changes", replayed)
        .with("lost", lost)
        .with_path("replaced", finished.replaced.as_deref())
        .tell(args.output, Path::new(""), terminal)
}

/// Has the person type the store's path.
fn agree(what: &str, path: &str, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let answer = terminal.ask(&format!("{what} {}. Type its path to go on: ", plain(path)))?;
    match answer.as_deref() {
        Some(answer) if answer == path => Ok(()),
        _ => Err(Failure::failed("not confirmed, nothing was done")),
    }
}

/// What would be missing of what was acknowledged, in words.
fn lost(restoration: &Restoration) -> Option<String> {
    let of = restoration.file.revision.0;
    match restoration.loss() {
        Loss::Nothing => None,
        Loss::OtherStore => {
            Some("the backup is of another store, and all that was acknowledged in this one would be lost".to_owned())
        }
        Loss::Changes { first, last } => Some(format!(
            "the backup has the changes up to {of}, and neither it nor the store's journal has the changes {} to {}",
            first.0, last.0
        )),
        Loss::Unknown => Some(format!(
            "the backup has the changes up to {of}, and whether there were later ones cannot be told: what the store has \
             does not prove complete"
        )),
    }
}

pub(super) fn accept(
    args: &AcceptArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let place = Place::of(&args.config, environment)?;
    confirm::possible(args.yes, "accept", terminal)?;
    let salvaged = place.store.salvage().map_err(|error| place.failure(&error))?;
    let unread = salvaged.summary.healed.clone();
    if let Some(unread) = &unread {
        terminal.note(&format!("warning: {unread}\n"));
    }
    if !args.yes {
        let found = &salvaged.summary;
        let sentence = format!("what can be read of the store at {}", place.path());
        let told = Told::new(sentence, found.tokens, found.accounts, found.revision.0);
        terminal.note(&told.text(Format::Text, Frame::default()));
        agree("This takes for the truth what is in", &place.path(), terminal)?;
    }
    let finished = salvaged.accept().map_err(|error| place.failure(&error))?;
    place.note(AuditAction::StoreAccept, &finished, terminal);
    let now = &finished.summary;
    let told = Told::new(format!("{} is accepted as it is", place.path()), now.tokens, now.accounts, now.revision.0);
    match unread {
        Some(unread) => told.with("unread", unread),
        None => told,
    }
    .with_path("replaced", finished.replaced.as_deref())
    .tell(args.output, Path::new(""), terminal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::tests::Fake;

    #[test]
    fn the_path_confirms_and_nothing_else_does() {
        for (typed, agreed) in [("/var/lib/keygate\n", true), ("yes\n", false), ("\n", false), ("", false)] {
            let mut person = Fake::person(typed);
            let answer = agree("This replaces the store at", "/var/lib/keygate", &mut person.terminal());
            assert_eq!(answer.is_ok(), agreed, "{typed:?}");
            assert_eq!(person.err(), "This replaces the store at /var/lib/keygate. Type its path to go on: ");
        }
    }
}
