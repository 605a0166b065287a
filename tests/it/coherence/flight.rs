//! Look-ups that many wait for at once: each gets the answer to its own question, and whoever goes away,
//! fails or panics takes nobody along.

use keygate::auth::{Source, Verdict};

use super::moody::Mood;
use super::outage::{Parts, hasher};
use crate::support::eventually;

type Asking = tokio::task::JoinHandle<Option<String>>;

impl Parts {
    /// Asks beside the test. Told is whose token it is, `-` for nobody's, and nothing for no answer.
    fn ask(&self, text: &str) -> Asking {
        let (verifier, text) = (self.verifier.clone(), text.to_owned());
        self.runtime.spawn(async move {
            match verifier.verify(&text).await.1 {
                Ok(Verdict::Known(principal)) => Some(principal.token.id.to_string()),
                Ok(Verdict::Unknown | Verdict::NotAToken(_)) => Some("-".to_owned()),
                Err(_) => None,
            }
        })
    }

    fn hear(&self, asking: Asking) -> Option<String> {
        self.runtime.block_on(asking).expect("the asking itself does not panic")
    }

    fn wait_for_look_ups(&self, count: usize) {
        eventually("the look-ups", || (self.store.asked() >= count).then_some(()));
    }
}

#[test]
fn who_asked_first_and_goes_away_takes_nobody_along() {
    let parts = Parts::new();
    let (id, text) = parts.token();
    parts.store.be(Mood::Hangs);
    let leader = parts.ask(&text);
    parts.wait_for_look_ups(1);
    let followers: Vec<_> = (0..50).map(|_| parts.ask(&text)).collect();
    leader.abort();
    assert!(parts.runtime.block_on(leader).expect_err("it is gone").is_cancelled());
    parts.store.be(Mood::Answers);
    for follower in followers {
        assert_eq!(parts.hear(follower), Some(id.to_string()));
    }
    let (source, _) = parts.runtime.block_on(parts.verifier.verify(&text));
    assert_eq!((source, parts.store.asked() <= 2), (Source::Cache, true), "what it had begun was not in vain");
}

#[test]
fn a_failure_is_told_to_who_waited_and_remembered_by_nobody() {
    let parts = Parts::new();
    let (id, text) = parts.token();
    parts.store.be(Mood::Hangs);
    let waiting: Vec<_> = (0..50).map(|_| parts.ask(&text)).collect();
    parts.wait_for_look_ups(1);
    parts.store.be(Mood::Fails);
    assert!(waiting.into_iter().all(|asking| parts.hear(asking).is_none()), "neither a yes nor a no");
    parts.store.be(Mood::Answers);
    assert_eq!(parts.hear(parts.ask(&text)), Some(id.to_string()));
}

#[test]
fn a_panic_costs_who_waited_and_nobody_who_comes_later() {
    let parts = Parts::new();
    let (known, (id, text)) = (parts.token(), parts.token());
    assert_eq!(parts.hear(parts.ask(&known.1)), Some(known.0.to_string()));
    for _ in 0..3 {
        parts.store.be(Mood::Panics);
        let waiting: Vec<_> = (0..10).map(|_| parts.ask(&text)).collect();
        assert!(waiting.into_iter().all(|asking| parts.hear(asking).is_none()), "neither a yes nor a no");
        assert_eq!(parts.hear(parts.ask(&known.1)), Some(known.0.to_string()), "it is remembered");
        parts.store.be(Mood::Answers);
    }
    assert_eq!(parts.hear(parts.ask(&text)), Some(id.to_string()), "look-ups go on");
    assert!(parts.hear(parts.ask(&parts.token().1)).is_some());
}

/// Pairs that a shortened or a joined key would mix up: texts that differ in their last characters alone cannot be
/// made (a token's end is a checksum), so all of them are asked for at once, in one batch after another.
#[test]
fn each_of_a_thousand_pairs_gets_its_own_answer() {
    let parts = Parts::new();
    let tokens: Vec<_> = (0..1_000).map(|_| parts.token()).collect();
    parts.store.be(Mood::Hangs);
    let askings: Vec<_> = tokens
        .iter()
        .zip(tokens.iter().rev())
        .flat_map(|(one, other)| [(one.0, parts.ask(&one.1)), (other.0, parts.ask(&other.1))])
        .collect();
    parts.wait_for_look_ups(1);
    parts.store.be(Mood::Answers);
    for (id, asking) in askings {
        assert_eq!(parts.hear(asking), Some(id.to_string()));
    }
}

#[test]
fn a_damaged_record_keeps_no_other_of_its_batch_out() {
    let parts = Parts::new();
    let ((id, good), (_, bad)) = (parts.token(), parts.token());
    parts.store.damage(hasher().digest(&bad));
    parts.store.be(Mood::Hangs);
    let first = parts.ask(&parts.token().1);
    parts.wait_for_look_ups(1);
    // Both wait behind it, and so are looked up together.
    let (good, bad, ()) = parts.runtime.block_on(async {
        tokio::join!(parts.verifier.verify(&good), parts.verifier.verify(&bad), async {
            parts.store.be(Mood::Answers);
        })
    });
    assert!(matches!(good.1, Ok(Verdict::Known(principal)) if principal.token.id == id));
    assert!(bad.1.is_err(), "neither a yes nor a no");
    assert!(parts.hear(first).is_some());
    assert!(parts.store.asked() >= 5, "one, then two, then each of the two alone");
}
