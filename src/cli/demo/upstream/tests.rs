//! The devices API over a socket.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::*;

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

fn call(upstream: &Upstream, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(upstream.address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head[9..12].parse().unwrap();
    Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}

#[test]
fn a_device_lives_its_life() {
    let upstream = Upstream::start().unwrap();
    let all = call(&upstream, "GET", "/v1/devices", "");
    assert_eq!((all.status, all.body["total"].as_u64()), (200, Some(4)));

    let made = call(&upstream, "POST", "/v1/devices", r#"{"name": "Attic light", "id": "9"}"#);
    assert_eq!((made.status, made.body["id"].as_str()), (201, Some("5")));
    assert!(made.head.contains("location: /v1/devices/5"), "{}", made.head);

    let replaced = call(&upstream, "PUT", "/v1/devices/5", r#"{"name": "Attic lamp", "online": false}"#);
    assert_eq!((replaced.status, &replaced.body["online"]), (200, &Value::Bool(false)));
    let merged = call(&upstream, "PATCH", "/v1/devices/5", r#"{"online": null, "kind": "light"}"#);
    assert_eq!(merged.body, json!({"id": "5", "name": "Attic lamp", "kind": "light"}));
    assert_eq!(call(&upstream, "GET", "/v1/devices/5", "").body, merged.body);

    assert_eq!(call(&upstream, "DELETE", "/v1/devices/5", "").status, 204);
    assert_eq!(call(&upstream, "GET", "/v1/devices/5", "").status, 404);
}

#[test]
fn lists_are_cut_and_searches_find() {
    let upstream = Upstream::start().unwrap();
    let two = call(&upstream, "GET", "/v1/devices?limit=2", "");
    assert_eq!((two.body["items"].as_array().map(Vec::len), two.body["total"].as_u64()), (Some(2), Some(4)));
    let found = call(&upstream, "POST", "/v1/devices/search", r#"{"query": "CAMERA"}"#);
    assert_eq!((found.status, found.body["items"][0]["name"].as_str()), (200, Some("Garden camera")));
    assert_eq!(found.body["total"], 1);
}

#[test]
fn mistakes_are_answered_in_json() {
    let upstream = Upstream::start().unwrap();
    for (method, path, body, status) in [
        ("POST", "/v1/devices", "{", 400),
        ("POST", "/v1/devices", "[]", 400),
        ("POST", "/v1/devices", "{}", 400),
        ("PATCH", "/v1/devices/1", r#"{"name": null}"#, 400),
        ("POST", "/v1/devices/search", r#"{"query": 1}"#, 400),
        ("GET", "/v1/devices?limit=x", "", 400),
        ("GET", "/v1/devices/99", "", 404),
        ("GET", "/v1/devices/x", "", 404),
        ("DELETE", "/v1/devices/99", "", 404),
        ("GET", "/elsewhere", "", 404),
        ("PUT", "/v1/devices", "", 405),
    ] {
        let answer = call(&upstream, method, path, body);
        assert_eq!(answer.status, status, "{method} {path} {body}");
        assert!(answer.body["error"].is_string(), "{method} {path}: {:?}", answer.body);
    }
    assert_eq!(
        call(&upstream, "GET", "/v1/devices/1", "").body["name"],
        "Hall thermostat",
        "a refused change changes nothing"
    );
}

#[test]
fn it_stops_when_dropped() {
    let upstream = Upstream::start().unwrap();
    let address = upstream.address;
    drop(upstream);
    assert!(TcpStream::connect(address).is_err());
}
