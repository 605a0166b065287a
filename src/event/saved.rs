//! What is not delivered yet, and up to when the schedule is done, in a file.
//!
//! The file is written anew within a second of a change and at the end, beside the old one and then in its
//! place. So after a crash messages of the last second may be missing, or be sent again under the same id.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::schedule::Schedule;
use super::webhook::{DeadLetter, Message, Webhooks};
use crate::model::{EventKind, Timestamp};

const PERIOD: Duration = Duration::from_secs(1);
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    /// Milliseconds: what was due until then was told.
    done: i64,
    webhooks: BTreeMap<String, Contents>,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    waiting: Vec<Letter>,
    dead: Vec<Letter>,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    id: String,
    kind: String,
    at: i64,
    attempts: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    body: String,
}

/// What a file of an earlier run had.
pub struct Loaded(Option<Document>);

impl Loaded {
    /// Nothing where there is no such file. One that cannot be read is put aside, since messages are no
    /// reason not to serve, and nothing is to be lost for good.
    pub fn read(path: &Path) -> Self {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self(None),
            Err(error) => {
                tracing::error!(target: "keygate::webhook", %error, path = %path.display(), "the messages of the last run cannot be read");
                return Self(None);
            }
        };
        match serde_json::from_slice::<Document>(&text) {
            Ok(document) if document.format == FORMAT => Self(Some(document)),
            _ => {
                let aside = with_ending(path, "unreadable");
                let moved = fs::rename(path, &aside).is_ok();
                tracing::error!(target: "keygate::webhook", path = %path.display(), aside = %aside.display(), moved, "the messages of the last run are damaged, and are put aside");
                Self(None)
            }
        }
    }

    /// Until when everything that was due was told; `None` for a first run.
    pub fn done(&self) -> Option<Timestamp> {
        self.0.as_ref().map(|document| Timestamp::from_millis(document.done))
    }

    /// Puts the messages into the lines of their webhooks.
    pub fn restore(self, webhooks: &Webhooks) {
        for (name, Contents { waiting, dead }) in self.0.map(|document| document.webhooks).unwrap_or_default() {
            let Some(line) = webhooks.lines().iter().find(|line| line.name() == name) else {
                let messages = waiting.len() + dead.len();
                tracing::warn!(target: "keygate::webhook", webhook = %name, messages, "the webhook is not in the configuration any more, and neither are its messages kept");
                continue;
            };
            let waiting = waiting.into_iter().filter_map(Letter::message).collect();
            line.restore(waiting, dead.into_iter().filter_map(Letter::dead).collect());
        }
    }
}

impl Letter {
    fn of(message: Message) -> Self {
        let Message { id, kind, at, body, attempts, not_before: _ } = message;
        let body = String::from_utf8_lossy(&body).into_owned();
        Self { id, kind: kind.name().to_owned(), at: at.millis(), attempts, reason: String::new(), body }
    }

    fn of_dead(letter: DeadLetter) -> Self {
        let DeadLetter { id, kind, at, attempts, reason, body } = letter;
        Self { id, kind: kind.name().to_owned(), at: at.millis(), attempts, reason, body }
    }

    fn message(self) -> Option<Message> {
        let (kind, at) = (EventKind::from_name(&self.kind)?, Timestamp::from_millis(self.at));
        let Self { id, body, attempts, .. } = self;
        Some(Message { id, kind, at, body: body.into(), attempts, not_before: None })
    }

    fn dead(self) -> Option<DeadLetter> {
        let Self { id, kind, at, attempts, reason, body } = self;
        let (kind, at) = (EventKind::from_name(&kind)?, Timestamp::from_millis(at));
        Some(DeadLetter { id, kind, at, attempts, reason, body })
    }
}

/// Writes the file for as long as the gateway runs.
pub struct Keeper {
    pub path: PathBuf,
    pub webhooks: Webhooks,
    pub schedule: Schedule,
}

impl Keeper {
    /// Until it is told to stop, and then once more.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let (mut written, mut failing) = (None, false);
        loop {
            let is_last = tokio::select! {
                () = tokio::time::sleep(PERIOD) => false,
                _ = stopped.wait_for(|stopped| *stopped) => true,
            };
            let state = self.state();
            if written != Some(state) || is_last {
                match self.write().await {
                    Ok(()) => (written, failing) = (Some(state), false),
                    // A disk that is full is so for longer than a second.
                    Err(_) if failing && !is_last => {}
                    Err(error) => {
                        failing = true;
                        tracing::error!(target: "keygate::webhook", %error, path = %self.path.display(), "the messages that wait could not be saved; it is tried again each second");
                    }
                }
            }
            if is_last {
                return;
            }
        }
    }

    fn state(&self) -> (u64, i64) {
        // The schedule's moment alone moves every second; it is worth a write once a minute.
        let changes = self.webhooks.lines().iter().map(|line| line.changes()).fold(0, u64::wrapping_add);
        (changes, self.schedule.done().millis() / 60_000)
    }

    async fn write(&self) -> io::Result<()> {
        // Before the lines are read: what is told meanwhile is in a line then, or told again.
        let done = self.schedule.done().millis();
        let lines = self.webhooks.lines().iter().map(|line| {
            let (waiting, dead) = line.contents();
            let waiting = waiting.into_iter().map(Letter::of).collect();
            (line.name().to_owned(), Contents { waiting, dead: dead.into_iter().map(Letter::of_dead).collect() })
        });
        let document = Document { format: FORMAT, done, webhooks: lines.collect() };
        let path = self.path.clone();
        let writing = tokio::task::spawn_blocking(move || replace(&path, &document));
        writing.await.unwrap_or_else(|_| Err(io::Error::other("the writing was interrupted")))
    }
}

fn replace(path: &Path, document: &Document) -> io::Result<()> {
    let fresh = with_ending(path, "new");
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec(document)?)?;
    // Else the name could lead to nothing after a power cut.
    file.sync_all()?;
    fs::rename(&fresh, path)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
