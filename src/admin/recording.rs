//! What a request leaves in the audit log.
//!
//! The layer [`recorded`] stands before the door and before every handler, and knows from the table of
//! endpoints what a call does: so no call that does something can be answered without its entry. The door
//! says who asks and announces what is about to be done, the handler says what it was done to, and the
//! entry is on the disk before the answer goes out.
//!
//! What is noted: all that somebody with the right to a call did or tried; each failed login; and who was
//! refused though its token is known, as far as that goes slowly enough. Not noted is what strangers send:
//! they could fill the disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::Shared;
use super::endpoint::{Endpoint, Sought, find};
use super::frame::RequestId;
use super::named::named;
use super::peer::Peer;
use super::refusal::Refusal;
use crate::audit::{Action, Actor, Audit, Change, Effect, Entry, Intent, Object, Outcome, Unrecorded};

/// One request, as the log will have it. Clones are of the same request.
#[derive(Clone)]
pub(super) struct Recording(Arc<Inner>);

struct Inner {
    audit: Audit,
    /// What the call does; `None`: it changes nothing.
    action: Option<Action>,
    request: RequestId,
    source: String,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    actor: Actor,
    /// What the request names.
    object: Option<Object>,
    done: Vec<(Action, Object, Change)>,
    intent: Option<Intent>,
    /// Why it could not be announced. It goes on all the same if it takes rights away.
    blocked: Option<Unrecorded>,
}

/// Around the door: runs what follows to its end, whatever the client does, and notes how it ended.
pub(super) async fn recorded(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let endpoint = match find(request.method(), pattern) {
        Sought::Found(endpoint) => Some(endpoint),
        Sought::WrongMethod(_) | Sought::Nothing => None,
    };
    let Some(recording) = Recording::new(&request, endpoint, &state.audit) else {
        return Refusal::Broken("a request without an id").into_response();
    };
    request.extensions_mut().insert(recording.clone());
    if recording.0.action.is_none() {
        let response = next.run(request).await;
        return recording.finish(response).await;
    }
    // A client that hangs up must not leave a change without its entry.
    let ended = tokio::spawn({
        let recording = recording.clone();
        async move {
            let response = next.run(request).await;
            recording.finish(response).await
        }
    });
    match ended.await {
        Ok(response) => response,
        Err(_) => recording.finish(Refusal::Broken("a handler panicked").into_response()).await,
    }
}

impl Recording {
    fn new(request: &Request, endpoint: Option<&Endpoint>, audit: &Audit) -> Option<Self> {
        let id = *request.extensions().get::<RequestId>()?;
        let source = request.extensions().get::<Peer>().map(|peer| peer.name()).unwrap_or_default();
        let object = endpoint.map(|endpoint| named(endpoint, request.uri().path()));
        let noted = Mutex::new(Noted { object, ..Noted::default() });
        let action = endpoint.and_then(|endpoint| endpoint.audit);
        Some(Self(Arc::new(Inner { audit: audit.clone(), action, request: id, source, noted })))
    }

    /// Who asks, as soon as that is known.
    pub(super) fn acts(&self, actor: Actor) {
        self.noted().actor = actor;
    }

    /// What the request is about, if it comes to nothing.
    pub(super) fn concerns(&self, object: Object) {
        self.noted().object = Some(object);
    }

    /// Announces what is about to be done, and refuses it where that cannot be noted. The door does this
    /// for whoever presents a token; a call that takes other proofs does it once it has seen them, and
    /// before it changes anything.
    pub(super) async fn begin(&self) -> Result<(), Refusal> {
        let Some(action) = self.0.action else { return Ok(()) };
        if action.effect() == Effect::Shows {
            return Ok(self.0.audit.health()?);
        }
        let announced = self.0.audit.begin(self.entry(action, None, Change::none(), Outcome::Begun)).await;
        match (announced, action.effect()) {
            (Ok(intent), _) => self.noted().intent = Some(intent),
            (Err(why), Effect::Ends | Effect::Edits) => self.noted().blocked = Some(why),
            (Err(why), Effect::Changes | Effect::Shows) => return Err(why.into()),
        }
        Ok(())
    }

    /// For calls that may take rights away: refuses this one, which does not, where it cannot be noted.
    pub(super) fn takes_nothing_away(&self) -> Result<(), Refusal> {
        self.noted().blocked.clone().map_or(Ok(()), |why| Err(why.into()))
    }

    /// What was done, to which object.
    pub(super) fn done(&self, object: Object, change: Change) {
        if let Some(action) = self.0.action {
            self.done_as(action, object, change);
        }
    }

    /// The same, for what a call does besides.
    pub(super) fn done_as(&self, action: Action, object: Object, change: Change) {
        self.noted().done.push((action, object, change));
    }

    /// Announces a part of a call that does much, and names it: a crash leaves one part in doubt and no more.
    /// It takes rights away, so it goes on where it cannot be announced.
    pub(super) async fn begin_part(&self, action: Action, what: Change) -> Option<Intent> {
        debug_assert_eq!(action.effect(), Effect::Ends);
        match self.0.audit.begin(self.entry(action, None, what, Outcome::Begun)).await {
            Ok(intent) => Some(intent),
            Err(why) => {
                tracing::error!(target: "keygate::audit", %why, action = action.name(), "goes on without its announcement");
                None
            }
        }
    }

