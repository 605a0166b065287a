//! `keygate completions` and `keygate man`: made of the definitions of the commands themselves.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::args::Cli;
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Writes a page for each command into this directory [default: the first page, to standard output]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "keygate", &mut script);
    terminal.print(&String::from_utf8_lossy(&script)).map(|()| Exit::Ok)
}

pub(super) fn man(args: &ManArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let Some(directory) = &args.directory else {
        let mut page = Vec::new();
        let made = clap_mangen::Man::new(Cli::command()).render(&mut page);
        made.map_err(|error| Failure::failed(format!("the page could not be made: {error}")))?;
        return terminal.print(&String::from_utf8_lossy(&page)).map(|()| Exit::Ok);
    };
    let count = pages(directory)
        .map_err(|error| Failure::failed(format!("cannot write pages to {}: {error}", directory.display())))?;
    terminal.note(&format!("{count} pages are in {}\n", directory.display()));
    Ok(Exit::Ok)
}

/// How many were written.
fn pages(directory: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(directory)?;
    let before = std::fs::read_dir(directory)?.count();
    clap_mangen::generate_to(Cli::command(), directory)?;
    let after = std::fs::read_dir(directory)?.count();
    // Pages of a run before are written again.
    Ok(if after > before { after - before } else { after })
}
