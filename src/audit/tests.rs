//! A log on the disk: what is written is there again, and what is not what was written is not gone on with.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

pub(super) struct Place {
    directory: TempDir,
    clock: Clock,
    segment_size: u64,
    retention: Option<Duration>,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, clock: Clock::adjustable(), segment_size: 16 << 20, retention: None }
    }

    pub(super) fn options(&self) -> AuditOptions {
        AuditOptions {
            directory: self.directory.path().join("audit"),
            anchor: self.directory.path().join("audit.anchor"),
            key: ChainKey::new(&[7; 32]),
            segment_size: self.segment_size,
            retention: self.retention,
        }
    }

    fn open(&self) -> Audit {
        Audit::open(self.options(), self.clock.clone()).expect("it opens")
    }

    fn segments(&self) -> Vec<PathBuf> {
        let segments = files::segments(&self.options().directory).expect("readable");
        segments.into_iter().map(|segment| segment.path).collect()
    }
}

fn entry(number: usize) -> Entry {
    Entry::system(Action::TokenEdit, Object::of_id(ObjectKind::Token, number), Change::none())
}

async fn write(audit: &Audit, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let intent = audit.begin(entry(number)).await.expect("announced");
        audit.settle(Some(intent), vec![entry(number)]).await.expect("written");
    }
}

/// The objects of the entries, newest first, read in pages of this size.
async fn objects(audit: &Audit, limit: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let query = Query { action: Some("token.edit".to_owned()), after, ..Query::all(limit) };
        let page = audit.list(query).await.expect("readable");
        found.extend(page.lines.iter().map(|line| line.object.as_ref().expect("an object").id.clone()));
        after = page.next;
        if after.is_none() {
            return found;
        }
        // As a client gives it back.
        after = after.map(|place| place.to_string().parse().expect("a place"));
    }
}

