#!/usr/bin/env python3
"""Drives httpbin (upload_app.py beside this file, under gunicorn) through a gateway with requests and curl.

The gateway is expected to have exactly these routes, HTTP/1.1 and HTTP/2 on one plain-text listener:

    [[upstream]]
    name = "api"
    url = "http://127.0.0.1:PORT"      # gunicorn upload_app:app; the Host header is preserved (the default)

    [[route]]
    path = "/{*rest}"
    resource = "api"
    upstream = "api"
    max_body = "unlimited"

    [[route]]
    path = "/basic-auth/{*rest}"
    public = true
    upstream = "api"

and three tokens of kind `service` with the grants {"api": "read"}, {"api": "write"}, {"api": "full"}.
No other client may use the same upstream at the same time: what /sink was sent is counted.

Each check prints `ok NAME` or `FAIL NAME: what was expected, what came`; the last line counts them.
Exit code 0: all passed; 1: one failed; 2: --direct or --only was given, or the arguments are wrong.
"""

import hashlib
import json
import tempfile

import requests

from pattern import pattern
from report import PATIENCE, FlatMemory, Report, arguments, arrivals, connection, curl, expect, main, require

MIB = 1 << 20
IDENTITY = ("Account", "Token", "Subject", "Kind", "Access", "Filter")

options = arguments(__doc__)
report = Report(options)
read, write, full = options.token_read, options.token_write, options.token_full


def session(token):
    client = requests.Session()
    client.trust_env = False  # Neither a proxy nor a .netrc of the machine comes between.
    if token:
        client.headers["Authorization"] = f"Bearer {token}"
    return client


def call(method, path, token, **more):
    with session(token) as client:
        return client.request(method, options.base + path, timeout=PATIENCE, **more)


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


def sink_stats():
    return call("GET", "/sink/stats", read).json()


def digest(size):
    """The SHA-256 of `size` bytes of the pattern."""
    whole = hashlib.sha256()
    for part in pattern(size):
        whole.update(part)
    return whole.hexdigest()


# --- Who may do what -------------------------------------------------------------------------------------------------


@report.check(gateway_only=True)
def no_credential_is_refused():
    answer = call("GET", "/get", "")
    expect("status", 401, answer.status_code)
    challenge = answer.headers.get("WWW-Authenticate", "")
    require("a bare Bearer challenge", challenge.startswith("Bearer realm=") and "error" not in challenge, challenge)
    expect("content type", "application/problem+json", answer.headers.get("Content-Type"))


@report.check(gateway_only=True)
def made_up_credential_is_refused():
    answer = call("GET", "/get", "kg_svc_" + "0" * 36)
    expect("status", 401, answer.status_code)
    challenge = answer.headers.get("WWW-Authenticate", "")
    require("error=invalid_token in the challenge", 'error="invalid_token"' in challenge, challenge)


@report.check()
def read_token_gets():
    answer = call("GET", "/get", read, params={"a": "1", "b": "ü"})
    expect("status", 200, answer.status_code)
    expect("query as httpbin saw it", {"a": "1", "b": "ü"}, answer.json()["args"])


@report.check(gateway_only=True)
def read_token_may_not_write():
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = call(method, f"/{method.lower()}", read)
        expect(f"status of {method}", 403, answer.status_code)
        challenge = answer.headers.get("WWW-Authenticate", "")
        require(f"error=insufficient_scope for {method}", 'error="insufficient_scope"' in challenge, challenge)


@report.check()
def write_token_posts():
    answer = call("POST", "/post", write, json={"name": "pump 7"})
    expect("status", 200, answer.status_code)
    expect("JSON as httpbin saw it", {"name": "pump 7"}, answer.json()["json"])


@report.check()
def write_token_sends_forms_and_files():
    answer = call("POST", "/post", write, data={"a": "1"}, files={"f": ("f.txt", b"content\n")})
    expect("status", 200, answer.status_code)
    expect("form as httpbin saw it", ({"a": "1"}, {"f": "content\n"}), (answer.json()["form"], answer.json()["files"]))


