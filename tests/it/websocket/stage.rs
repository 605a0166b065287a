//! A gateway whose upstream takes WebSockets, and both ends of one in a test's hands.

use serde_json::json;

use crate::support::{Builder, Created, Gateway, Origin, Wire};

/// The example of RFC 6455 section 1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// `live` re-checks, `last` lasts, `plain` takes none, `open` needs no token.
pub const ROUTES: &str = r#"
[[route]]
name = "live"
path = "/live/{*rest}"
resource = "devices"
upstream = "api"
websocket = "recheck"

[[route]]
name = "last"
path = "/last/{*rest}"
resource = "devices"
upstream = "api"
websocket = "last"

[[route]]
name = "plain"
path = "/plain/{*rest}"
resource = "devices"
upstream = "api"

[[route]]
name = "open"
path = "/open/{*rest}"
public = true
upstream = "api"
websocket = "recheck"
"#;

pub struct Stage {
    pub gateway: Gateway,
    pub origin: Origin,
    pub token: Created,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let origin = Origin::start();
        let gateway = change(Builder::new(&origin.url()).routes(ROUTES)).start();
        let token = gateway.admin.create(json!({"name": "talks", "grants": {"devices": "read"}}));
        Self { gateway, origin, token }
    }

    /// A client that has asked for a WebSocket there.
    pub fn ask(&self, path: &str) -> Wire {
        self.ask_with(path, &self.token.secret)
    }

    pub fn ask_with(&self, path: &str, token: &str) -> Wire {
        let mut client = Wire::connect(self.gateway.proxy);
        client.send(asking(path, &format!("Authorization: Bearer {token}\r\n")));
        client
    }

    /// Both ends of an open one.
    #[track_caller]
    pub fn open(&self, path: &str) -> (Wire, Wire) {
        let mut client = self.ask(path);
        let mut upstream = self.origin.accept();
        upstream.read_request();
        upstream.send(format!("{SWITCH}\r\n"));
        let head = client.read_head();
        assert_eq!(head.status, 101, "{head:?}");
        (client, upstream)
    }
}

pub fn asking(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// A frame as a server sends it.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![0x80 | opcode];
    match length {
        0..126 => frame.push(length as u8),
        126..65_536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A frame as a client sends it, with a mask of zeros.
pub fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame(opcode, payload);
    frame[1] |= 0x80;
    let at = frame.len() - payload.len();
    frame.splice(at..at, [0; 4]);
    frame
}

/// The code of the close frame that comes next, and that the connection ends behind it.
#[track_caller]
pub fn closed_with(client: &mut Wire) -> u16 {
    let head = client.read_exactly(2);
    assert_eq!(head[0], 0x88, "a close frame, at the beginning of a frame");
    let payload = client.read_exactly(usize::from(head[1] & 0x7f));
    assert!(client.read_rest().is_empty(), "nothing behind the close frame");
    u16::from_be_bytes([payload[0], payload[1]])
}