fn expected(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.rev().map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn what_was_written_is_there_again_and_goes_on() {
    let place = Place::new();
    let audit = place.open();
    write(&audit, 0..5).await;
    assert!(matches!(Audit::open(place.options(), Clock::system()), Err(AuditOpenError::Held(_))));
    audit.close();
    assert_eq!(audit.begin(entry(9)).await, Err(Unrecorded::Closed));
    let audit = place.open();
    write(&audit, 5..8).await;
    assert_eq!(objects(&audit, 3).await, expected(0..8));
    assert_eq!(audit.health(), Ok(()));
}

#[tokio::test]
async fn pages_go_through_all_segments_and_each_entry_is_in_one() {
    let place = Place { segment_size: 4_096, ..Place::new() };
    let audit = place.open();
    write(&audit, 0..40).await;
    assert!(place.segments().len() > 3, "{:?}", place.segments());
    for limit in [1, 2, 7, 40, 200] {
        assert_eq!(objects(&audit, limit).await, expected(0..40), "{limit} a page");
    }
}

#[tokio::test]
async fn an_announcement_that_nothing_followed_is_told_of_at_the_next_start() {
    let place = Place { segment_size: 1_024, ..Place::new() };
    let audit = place.open();
    let intent = audit.begin(entry(1)).await.expect("announced");
    // It is the oldest of what is open, so no second segment is begun behind the next one.
    write(&audit, 2..9).await;
    assert_eq!(place.segments().len(), 2);
    audit.close();
    let audit = place.open();
    write(&audit, 10..11).await;
    let unknown = Query { outcome: Some("unknown".to_owned()), ..Query::all(9) };
    let page = audit.list(unknown).await.expect("readable");
    let [line] = &page.lines[..] else { panic!("{:?}", page.lines) };
    assert_eq!((line.settles, line.code.as_deref()), (Some(intent.0), Some("interrupted")));
    assert_eq!(line.object.as_ref().expect("an object").id, "1");
    audit.close();
    let audit = place.open();
    write(&audit, 11..12).await;
    let unknown = Query { outcome: Some("unknown".to_owned()), ..Query::all(9) };
    assert_eq!(audit.list(unknown).await.expect("readable").lines.len(), 1, "it is told of once");
}

#[tokio::test]
async fn an_unfinished_line_is_cut_off_and_a_missing_one_is_not_gone_on_from() {
    let place = Place::new();
    let audit = place.open();
    write(&audit, 0..3).await;
    audit.close();
    let path = place.segments().remove(0);
    let whole = fs::read(&path).expect("readable");
    for tail in [&b"{\"seq\":8,\"time\""[..], &[0; 700], b"\n", b"nonsense\nmore\n"] {
        fs::write(&path, [&whole, tail].concat()).expect("written");
        let audit = place.open();
        assert_eq!(audit.health(), Ok(()));
        audit.close();
        assert_eq!(fs::read(&path).expect("readable"), whole);
    }
    let without_the_last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').expect("lines") + 1;
    for cut in [without_the_last, whole.len() - 1, 0] {
        fs::write(&path, &whole[..cut]).expect("written");
        let audit = place.open();
        let error = audit.begin(entry(9)).await.expect_err("it is not what was written");
        assert!(matches!(error, Unrecorded::Failed(_)), "{error}");
        assert_eq!(audit.health(), Err(error));
        audit.close();
        drop(audit);
        assert_eq!(fs::read(&path).expect("readable"), &whole[..cut], "nothing is repaired");
    }
    fs::write(&path, &whole).expect("written");
    assert_eq!(place.open().health(), Ok(()));
}

#[tokio::test]
async fn a_log_without_its_anchor_or_an_anchor_without_its_log_is_not_gone_on_with() {
    let place = Place::new();
    let audit = place.open();
    write(&audit, 0..3).await;
    audit.close();
    let (path, anchor) = (place.segments().remove(0), place.options().anchor);
    let (log, good) = (fs::read(&path).expect("readable"), fs::read(&anchor).expect("readable"));
    fs::remove_file(&anchor).expect("removed");
    assert!(place.open().health().expect_err("unanchored").to_string().contains("is gone"));
    fs::write(&anchor, b"nonsense").expect("written");
    assert!(place.open().health().expect_err("unanchored").to_string().contains("damaged"));
    fs::write(&anchor, &good).expect("written");
    fs::remove_file(&path).expect("removed");
    assert!(place.open().health().expect_err("it is away").to_string().contains("7 lines are gone"));
    fs::write(&path, &log).expect("written");
    assert_eq!(place.open().health(), Ok(()));
}

#[tokio::test]
async fn what_is_too_old_is_dropped_and_the_log_says_so() {
    let place = Place { segment_size: 2_048, retention: Some(Duration::from_secs(86_400)), ..Place::new() };
    let audit = place.open();
    write(&audit, 0..10).await;
    // The last one goes on with younger entries.
    let mut old = place.segments();
    old.pop();
    place.clock.step_millis(2 * 86_400_000);
    write(&audit, 10..30).await;
    let gone = async {
        while old.iter().any(|path| path.exists()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("dropped");
    let drops = audit.list(Query { action: Some("audit.drop".to_owned()), ..Query::all(9) }).await.expect("readable");
    let through = drops.lines[0].after.as_ref().expect("facts")["through"].as_u64().expect("a number");
    assert_eq!(files::segments(&place.options().directory).expect("readable")[0].first, through + 1);
    let left = objects(&audit, 5).await;
    assert!(left.len() >= 20 && left.len() < 30, "{left:?}");
    audit.close();
    let options = place.options();
    let verified = verify(&options.directory, &options.anchor, &options.key).expect("it is whole");
    assert_eq!((verified.first, verified.dropped), (through + 1, through));
    fs::remove_file(&place.segments()[0]).expect("removed");
    let error = verify(&options.directory, &options.anchor, &options.key).expect_err("nothing says so");
    assert!(matches!(&error, VerifyError::Found(Finding { fault: Fault::Removed, .. })), "{error}");
    assert_eq!(place.open().health(), Ok(()), "a start looks at the end alone");
}