@report.check(gateway_only=True)
def write_token_neither_reads_nor_deletes():
    expect("status of GET", 403, call("GET", "/get", write).status_code)
    expect("status of DELETE", 403, call("DELETE", "/delete", write).status_code)


@report.check()
def full_token_does_everything():
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        expect(f"status of {method}", 200, call(method, f"/{method.lower()}", full).status_code)


@report.check(gateway_only=True)
def two_credentials_are_refused():
    answer = curl(options, "/get", "--header", f"Authorization: Bearer {full}", token=read)
    expect("status", 400, answer.status)


# --- What reaches the upstream ---------------------------------------------------------------------------------------


@report.check(gateway_only=True)
def credential_is_gone_and_identity_is_set():
    answer = call("GET", "/headers?show_env=1", read)
    expect("status", 200, answer.status_code)
    headers = {name.lower(): value for name, value in answer.json()["headers"].items()}
    require("no Authorization at the upstream", "authorization" not in headers, sorted(headers))
    require("no trace of the token at the upstream", read not in answer.text, "the token's text")
    for name in IDENTITY:
        require(f"X-Keygate-{name} at the upstream", f"x-keygate-{name.lower()}" in headers, sorted(headers))
    require("an account's id", headers["x-keygate-account"].startswith("acc_"), headers["x-keygate-account"])
    require("a token's id", headers["x-keygate-token"].startswith("tok_"), headers["x-keygate-token"])
    expect("kind", "service", headers["x-keygate-kind"])
    for name in ("x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"):
        require(f"{name} at the upstream", headers.get(name), sorted(headers))
    expect("X-Forwarded-For", "127.0.0.1", headers["x-forwarded-for"])
    expect("X-Forwarded-Proto", "http", headers["x-forwarded-proto"])


