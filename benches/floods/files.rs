//! Open files: each connection takes one here, and one in the gateway, which inherits the limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Outcome;

/// What is open besides the connections of a crowd: by far the most are the connections to the upstream that
/// streams which nobody reads hold open.
const OTHERS: u64 = 4_096;

/// Makes sure that so many connections can be held.
pub fn allow(connections: u64) -> Outcome<()> {
    let needed = connections + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = maximum.map(|maximum| maximum.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(|error| {
        let (soft, hard) = (told(current), told(getrlimit(Resource::Nofile).maximum));
        format!(
            "{connections} connections take {needed} open files, and the limit is {soft}, which cannot be raised \
             above {hard} ({error}): raise it (`ulimit -Hn {needed}` as root), or take --connections N"
        )
        .into()
    })
}

fn told(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}