    /// Tells how that part ended: what was done, or, where nothing is told, that nobody knows.
    pub(super) async fn end_part(
        &self,
        intent: Option<Intent>,
        action: Action,
        done: Result<Vec<(Object, Change)>, &Refusal>,
    ) {
        let entries = match done {
            Ok(done) if done.is_empty() => vec![self.entry(action, None, Change::none(), Outcome::Done)],
            Ok(done) => {
                let entry = |(object, change)| self.entry(action, Some(object), change, Outcome::Done);
                done.into_iter().map(entry).collect()
            }
            Err(refusal) => {
                let outcome = refusal.outcome().unwrap_or(Outcome::Refused(refusal.code().name));
                vec![self.entry(action, None, Change::none(), outcome)]
            }
        };
        self.tell_all(intent, entries).await;
    }

    /// Notes how it ended, and answers only then.
    async fn finish(&self, response: Response) -> Response {
        let refusal = response.extensions().get::<Arc<Refusal>>().cloned();
        let noted = std::mem::take(&mut *self.noted());
        let (intent, blocked) = (noted.intent.is_some(), noted.blocked.is_some());
        let entries = self.entries(&noted, refusal.as_deref());
        if entries.is_empty() && !intent {
            return response;
        }
        let Some(why) = self.tell_all(noted.intent, entries).await else { return response };
        let goes_on = refusal.is_some() || blocked || self.0.action.map(Action::effect) == Some(Effect::Ends);
        if goes_on { response } else { Refusal::Unrecorded { why, done: true }.into_response() }
    }

    /// Why the entries could not be written; they are in the gateway's own log then.
    async fn tell_all(&self, intent: Option<Intent>, entries: Vec<Entry>) -> Option<Unrecorded> {
        entries.iter().filter(|entry| entry.outcome == Outcome::Done).for_each(tell);
        let why = self.0.audit.settle(intent, entries.clone()).await.err()?;
        for entry in entries {
            tracing::error!(target: "keygate::audit", %why, ?entry, "an entry is not in the audit log yet");
        }
        Some(why)
    }

    fn entries(&self, noted: &Noted, refusal: Option<&Refusal>) -> Vec<Entry> {
        let entry = |action, object, change, outcome| Entry {
            actor: noted.actor,
            ..self.entry(action, object, change, outcome)
        };
        let mut entries: Vec<_> = noted
            .done
            .iter()
            .map(|(action, object, change)| entry(*action, Some(object.clone()), change.clone(), Outcome::Done))
            .collect();
        let (outcome, change) = match refusal {
            None if entries.is_empty() && self.0.action.is_some() => (Outcome::Done, Change::none()),
            None => return entries,
            Some(refusal) => match self.outcome(noted, refusal) {
                None => return entries,
                Some(ended) => ended,
            },
        };
        entries.push(entry(self.0.action.unwrap_or(Action::ApiRead), noted.object.clone(), change, outcome));
        entries
    }

    /// How a refusal stands in the log; `None`: not at all.
    fn outcome(&self, noted: &Noted, refusal: &Refusal) -> Option<(Outcome, Change)> {
        let outcome = refusal.outcome();
        // What was announced is told of, however it ended.
        if noted.intent.is_some() {
            return Some((outcome.unwrap_or(Outcome::Refused(refusal.code().name)), Change::none()));
        }
        match (outcome?, noted.actor.token, self.0.action) {
            (outcome @ Outcome::Denied(_), Some(token), _) => {
                let left_out = self.0.audit.admit_denial(token)?;
                let facts = (left_out > 0).then(|| ("not_noted_before", left_out.into()));
                Some((outcome, facts.map_or_else(Change::none, |facts| Change::noted([facts]))))
            }
            // A login.
            (outcome @ Outcome::Denied(_), None, Some(_)) => Some((outcome, Change::none())),
            (outcome, Some(_), Some(_)) => Some((outcome, Change::none())),
            _ => None,
        }
    }

    fn entry(&self, action: Action, object: Option<Object>, change: Change, outcome: Outcome) -> Entry {
        let noted = self.noted();
        let object = object.or_else(|| noted.object.clone());
        let (actor, source, request) = (noted.actor, self.0.source.clone(), self.0.request.to_string());
        Entry { action, actor, source, request, object, change, outcome }
    }

    /// No code of others runs under the lock, so a poisoned one is still consistent.
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same in the gateway's own log. Names ids only, so no secret can get into it.
fn tell(entry: &Entry) {
    let Some(Object { kind, id, account }) = &entry.object else { return };
    let actor = entry.actor.token.map(|id| id.to_string()).or_else(|| entry.actor.user.map(|id| id.to_string()));
    tracing::info!(
        target: "keygate::admin",
        action = entry.action.name(),
        object = id,
        kind = kind.name(),
        actor = actor.unwrap_or_default(),
        account = account.map(|id| id.to_string()).unwrap_or_default(),
        request_id = entry.request,
        "done"
    );
}

impl<S: Sync> FromRequestParts<S> for Recording {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().ok_or(Refusal::Broken("a request that nobody records"))
    }
}
