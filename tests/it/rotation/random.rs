//! Random rotations, undos, extensions, ends, revocations and steps of the clock: after each, every text
//! that the token ever had is worth what a naive reading of the rules says, from a warm cache and a cold one.

use serde_json::{Value, json};

use crate::support::{Gateway, Upstream, get};

const STEPS: usize = 60;
const WORLDS: u64 = 8;
const MINUTE: i64 = 60_000;
const MOST: i64 = 7 * 24 * 60;

/// What each text is worth, in minutes of the test's own time.
struct Model {
    now: i64,
    texts: Vec<String>,
    present: usize,
    /// The text that was replaced last, and what is known of its end.
    old: Option<Old>,
    state: &'static str,
}

struct Old {
    text: usize,
    replaced: i64,
    until: i64,
}

impl Model {
    fn running(&self) -> Option<&Old> {
        self.old.as_ref().filter(|old| self.now < old.until)
    }

    /// What the proxy answers: the code of the problem, or nothing.
    fn worth(&self, text: usize) -> &'static str {
        let is_old = self.old.as_ref().is_some_and(|old| old.text == text);
        match self.state {
            _ if text != self.present && !is_old => "invalid_token",
            "active" if text == self.present || self.running().is_some() => "",
            "active" => "token_rotated",
            other => other,
        }
    }
}

struct Chances(u64);

impl Chances {
    fn below(&mut self, most: u64) -> u64 {
        // xorshift64*: enough to choose steps.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % most
    }
}

#[test]
fn slow_every_text_is_worth_what_the_rules_say() {
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let mut gateway = Gateway::start(&upstream.url());
    for seed in 1..=WORLDS {
        let made = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}, "expires": "never"}));
        let mut model = Model { now: 0, texts: vec![made.secret], present: 0, old: None, state: "active" };
        let mut chances = Chances(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut told = Vec::new();
        for step in 0..STEPS {
            told.push(take(&gateway, &made.id, &mut model, &mut chances, step));
            if chances.below(20) == 0 {
                gateway.restart();
            }
            for (number, text) in model.texts.iter().enumerate() {
                let answer = get(gateway.proxy, "/v1/devices/7", text);
                let code = if answer.status == 204 { String::new() } else { answer.problem() };
                assert_eq!(code, model.worth(number), "text {number}, seed {seed}, after {told:#?}");
            }
        }
    }
}

/// One step, done by the gateway and by the model; what it was.
fn take(gateway: &Gateway, id: &str, model: &mut Model, chances: &mut Chances, step: usize) -> String {
    let call = |path: &str, body: Value| {
        let answer = gateway.admin.call("POST", &format!("/v1/tokens/{id}/{path}"), Some(body));
        let code = if answer.status == 200 { String::new() } else { answer.problem() };
        (code, answer)
    };
    let is_revoked = model.state == "token_revoked";
    match chances.below(11) {
        0..=3 => {
            let overlap = i64::try_from(chances.below(4)).expect("small") * 30;
            let ends = chances.below(2) == 0;
            let (code, answer) = call("rotate", json!({"overlap": format!("{overlap}m"), "end_overlap": ends}));
            let expected = match () {
                () if is_revoked => "already_revoked",
                () if model.running().is_some() && !ends => "overlap_running",
                () => "",
            };
            assert_eq!(code, expected);
            if code.is_empty() {
                model.texts.push(answer.json()["token"].as_str().expect("a text").to_owned());
                model.old = Some(Old { text: model.present, replaced: model.now, until: model.now + overlap });
                model.present = model.texts.len() - 1;
            }
            format!("rotate for {overlap}m, ends: {ends}, {code}")
        }
        4 => {
            let by = 10 + i64::try_from(chances.below(MOST.unsigned_abs())).expect("small");
            let (code, _) = call("rotation/extend", json!({"by": format!("{by}m")}));
            let expected = match model.running() {
                _ if is_revoked => "already_revoked",
                None => "no_overlap",
                Some(old) if old.until + by > old.replaced + MOST => "invalid_fields",
                Some(_) => "",
            };
            assert_eq!(code, expected);
            if let (true, Some(old)) = (code.is_empty(), &mut model.old) {
                old.until += by;
            }
            format!("extend by {by}m, {code}")
        }
        verb @ 5..=6 => {
            let path = if verb == 5 { "rotation/end" } else { "rotation/undo" };
            let (code, _) = call(path, json!({}));
            let expected = match model.running() {
                _ if is_revoked => "already_revoked",
                None => "no_overlap",
                Some(_) => "",
            };
            assert_eq!(code, expected);
            if let (true, Some(old)) = (code.is_empty(), &mut model.old) {
                old.until = model.now;
                if verb == 6 {
                    std::mem::swap(&mut old.text, &mut model.present);
                    old.replaced = model.now;
                }
            }
            format!("{path} {code}")
        }
        7 => {
            let (verb, state) =
                if chances.below(2) == 0 { ("disable", "token_disabled") } else { ("enable", "active") };
            let (code, _) = call(verb, json!({}));
            assert_eq!(code, if is_revoked { "already_revoked" } else { "" });
            model.state = if is_revoked { model.state } else { state };
            verb.to_owned()
        }
        // Late, so that the steps before it are tried often.
        8 if step > STEPS - 6 => {
            assert_eq!(call("revoke", json!({})).0, "");
            model.state = "token_revoked";
            "revoke".to_owned()
        }
        _ => {
            let minutes = i64::try_from(chances.below(50)).expect("small") + 5;
            gateway.clock.step_millis(minutes * MINUTE);
            model.now += minutes;
            format!("{minutes} minutes go by")
        }
    }
}
