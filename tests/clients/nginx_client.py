#!/usr/bin/env python3
"""Drives nginx (nginx.conf.in beside this file) through a gateway with requests and curl.

First `nginx_client.py --make-site DIR` writes what nginx serves (DIR/www, DIR/tmp); start nginx, then the gateway.
The gateway is expected to have exactly this route, HTTP/1.1 and HTTP/2 on one plain-text listener:

    [[upstream]]
    name = "api"
    url = "http://127.0.0.1:PORT"      # nginx; the Host header is preserved (the default)

    [[route]]
    path = "/{*rest}"
    resource = "api"
    upstream = "api"
    max_body = "unlimited"

and three tokens of kind `service` with the grants {"api": "read"}, {"api": "write"}, {"api": "full"}.

Each check prints `ok NAME` or `FAIL NAME: what was expected, what came`; the last line counts them.
Exit code 0: all passed; 1: one failed; 2: --direct or --only was given, or the arguments are wrong.
"""

import os
import sys

import requests

from pattern import pattern
from report import PATIENCE, FlatMemory, Report, arguments, connection, curl, expect, main, require

MIB = 1 << 20
TEXT = "".join(f"line {number} of a text that nginx may compress\n" for number in range(1000))


def make_site(directory):
    www = os.path.join(directory, "www")
    for folder in ("folder", "store"):
        os.makedirs(os.path.join(www, folder), exist_ok=True)
    os.makedirs(os.path.join(directory, "tmp"), exist_ok=True)
    for name, content in (("text.txt", TEXT), ("folder/index.html", "<p>folder</p>\n"), ("empty.txt", "")):
        with open(os.path.join(www, name), "w", encoding="ascii") as file:
            file.write(content)
    with open(os.path.join(www, "large.bin"), "wb") as file:
        file.writelines(pattern(64 * MIB))
    for folder, folders, files in os.walk(directory):  # nginx's worker is another user when root starts it.
        os.chmod(folder, 0o777)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o666)


if "--make-site" in sys.argv[1:]:
    if len(sys.argv) != 3:
        sys.exit("usage: nginx_client.py --make-site DIR")
    make_site(sys.argv[2])
    sys.exit(0)

options = arguments(__doc__)
report = Report(options)
read, write, full = options.token_read, options.token_write, options.token_full


def call(method, path, token, **more):
    with requests.Session() as client:
        client.trust_env = False
        if token:
            client.headers["Authorization"] = f"Bearer {token}"
        return client.request(method, options.base + path, timeout=PATIENCE, **more)


@report.check()
def file_arrives_whole():
    answer = call("GET", "/text.txt", read, headers={"Accept-Encoding": "identity"})
    expect("status", 200, answer.status_code)
    expect("body", TEXT, answer.text)


