//! The examples in the help: every command has some, and each is understood. `tests/it/binary/help.rs` runs them.

use clap::{Command, CommandFactory, Parser};

use super::args::Cli;

/// Every command that does something, with its words.
fn leaves(command: &Command, words: &str, found: &mut Vec<(String, String)>) {
    let below: Vec<_> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
    if below.is_empty() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        found.push((words.to_owned(), help));
    }
    below.iter().for_each(|below| leaves(below, &format!("{words} {}", below.get_name()), found));
}

/// The words of a line as a shell takes them, up to the next pipe or redirection of each command.
fn calls(line: &str) -> Vec<Vec<String>> {
    let mut calls = vec![vec![]];
    let (mut word, mut quoted, mut is_word) = (String::new(), false, false);
    for letter in line.chars().chain([' ']) {
        match letter {
            '\'' => (quoted, is_word) = (!quoted, true),
            ' ' if !quoted => {
                let done = std::mem::take(&mut word);
                if done == "|" {
                    calls.push(vec![]);
                } else if is_word && !done.starts_with(['<', '>']) {
                    calls.last_mut().expect("one").push(done);
                }
                is_word = false;
            }
            _ => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    calls
}

#[test]
fn every_command_has_examples_that_are_understood() {
    let mut found = Vec::new();
    leaves(&Cli::command(), "keygate", &mut found);
    assert!(found.len() > 50, "{}", found.len());
    let mut number = 0;
    for (words, help) in found {
        let block = help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{words} has no examples"));
        let lines: Vec<_> = block.lines().map_while(|line| line.strip_prefix("  keygate ")).collect();
        let of_command = lines.iter().filter(|line| format!("keygate {line}").contains(&words)).count();
        assert!(of_command > 0 && of_command == lines.len(), "{words} has none of its own: {lines:?}");
        for line in lines {
            for call in calls(&format!("keygate {line}")) {
                let call: Vec<_> = call.iter().map(|word| word.replace('…', "0353b1k5VgFCjNbXPgBgLO")).collect();
                number += 1;
                if let Err(error) = Cli::try_parse_from(&call) {
                    panic!("{words}: {call:?}: {error}");
                }
            }
        }
    }
    assert!(number > 80, "{number}");
}
