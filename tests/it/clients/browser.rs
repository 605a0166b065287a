//! A browser, whose scripts can set no header: what a page sees of events and of a WebSocket through the gateway.
//!
//! The page comes through the gateway too, on a public route, and tells the test by requests what it sees.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::json;
use tempfile::TempDir;

use crate::support::binary::Running;
use crate::support::peers::Peer;
use crate::support::tls::Authority;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{Builder, Created, Gateway, Recorded, Then, Upstream};

/// What is told arrives in its order.
const PAGE: &str = r#"<!doctype html><title>a page</title><script>
const token = "@TOKEN@";
let last = Promise.resolve();
const tell = text => last = last.then(() => fetch("/page/told", {method: "POST", body: text}));
tell(`page ${performance.getEntriesByType("navigation")[0].nextHopProtocol}`);
@SCRIPT@
</script>"#;

const EVENTS: &str = r#"
const events = new EventSource("/v1/events?channel=7&access_token=" + token);
events.onopen = () => tell("open");
events.onmessage = event => tell(`event ${event.lastEventId}: ${event.data}`);
events.onerror = () => tell(events.readyState == EventSource.CLOSED ? "closed" : "broken off");
"#;

/// As docs/carriers.md has it.
const SOCKET: &str = r#"
const carrier = "base64url.bearer." + btoa(token).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const open = () => new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/talk/7`, [carrier, "chat"]);
const socket = open();
socket.onopen = () => { tell(`open ${socket.protocol}`); socket.send("hello"); };
socket.onmessage = event => tell(`message ${event.data}`);
socket.onclose = event => {
    tell(`closed ${event.code} ${event.wasClean}: ${event.reason}`);
    open().onclose = event => tell(`refused ${event.code}`);
};
"#;

const ROUTES: &str = r#"
[[route]]
path = "/page/{*rest}"
public = true
upstream = "api"

[[route]]
path = "/v1/{*rest}"
resource = "devices"
carriers = { query = "access_token" }
upstream = "api"

[[route]]
name = "talk"
path = "/talk/{*rest}"
resource = "devices"
carriers = { websocket = true }
websocket = "recheck"
upstream = "talk"
"#;

/// A gateway with a page, and a browser that has opened it.
struct Stage {
    // First, so that it ends first: it would ask again where nobody is any more.
    browser: Browser,
    gateway: Gateway,
    upstream: Upstream,
    token: Created,
    /// What the page says.
    told: Receiver<String>,
    /// What events the upstream sends; none: it ends the stream.
    events: Sender<Option<&'static str>>,
    _talk: Peer,
}

/// A browser with a profile of its own.
struct Browser {
    process: Running,
    _profile: TempDir,
}

impl Browser {
    fn open(url: &str) -> Self {
        let profile = TempDir::new().expect("a temporary directory");
        let mut command = Command::new("chromium-headless-shell");
        command.env("HOME", profile.path()).arg(format!("--user-data-dir={}", profile.path().display()));
        // Root may not have its sandbox; all that it opens is this test's own.
        command.args(["--no-sandbox", "--disable-gpu", "--no-proxy-server", "--ignore-certificate-errors", url]);
        // Debian's program is a script around the one that matters.
        command.process_group(0);
        Self { process: Running::start(&mut command), _profile: profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["--", &group]).status();
        self.process.ask_to_end();
    }
}

impl Stage {
    fn new(script: &str, tls: bool) -> Self {
        let page = Arc::new(OnceLock::<String>::new());
        let ((events, pieces), (tell, told)) = (channel(), channel());
        let (shown, pieces, tell) = (Arc::clone(&page), Mutex::new(pieces), Mutex::new(tell));
        let upstream = Upstream::scripted(move |request, stream| {
            let path = request.line.split([' ', '?']).nth(1).unwrap_or_default();
            let sent = match path {
                "/page/told" => {
                    let text = String::from_utf8_lossy(&request.body).into_owned();
                    tell.lock().expect("no panic holds it").send(text).ok();
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                }
                "/v1/events" => return stream_events(&pieces.lock().expect("no panic holds it"), stream),
                _ => {
                    let page = shown.get().expect("it is opened after this");
                    let head = format!("Content-Type: text/html\r\nContent-Length: {}", page.len());
                    stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}").as_bytes())
                }
            };
            // A browser may have ended before its last answer.
            if sent.is_ok() { Then::Keep } else { Then::Close }
        });
        let talk = Peer::python("websocket_server.py");
        let routes = format!("[[upstream]]\nname = \"talk\"\nurl = \"http://{}\"\n{ROUTES}", talk.address);
        let mut builder = Builder::new(&upstream.url()).routes(&routes);
        if tls {
            let line = Authority::new().issue(&["127.0.0.1"]).write(builder.directory());
            builder = builder.public(&line);
        }
        let gateway = builder.start();
        let token = gateway.admin.create(json!({"name": "page", "grants": {"devices": "read"}}));
        let script = PAGE.replace("@SCRIPT@", script).replace("@TOKEN@", &token.secret);
        page.set(script).expect("set once");
        let browser = Browser::open(&format!("http{}://{}/page/7", if tls { "s" } else { "" }, gateway.proxy));
        Self { browser, gateway, upstream, token, told, events, _talk: talk }
    }

    #[track_caller]
    fn expect(&self, what: &str) {
        match self.told.recv_timeout(DEADLINE) {
            Ok(told) => assert_eq!(told, what),
            Err(error) => panic!("{error}, and no {what:?}: {}", self.browser.process.err()),
        }
    }

    /// The last time.
    #[track_caller]
    fn asked_for_events(&self) -> Recorded {
        let seen = self.upstream.seen();
        seen.into_iter().rfind(|request| request.line.contains("/v1/")).expect("the page has asked")
    }

    #[track_caller]
    fn send(&self, event: &'static str, what: &str) {
        self.events.send(Some(event)).expect("the upstream serves");
        self.expect(what);
    }
}

fn stream_events(pieces: &Receiver<Option<&'static str>>, stream: &mut TcpStream) -> Then {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok()
        && let Ok(Some(piece)) = pieces.recv()
    {
        sent = stream.write_all(piece.as_bytes());
    }
    Then::Close
}

#[test]
fn slow_a_page_gets_each_event_when_it_is_sent_and_comes_back_with_its_token() {
    for (tls, protocol) in [(false, "page http/1.1"), (true, "page h2")] {
        let stage = Stage::new(EVENTS, tls);
        stage.expect(protocol);
        stage.expect("open");
        let asked = stage.asked_for_events();
        assert_eq!(asked.line, "GET /v1/events?channel=7 HTTP/1.1", "without the token");
        assert_eq!(asked.header("x-keygate-token"), Some(stage.token.id.as_str()));
        stage.send("retry: 10\nid: 1\ndata: one\n\n", "event 1: one");
        stage.send("id: 2\ndata: two\n\n", "event 2: two");
        stage.events.send(Some("id: 3\ndata: th")).expect("the upstream serves");
        stage.send("ree\n\n", "event 3: three");
        // It comes back by itself, and says where it was.
        stage.events.send(None).expect("the upstream serves");
        stage.expect("broken off");
        stage.expect("open");
        assert_eq!(stage.asked_for_events().header("last-event-id"), Some("3"));
        stage.send("id: 4\ndata: four\n\n", "event 4: four");
        // What was let in goes on; what comes back is refused, and then the browser tries no more.
        stage.gateway.admin.change(&stage.token.id, "revoke");
        stage.send("id: 5\ndata: five\n\n", "event 5: five");
        stage.events.send(None).expect("the upstream serves");
        stage.expect("broken off");
        stage.expect("closed");
    }
}

#[test]
fn slow_a_page_talks_over_a_websocket_until_its_token_is_revoked() {
    for (tls, protocol, opened) in [(false, "page http/1.1", 101), (true, "page h2", 200)] {
        let stage = Stage::new(SOCKET, tls);
        stage.expect(protocol);
        stage.expect("open chat");
        stage.expect(&format!("message /talk/7 {}", stage.token.id));
        stage.expect("message hello");
        stage.gateway.admin.change(&stage.token.id, "revoke");
        stage.expect("closed 1008 true: the token is not valid any more");
        stage.expect("refused 1006");
        // Over HTTP/2 it is a stream of the connection that the page came by (RFC 8441).
        let line = format!(
            "keygate_http_requests_total{{listener=\"public\",route=\"talk\",method=\"GET\",code=\"{opened}\"}}"
        );
        eventually("it is counted", || (stage.gateway.admin.metric(&line) == Some(1.0)).then_some(()));
    }
}
