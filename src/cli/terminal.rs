//! Where a command reads and writes: the three streams, whether a person sits there, how wide it is.
//!
//! Passed in, so that tests can be the person.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::Environment;
use super::color::{self, When};
use super::exit::Exit;
use super::failure::Failure;
use super::hidden::{self, Quiet, Typed};
use super::render::Frame;

pub(super) struct Terminal<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    pub input: &'a mut dyn BufRead,
    /// A person can read a question and answer it.
    pub interactive: bool,
    /// Keeps the terminal from showing what is typed, until its value is dropped.
    pub quiet: fn() -> io::Result<Option<Quiet>>,
    /// Columns of standard output; `None` where it is no terminal, and lines may be as long as they are.
    pub width: Option<u16>,
    /// Whether results, and whether remarks, may be in colour.
    pub color: (bool, bool),
    /// What starts this program once more, for commands that are printed.
    pub program: String,
}

impl Terminal<'_> {
    /// How tables are to be made for it.
    pub(super) fn frame(&self) -> Frame {
        Frame { width: self.width, color: self.color.0, ..Frame::default() }
    }

    /// Writes a result. A reader that went away (`| head`) wants no more, which is no failure.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Failure> {
        match self.deliver(text) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(unwritable),
        }
    }

    /// Writes what must arrive, such as a secret that is shown once.
    pub(super) fn deliver(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Writes a remark for the person, apart from the result. Nobody may be listening.
    pub(super) fn note(&mut self, text: &str) {
        let _ = self.err.write_all(color::remark(text, self.color.1).as_bytes());
        let _ = self.err.flush();
    }

    /// Asks, and reads one line. `None` at the end of the input.
    pub(super) fn ask(&mut self, question: &str) -> Result<Option<String>, Failure> {
        self.note(question);
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line.trim().to_owned())),
            Err(error) => Err(Failure::failed(format!("cannot read from standard input: {error}"))),
        }
    }
}

impl Terminal<'_> {
    /// Asks for what nobody is to see. Where there is no terminal, the next line of standard input is it.
    pub(super) fn ask_secret(&mut self, question: &str) -> Result<Zeroizing<String>, Failure> {
        let unreadable = |error: io::Error| Failure::failed(format!("cannot read from standard input: {error}"));
        if !self.interactive {
            return answered(hidden::line(self.input).map_err(unreadable)?);
        }
        // Before the question, so that nothing that is typed after it is shown.
        let quiet = (self.quiet)().map_err(|error| Failure::failed(format!("cannot hide what is typed: {error}")))?;
        self.note(question);
        let typed = hidden::line(self.input).map_err(unreadable);
        drop(quiet);
        self.note("\n");
        answered(typed?)
    }

    /// Asks for a password that is to be, twice where a person types it.
    pub(super) fn ask_new_password(&mut self) -> Result<Zeroizing<String>, Failure> {
        let password = self.ask_secret("New password: ")?;
        if self.interactive && *self.ask_secret("Once more: ")? != *password {
            return Err(Failure::failed("the two are not the same, nothing was done"));
        }
        Ok(password)
    }

    /// A secret out of a file, `-` for standard input; its line end is no part of it.
    pub(super) fn secret_of_file(&mut self, path: &Path, named_by: &str) -> Result<Zeroizing<String>, Failure> {
        let read = if path == Path::new("-") {
            hidden::line(self.input)
        } else {
            File::open(path).and_then(|file| hidden::line(&mut io::BufReader::new(file)))
        };
        let unreadable = |error| Failure::failed(format!("cannot read {} ({named_by}): {error}", path.display()));
        answered(read.map_err(unreadable)?)
    }
}

fn answered(typed: Typed) -> Result<Zeroizing<String>, Failure> {
    match typed {
        Typed::Line(line) if line.is_empty() => Err(Failure::failed("nothing was given, and nothing was done")),
        Typed::Line(line) => Ok(line),
        Typed::End => Err(Failure::failed("the input ended, and nothing was done")),
        Typed::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted, nothing was done")),
    }
}

fn unwritable(error: io::Error) -> Failure {
    Failure::failed(format!("cannot write to standard output: {error}"))
}

/// Whether questions can be asked: they go to standard error, and answers come from standard input.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether results, and whether remarks, are to be in colour.
pub(super) fn colors(when: When, environment: &Environment) -> (bool, bool) {
    (when.holds(environment, io::stdout().is_terminal()), when.holds(environment, io::stderr().is_terminal()))
}

/// The path by which it was started, as `cargo run` does; else its name, which was found on the PATH.
pub(super) fn program(first: Option<&OsString>) -> String {
    let path = first.and_then(|first| first.to_str()).filter(|path| path.contains('/'));
    let pastes = |path: &str| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    path.filter(|path| pastes(path)).unwrap_or("keygate").to_owned()
}

/// `COLUMNS` before what the terminal says; `None` where standard output is no terminal.
pub(super) fn width(environment: &Environment) -> Option<u16> {
    let table = comfy_table::Table::new();
    io::stdout().is_terminal().then(|| {
        let wished = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
        wished.filter(|&columns| columns >= 20).or(table.width()).unwrap_or(80)
    })
}

/// The text with every control character written out, so that a name from a server cannot move the
/// cursor, change colours or forge further lines.
pub(super) fn plain(text: &str) -> String {
    let is_steering = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_steering(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A terminal that remembers what was written to it.
    pub(in crate::cli) struct Fake {
        pub out: Vec<u8>,
        pub err: Vec<u8>,
        input: io::Cursor<Vec<u8>>,
        interactive: bool,
    }

    impl Fake {
        pub(in crate::cli) fn script() -> Self {
            Self { out: Vec::new(), err: Vec::new(), input: io::Cursor::default(), interactive: false }
        }

        pub(in crate::cli) fn person(answers: &str) -> Self {
            Self { input: io::Cursor::new(answers.into()), interactive: true, ..Self::script() }
        }

        pub(in crate::cli) fn piped(input: &str) -> Self {
            Self { interactive: false, ..Self::person(input) }
        }

        pub(in crate::cli) fn terminal(&mut self) -> Terminal<'_> {
            Terminal {
                out: &mut self.out,
                err: &mut self.err,
                input: &mut self.input,
                interactive: self.interactive,
                quiet: || Ok(None),
                width: None,
                color: (false, false),
                program: "keygate".to_owned(),
            }
        }

        pub(in crate::cli) fn out(&self) -> String {
            String::from_utf8(self.out.clone()).expect("UTF-8")
        }

        pub(in crate::cli) fn err(&self) -> String {
            String::from_utf8(self.err.clone()).expect("UTF-8")
        }
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_for_a_result_but_is_for_a_secret() {
        let mut fake = Fake::script();
        let mut gone = Gone;
        let mut terminal = Terminal { out: &mut gone, ..fake.terminal() };
        assert!(terminal.print("x").is_ok());
        assert!(terminal.deliver("x").is_err());
    }

    #[test]
    fn printed_commands_start_this_program() {
        for (first, program) in [
            (Some("target/release/keygate"), "target/release/keygate"),
            (Some("/opt/keygate"), "/opt/keygate"),
            (Some("keygate"), "keygate"),
            (Some("/opt/my tools/keygate"), "keygate"),
            (None, "keygate"),
        ] {
            assert_eq!(super::program(first.map(OsString::from).as_ref()), program);
        }
    }

    #[test]
    fn steering_characters_are_written_out() {
        assert_eq!(plain("a\x1b[31mé\n\u{202e}"), "a\\u{1b}[31mé\\u{a}\\u{202e}");
    }
}
