//! `keygate store backup`: a copy from the running gateway, checked while it comes.

use std::io::{self, BufReader, Read, Write};

use super::BackupArgs;
use super::file::Target;
use super::told::{self, Told};
use crate::app::inspect;
use crate::cli::Environment;
use crate::cli::args::AdminArgs;
use crate::cli::client::Client;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;

const PIECE: usize = 64 << 10;

pub(super) fn backup(
    args: &BackupArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let client = Client::new(admin, environment, terminal)?;
    let mut target = Target::open(&args.file, terminal.out)?;
    let mut copy = Copy { from: client.download("/v1/store/backup")?, into: &mut target, unwritten: None };
    let inspected = inspect(BufReader::with_capacity(PIECE, &mut copy));
    if let Some(error) = copy.unwritten {
        return Err(Failure::failed(format!("cannot write the backup: {error}")));
    }
    let file = inspected.map_err(|error| told::incomplete(&error))?;
    target.keep()?;
    Told::file(&args.file, &file).tell(args.output, &args.file, terminal)
}

/// What is read is written as well.
struct Copy<'a, R, W> {
    from: R,
    into: &'a mut W,
    /// Told apart from what went wrong with the gateway.
    unwritten: Option<io::Error>,
}

impl<R: Read, W: Write> Read for Copy<'_, R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        if let Err(error) = self.into.write_all(&into[..length]) {
            self.unwritten = Some(error);
            return Err(io::Error::other("it cannot be written"));
        }
        Ok(length)
    }
}
