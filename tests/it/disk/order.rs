//! In which order things reach the disk and the client, as the kernel sees it.

use std::collections::HashMap;
use std::fs;

use serde_json::json;

use crate::support::Upstream;
use crate::support::binary::Install;

/// What of the traced calls matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Log,
    LogAnchor,
    Journal,
    Tree,
    Anchor,
    Answer,
}

/// What lies between two answers: the announcement in the audit log, the three syncs of the store, and how
/// it ended in the log again.
const CHANGE: [Step; 7] =
    [Step::Log, Step::LogAnchor, Step::Journal, Step::Tree, Step::Anchor, Step::Log, Step::LogAnchor];

/// One creation after the other, each sync after the one before.
#[test]
fn an_answer_comes_after_log_journal_tree_and_anchor_are_on_the_disk() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let trace = install.path("trace").display().to_string();
    let calls = "trace=fdatasync,fsync,write,writev,sendto,sendmsg";
    let mut served = install.run_under(&["strace", "-f", "-y", "-s", "64", "-e", calls, "-o", &trace]);
    let mut made = Vec::new();
    for number in 0..20 {
        made.push(served.admin.create(json!({"name": format!("traced {number}"), "grants": {"*": "read"}})));
    }
    served.admin.change(&made[0].id, "revoke");
    served.admin.delete(&made[1].id);
    // The tracer lets its child go on; the child's own id is in the lock.
    let pid = fs::read_to_string(install.path("data/keygate.lock")).expect("a lock");
    let ended = std::process::Command::new("kill").arg(pid.trim()).status();
    assert!(ended.is_ok_and(|status| status.success()));
    assert_eq!(served.process.ended().code(), Some(0));

    let steps = steps(&fs::read_to_string(trace).expect("a trace"));
    let answers = steps.iter().filter(|step| **step == Step::Answer).count();
    assert_eq!(answers, 22, "{steps:?}");
    let groups: Vec<&[Step]> = steps.split(|step| *step == Step::Answer).take(answers).collect();
    for group in groups {
        assert_eq!(group, CHANGE);
    }
}

/// The syncs of the log and the store, and the answers to changes, in the order in which they were done. A sync that
/// was going on while others were counts where it ended.
fn steps(trace: &str) -> Vec<Step> {
    let mut begun: HashMap<&str, Step> = HashMap::new();
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if call.contains("\"HTTP/1.1 201") || call.contains("\"HTTP/1.1 200") || call.contains("\"HTTP/1.1 204") {
            steps.push(Step::Answer);
        } else if call.starts_with("fdatasync(") {
            let Some(step) = file(call) else { continue };
            if call.contains("<unfinished") {
                begun.insert(thread, step);
            } else {
                assert!(call.ends_with("= 0"), "{line}");
                steps.push(step);
            }
        } else if call.starts_with("<... fdatasync resumed>") {
            assert!(call.ends_with("= 0"), "{line}");
            steps.extend(begun.remove(thread));
        }
    }
    // What was synced before the first change: the start itself.
    let first = steps.iter().position(|step| *step == Step::Answer).expect("an answer");
    steps.split_off(first.saturating_sub(CHANGE.len()))
}

/// `fdatasync(12</path/of/the/file>…`
fn file(call: &str) -> Option<Step> {
    let path = call.split_once('<')?.1.split_once('>')?.0;
    match path {
        _ if path.ends_with(".jsonl") => Some(Step::Log),
        _ if path.ends_with(".audit.anchor") => Some(Step::LogAnchor),
        _ if path.ends_with(".journal") => Some(Step::Journal),
        _ if path.ends_with("tokens/db") => Some(Step::Tree),
        _ if path.ends_with(".anchor") => Some(Step::Anchor),
        _ => None,
    }
}