@report.check(gateway_only=True)
def forged_identity_is_replaced():
    forged = {f"X-Keygate-{name}": "forged" for name in IDENTITY} | {"x-kEYGATE-aCCOUNT": "forged"}
    forged |= {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    answer = call("GET", "/headers?show_env=1", read, headers=forged)
    expect("status", 200, answer.status_code)
    require("nothing forged at the upstream", "forged" not in answer.text, answer.text)
    require("no forged address at the upstream", "203.0.113.9" not in answer.text, answer.text)


@report.check(gateway_only=True)
def forged_identity_is_replaced_on_a_public_route():
    answer = curl(options, "/basic-auth/user/pass", "--user", "user:pass", "--header", "X-Keygate-Account: forged")
    expect("status", 200, answer.status)
    require("nothing forged in the answer", b"forged" not in answer.body, answer.body)


@report.check(gateway_only=True)
def connection_header_removes_no_identity():
    answer = curl(options, "/echo/x", "--header", "Connection: close, X-Keygate-Account", token=read)
    if answer.status == 400:
        return  # Refused outright is as good.
    expect("status", 200, answer.status)
    names = [name for name, _ in json.loads(answer.body)["headers"]]
    require("X-Keygate-Account at the upstream", "X-Keygate-Account" in names, names)


@report.check()
def target_is_forwarded_byte_for_byte():
    target = "/echo/a%20b/%C3%BC/c;d=1?x=1&y=%2F&x=%25&z=a+b"
    answer = curl(options, target, "--path-as-is", token=read)
    if answer.status == 400:  # Path parameters may be refused; everything else may not.
        target = target.replace(";d=1", "")
        answer = curl(options, target, "--path-as-is", token=read)
    expect("status", 200, answer.status)
    expect("request target at the upstream", target, json.loads(answer.body)["target"])


@report.check()
def hop_by_hop_headers_end_here():
    sent = ("--header", "Connection: keep-alive, X-Hop", "--header", "X-Hop: 1", "--header", "X-End: 2")
    answer = curl(options, "/echo/x", *sent, token=read)
    expect("status", 200, answer.status)
    headers = dict(json.loads(answer.body)["headers"])
    expect("X-End at the upstream", "2", headers.get("X-End"))
    if not options.direct:
        expect("X-Hop at the upstream", None, headers.get("X-Hop"))


@report.check()
def host_is_preserved():
    answer = curl(options, "/echo/x", "--header", "Host: api.example.test:8443", token=read)
    expect("status", 200, answer.status)
    expect("Host at the upstream", "api.example.test:8443", dict(json.loads(answer.body)["headers"]).get("Host"))


# --- What comes back -------------------------------------------------------------------------------------------------


@report.check()
def relative_redirects_are_followed():
    answer = call("GET", "/redirect/3", read)
    expect("status", 200, answer.status_code)
    expect("redirects", [302, 302, 302], [step.status_code for step in answer.history])


@report.check()
def absolute_redirects_lead_back_through_the_gateway():
    answer = call("GET", "/absolute-redirect/3", read)
    expect("status", 200, answer.status_code)
    places = [step.headers["Location"] for step in answer.history]
    expect("redirects", 3, len(places))
    require(f"each Location under {options.base}", all(place.startswith(options.base + "/") for place in places), places)


@report.check()
def encoded_bodies_arrive_as_they_are():
    for path, coding, start, word in (
        ("/gzip", "gzip", b"\x1f\x8b", "gzipped"),
        ("/deflate", "deflate", b"\x78", "deflated"),
        ("/brotli", "br", b"", "brotli"),
    ):
        raw = curl(options, path, "--header", f"Accept-Encoding: {coding}", token=read)
        expect(f"Content-Encoding of {path}", coding, raw.value("content-encoding"))
        expect(f"Content-Length of {path}", str(len(raw.body)), raw.value("content-length"))
        require(f"{path} is not decoded on the way", raw.body.startswith(start) and raw.body[:1] != b"{", raw.body[:8])
        decoded = call("GET", path, read, headers={"Accept-Encoding": "gzip, deflate, br"}).json()
        expect(f"what httpbin says of {path}", True, decoded.get(word))


@report.check()
def head_has_a_length_and_no_body():
    line = connection(options)
    line.request("HEAD", "/get", headers=bearer(read))
    answer = line.getresponse()
    expect("status", 200, answer.status)
    expect("body", b"", answer.read())
    require("a Content-Length", int(answer.getheader("Content-Length") or 0) > 0, answer.getheader("Content-Length"))
    line.request("GET", "/get", headers=bearer(read))
    after = line.getresponse()
    expect("status of a GET on the same connection", 200, after.status)
    require("its body is JSON", "url" in json.loads(after.read()), "no url in it")


@report.check()
def no_content_has_no_body():
    line = connection(options)
    for _ in range(2):  # Twice: a stray body would be read as the second response's head.
        line.request("GET", "/status/204", headers=bearer(read))
        answer = line.getresponse()
        expect("status", 204, answer.status)
        expect("body", b"", answer.read())
        expect("Transfer-Encoding", None, answer.getheader("Transfer-Encoding"))


@report.check()
def not_modified_has_no_body():
    line = connection(options)
    asked = ({"If-None-Match": '"v1"'}, 304), ({"If-None-Match": '"v0"'}, 200), ({"If-None-Match": 'W/"v1"'}, 304)
    for condition, status in asked:
        line.request("GET", "/etag/v1", headers=bearer(read) | condition)
        answer = line.getresponse()
        body = answer.read()
        expect(f"status with {condition}", status, answer.status)
        require(f"ETag with {condition}", "v1" in (answer.getheader("ETag") or ""), answer.getheader("ETag"))
        expect(f"a body with {condition}", status == 200, len(body) > 0)


@report.check()
def statuses_of_the_upstream_pass():
    for status in (201, 202, 400, 401, 404, 409, 418, 429, 500, 503):
        answer = call("GET", f"/status/{status}", read)
        expect("status", status, answer.status_code)
        kind = answer.headers.get("Content-Type", "")
        require(f"the upstream's own {status}", "problem+json" not in kind, kind)


@report.check()
def cookies_come_and_go():
    with session(read) as client:
        answer = client.get(options.base + "/cookies/set?one=1&two=2", timeout=PATIENCE)
        expect("status", 200, answer.status_code)
        expect("cookies as httpbin saw them", {"one": "1", "two": "2"}, answer.json()["cookies"])
    raw = curl(options, "/cookies/set?one=1&two=2", token=read)
    expect("Set-Cookie lines", 2, len(raw.values("set-cookie")))


@report.check()
def basic_auth_passes_on_a_public_route():
    answer = call("GET", "/basic-auth/user/pass", "", auth=("user", "pass"))
    expect("status", 200, answer.status_code)
    expect("user as httpbin saw it", "user", answer.json().get("user"))
    wrong = call("GET", "/basic-auth/user/pass", "", auth=("user", "wrong"))
    expect("status with a wrong password", 401, wrong.status_code)
    challenge = wrong.headers.get("WWW-Authenticate", "")
    require("the upstream's own challenge", challenge.startswith("Basic"), challenge)
    expect("status without a credential", 401, call("GET", "/basic-auth/user/pass", "").status_code)


@report.check()
def slow_body_arrives_unbuffered():
    line = connection(options)
    line.request("GET", "/drip?numbytes=10&duration=2&delay=0", headers=bearer(read))
    answer = line.getresponse()
    expect("status", 200, answer.status)
    times, body = arrivals(answer)
    expect("body", b"*" * 10, body)
    # Two bytes that arrive together were held back for 200 ms, as by a socket without TCP_NODELAY.
    require("at least 8 separate arrivals", len(times) >= 8, times)
    require("the first within 0.5 s", times[0] < 0.5, times)
    require("the last at least 1.2 s after the first", times[-1] - times[0] >= 1.2, times)


@report.check()
def streamed_lines_arrive_whole():
    with session(read) as client, client.get(options.base + "/stream/20", stream=True, timeout=PATIENCE) as answer:
        expect("status", 200, answer.status_code)
        numbers = [json.loads(line)["id"] for line in answer.iter_lines()]
    expect("lines", list(range(20)), numbers)


# --- Large bodies ----------------------------------------------------------------------------------------------------


@report.check()
def chunked_upload_of_64_mib():
    with FlatMemory(options):
        answer = call("POST", "/sink", write, data=pattern(64 * MIB))
    expect("status", 200, answer.status_code)
    came = answer.json()
    expect("bytes", 64 * MIB, came["bytes"])
    expect("sha256", digest(64 * MIB), came["sha256"])
    expect("transfer encoding at the upstream", "chunked", came["transfer_encoding"].lower())


@report.check()
def upload_of_64_mib_with_a_length():
    with tempfile.TemporaryFile() as file, FlatMemory(options):
        file.writelines(pattern(64 * MIB))
        file.seek(0)
        answer = call("PUT", "/sink", write, data=file)
    expect("status", 200, answer.status_code)
    came = answer.json()
    expect("bytes", 64 * MIB, came["bytes"])
    expect("sha256", digest(64 * MIB), came["sha256"])
    expect("transfer encoding at the upstream", "", came["transfer_encoding"])


def download(size, more=""):
    with session(read) as client, FlatMemory(options):
        with client.get(f"{options.base}/source?bytes={size}{more}", stream=True, timeout=PATIENCE) as answer:
            expect("status", 200, answer.status_code)
            count, expected, held = 0, pattern(size), b""
            for part in answer.iter_content(MIB):
                held += part
                while len(held) >= MIB or (held and count + len(held) == size):
                    piece = next(expected)
                    require(f"the pattern at byte {count}", held[: len(piece)] == piece, held[:16])
                    held, count = held[len(piece) :], count + len(piece)
            expect("bytes", size, count + len(held))
            return answer.headers


@report.check()
def download_of_1_gib():
    headers = download(1024 * MIB)
    expect("Content-Length", str(1024 * MIB), headers.get("Content-Length"))


@report.check()
def chunked_download_of_16_mib_and_a_rest():
    headers = download(16 * MIB + 12345, "&chunked=1")
    expect("Transfer-Encoding", "chunked", headers.get("Transfer-Encoding"))


# --- Expect: 100-continue --------------------------------------------------------------------------------------------


def upload(token, *more):
    """An upload of 8 MiB by curl."""
    with tempfile.NamedTemporaryFile() as file:
        file.writelines(pattern(8 * MIB))
        file.flush()
        return curl(options, "/sink", *more, "--data-binary", f"@{file.name}", token=token)


EXPECTING = ("--header", "Expect: 100-continue")


def expecting_upload(token, *more):
    """The same by a curl that waits for the 100 for as long as it takes."""
    return upload(token, *EXPECTING, "--expect100-timeout", str(PATIENCE), *more)


@report.check()
def allowed_upload_is_told_to_continue():
    answer = expecting_upload(write)
    expect("informational responses", [100], answer.interim)
    expect("status", 200, answer.status)
    expect("bytes", 8 * MIB, json.loads(answer.body)["bytes"])


@report.check(gateway_only=True)
def denied_upload_sends_no_body():
    before = sink_stats()
    for who, token, status in (("a read token", read, 403), ("no token", "", 401)):
        answer = expecting_upload(token)
        expect(f"status with {who}", status, answer.status)
        expect(f"informational responses with {who}", [], answer.interim)
        expect(f"bytes uploaded with {who}", 0, answer.uploaded)
    expect("what the upstream was sent", before, sink_stats())


# --- HTTP/2 ----------------------------------------------------------------------------------------------------------

H2 = "--http2-prior-knowledge"


@report.check(gateway_only=True)
def http2_get():
    answer = curl(options, "/get?a=1", H2, token=read)
    expect("status and version", (200, "2"), (answer.status, answer.version))
    expect("query as httpbin saw it", {"a": "1"}, json.loads(answer.body)["args"])
    expect("Connection", None, answer.value("connection"))
    expect("Transfer-Encoding", None, answer.value("transfer-encoding"))


@report.check(gateway_only=True)
def http2_upload():
    answer = upload(write, H2)
    expect("status and version", (200, "2"), (answer.status, answer.version))
    expect("bytes", 8 * MIB, json.loads(answer.body)["bytes"])


@report.check(gateway_only=True)
def http2_upload_of_a_client_that_expects():
    # hyper sends no 100 on HTTP/2 (https://github.com/hyperium/hyper/issues/2743). RFC 9110 section 10.1.1 has clients
    # go on without one after a while: curl after a second.
    answer = upload(write, H2, *EXPECTING)
    expect("status and version", (200, "2"), (answer.status, answer.version))
    expect("bytes", 8 * MIB, json.loads(answer.body)["bytes"])


@report.check(gateway_only=True)
def http2_download():
    answer = curl(options, f"/source?bytes={16 * MIB}", H2, token=read)
    expect("status and version", (200, "2"), (answer.status, answer.version))
    require("the pattern", answer.body == b"".join(pattern(16 * MIB)), f"{len(answer.body)} bytes")


@report.check(gateway_only=True)
def http2_is_refused_alike():
    # Without a body: curl 7.88 shows no answer that comes before the end of its upload on HTTP/2, whoever sends it (nginx
    # sends the same frames).
    expect("status with a read token", 403, curl(options, "/delete", H2, "--request", "DELETE", token=read).status)
    expect("status without a token", 401, curl(options, "/get", H2).status)


@report.check(gateway_only=True)
def http2_host_is_the_authority():
    answer = curl(options, "/echo/x", H2, token=read)
    headers = dict(json.loads(answer.body)["headers"])
    expect("Host at the upstream", options.base.removeprefix("http://"), headers.get("Host"))


main(report)
