//! Asking before what cannot be undone.

use super::failure::Failure;
use super::terminal::{Terminal, plain};

/// Whether somebody can be asked; to be checked before anything is sent.
pub(super) fn possible(yes: bool, verb: &str, terminal: &Terminal<'_>) -> Result<(), Failure> {
    if yes || terminal.interactive {
        return Ok(());
    }
    Err(Failure::usage(format!("{verb} is final, and there is no terminal to ask on"))
        .hint(format!("add --yes to {verb} without a question")))
}

/// Has the person type the name or the id of what will be lost.
pub(super) fn confirm(verb: &str, id: &str, name: &str, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let question = if name.is_empty() {
        format!("This will {verb} {id}, for good. Type the id to go on: ")
    } else {
        format!("This will {verb} {id} ({}), for good. Type its name or its id to go on: ", plain(name))
    };
    let answer = terminal.ask(&question)?;
    match answer.as_deref() {
        Some(answer) if answer == id || (!name.is_empty() && answer == name.trim()) => Ok(()),
        _ => Err(Failure::failed("not confirmed, nothing was done")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal::tests::Fake;
    use super::*;

    #[test]
    fn a_script_must_say_yes() {
        let mut script = Fake::script();
        let refused = possible(false, "revoke", &script.terminal()).unwrap_err();
        assert_eq!(refused.exit.code(), 2);
        assert!(refused.text().contains("hint: add --yes to revoke"), "{}", refused.text());
        assert!(possible(true, "revoke", &script.terminal()).is_ok());
        assert!(possible(false, "revoke", &Fake::person("").terminal()).is_ok());
    }

    #[test]
    fn name_or_id_confirm_and_nothing_else_does() {
        let cases = [
            ("ci\n", "ci", true),
            ("tok_1\n", "ci", true),
            ("y\n", "ci", false),
            ("\n", "ci", false),
            ("", "ci", false),
            ("\n", "", false),
            ("tok_1\n", "", true),
        ];
        for (typed, name, agreed) in cases {
            let mut person = Fake::person(typed);
            assert_eq!(confirm("delete", "tok_1", name, &mut person.terminal()).is_ok(), agreed, "{typed:?} {name:?}");
            assert!(person.err().contains("delete tok_1"), "the question goes to standard error");
            assert!(person.out.is_empty());
        }
    }
}
