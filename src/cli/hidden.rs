//! Reading a line that nobody is to see: the terminal does not echo it, and is as it was afterwards,
//! whatever happens.

use std::io::{self, BufRead};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::{Zeroize, Zeroizing};

/// Ctrl-C, as the terminal hands it over while it makes no signal of it.
const INTERRUPT: u8 = 3;
/// More than any password; what is longer is something else.
const LONGEST: usize = 4096;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(Zeroizing<String>),
    End,
    Interrupted,
}

/// Standard input without echo, until it is dropped.
pub(super) struct Quiet(Termios);

impl Quiet {
    /// Ctrl-C is read as a character meanwhile: a process that it killed would leave a terminal behind on
    /// which nobody sees what is typed.
    pub(super) fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing can be done where it fails, and the terminal is gone then.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// One line, without its end.
pub(super) fn line(input: &mut dyn BufRead) -> io::Result<Typed> {
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            return if typed.is_empty() { Ok(Typed::End) } else { text(&typed) };
        }
        let end = available.iter().position(|byte| matches!(*byte, b'\n' | INTERRUPT));
        let (taken, is_interrupt) = end.map_or((available.len(), false), |at| (at, available[at] == INTERRUPT));
        if typed.len() + taken > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line of more than {LONGEST} bytes")));
        }
        typed.extend_from_slice(&available[..taken]);
        input.consume(taken + usize::from(end.is_some()));
        match end {
            _ if is_interrupt => return Ok(Typed::Interrupted),
            Some(_) => return text(&typed),
            None => {}
        }
    }
}

fn text(typed: &[u8]) -> io::Result<Typed> {
    let typed = typed.strip_suffix(b"\r").unwrap_or(typed);
    match String::from_utf8(typed.to_vec()) {
        Ok(line) => Ok(Typed::Line(Zeroizing::new(line))),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(io::Error::new(io::ErrorKind::InvalidData, "a line that is not UTF-8"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<Typed> {
        let mut input = io::BufReader::with_capacity(3, input);
        (0..2).map(|_| line(&mut input).unwrap()).collect()
    }

    fn typed(text: &str) -> Typed {
        Typed::Line(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn lines_end_with_their_ends_and_with_the_input() {
        assert_eq!(read(b"one\ntwo"), [typed("one"), typed("two")]);
        assert_eq!(read(b" a b \r\n"), [typed(" a b "), Typed::End]);
        assert_eq!(read(b"\n"), [typed(""), Typed::End]);
    }

    #[test]
    fn an_interrupt_ends_it_at_once() {
        assert_eq!(read(b"half\x03rest\n"), [Typed::Interrupted, typed("rest")]);
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        assert!(line(&mut &b"\xff\n"[..]).is_err());
        assert!(line(&mut &vec![b'a'; LONGEST + 1][..]).is_err());
    }
}