@report.check()
def compressed_by_the_upstream():
    raw = curl(options, "/text.txt", "--header", "Accept-Encoding: gzip", token=read)
    expect("Content-Encoding", "gzip", raw.value("content-encoding"))
    require("fewer bytes than the text has", 2 < len(raw.body) < len(TEXT) // 2, len(raw.body))
    expect("decoded", TEXT, call("GET", "/text.txt", read).text)


@report.check()
def ranges_are_served():
    answer = call("GET", "/large.bin", read, headers={"Range": f"bytes={5 * MIB}-{5 * MIB + 7}"})
    expect("status", 206, answer.status_code)
    expect("Content-Range", f"bytes {5 * MIB}-{5 * MIB + 7}/{64 * MIB}", answer.headers.get("Content-Range"))
    expect("body", (5).to_bytes(8, "big"), answer.content)
    beyond = call("GET", "/large.bin", read, headers={"Range": "bytes=99999999-"})
    expect("status of a range beyond the end", 416, beyond.status_code)


@report.check()
def conditional_requests_are_answered():
    first = call("GET", "/text.txt", read, headers={"Accept-Encoding": "identity"})
    line = connection(options)
    for name, value in (("If-None-Match", first.headers["ETag"]), ("If-Modified-Since", first.headers["Last-Modified"])):
        line.request("GET", "/text.txt", headers={name: value} | ({"Authorization": f"Bearer {read}"} if read else {}))
        answer = line.getresponse()
        expect(f"status with {name}", 304, answer.status)
        expect("body", b"", answer.read())


@report.check()
def head_of_a_large_file():
    answer = call("HEAD", "/large.bin", read)
    expect("status", 200, answer.status_code)
    expect("Content-Length", str(64 * MIB), answer.headers.get("Content-Length"))


@report.check()
def empty_file_has_length_zero():
    answer = curl(options, "/empty.txt", token=read)
    expect("status, length and body", (200, "0", b""), (answer.status, answer.value("content-length"), answer.body))


@report.check()
def folder_redirects_through_the_gateway():
    answer = call("GET", "/folder", read)
    expect("status", 200, answer.status_code)
    place = answer.history[0].headers["Location"] if answer.history else None
    # nginx writes its own port where the Host header's differs from it: only the path is the gateway's affair.
    require("a redirect to /folder/", (place or "").endswith("/folder/"), place)


@report.check()
def large_file_leaves_memory_flat():
    with FlatMemory(options):
        answer = call("GET", "/large.bin", read)
    expect("status", 200, answer.status_code)
    require("the pattern", answer.content == b"".join(pattern(64 * MIB)), f"{len(answer.content)} bytes")


@report.check()
def put_get_delete():
    place = "/store/a/b.bin"
    expect("status of PUT", 201, call("PUT", place, write, data=pattern(3 * MIB + 1)).status_code)
    expect("body of GET", b"".join(pattern(3 * MIB + 1)), call("GET", place, read).content)
    if not options.direct:
        expect("status of DELETE with a write token", 403, call("DELETE", place, write).status_code)
        expect("status of GET afterwards", 200, call("GET", place, read).status_code)
    expect("status of DELETE with a full token", 204, call("DELETE", place, full).status_code)
    expect("status of GET afterwards", 404, call("GET", place, read).status_code)


@report.check()
def errors_of_the_upstream_pass():
    for path, status in (("/gone", 410), ("/missing.txt", 404)):
        answer = call("GET", path, read)
        expect(f"status of {path}", status, answer.status_code)
        require(f"nginx's own page for {path}", "nginx" in answer.text, answer.text)


@report.check(gateway_only=True)
def closed_connection_is_a_bad_gateway():
    answer = call("GET", "/reset", read)
    expect("status", 502, answer.status_code)
    expect("content type", "application/problem+json", answer.headers.get("Content-Type"))


@report.check(gateway_only=True)
def forged_identity_with_underscores_is_replaced():
    forged = ("X-Keygate-Account", "X_Keygate_Account", "x_keygate-account", "X-KEYGATE_ACCOUNT")
    for name in forged:
        answer = curl(options, "/seen", "--header", f"{name}: forged", token=read)
        if answer.status == 400:
            continue  # Refused outright is as good.
        expect(f"status with {name}", 200, answer.status)
        lines = dict(line.split("=", 1) for line in answer.body.decode().splitlines())
        require(f"an account's id with {name}", lines["account"].startswith("acc_"), lines["account"])
        require(f"nothing forged with {name}", "forged" not in lines["account"], lines["account"])
        expect("authorization at the upstream", "", lines["authorization"])


@report.check()
def many_requests_on_one_connection():
    line = connection(options)
    headers = {"Authorization": f"Bearer {read}"} if read else {}
    for number in range(500):
        line.request("GET", f"/seen?number={number}", headers=headers)
        answer = line.getresponse()
        body = answer.read().decode()
        expect("status", 200, answer.status)
        require(f"answer {number} in its turn", f"uri=/seen?number={number}\n" in body, body)


@report.check(gateway_only=True)
def http2_ranges_and_head():
    h2 = "--http2-prior-knowledge"
    part = curl(options, "/large.bin", h2, "--range", "0-7", token=read)
    expect("status, version and body", (206, "2", bytes(8)), (part.status, part.version, part.body))
    head = curl(options, "/large.bin", h2, "--head", token=read)
    expect("status and length", (200, str(64 * MIB)), (head.status, head.value("content-length")))


main(report)
