"""httpbin, with what it lacks for large bodies: a byte-counting sink, an endless source, and an echo of the raw request.

Run under gunicorn in this directory:

    gunicorn --worker-class gthread --threads 16 --no-control-socket --bind 127.0.0.1:PORT upload_app:app

One worker process, because /sink/stats counts in memory. Everything that is not listed here is httpbin's.

    POST|PUT /sink           reads the body piecewise; answers {"bytes", "sha256", "transfer_encoding"}
    GET      /sink/stats     {"requests", "bytes"}: what /sink has been sent since the start
    GET      /source?bytes=N streams N bytes of a known pattern; with &chunked=1 without a Content-Length
    *        /echo/…         {"method", "target" (as it stood in the request line), "headers" [[name, value], …]}
"""

import hashlib
import json
import threading
from urllib.parse import parse_qs

from httpbin import app as httpbin

from pattern import PIECE, pattern

_lock = threading.Lock()
_seen = {"requests": 0, "bytes": 0}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/sink":
        return sink(environ, start_response)
    if path == "/sink/stats":
        with _lock:
            return answer(start_response, dict(_seen))
    if path == "/source":
        return source(environ, start_response)
    if path.startswith("/echo/"):
        return echo(environ, start_response)
    return httpbin(environ, start_response)


def sink(environ, start_response):
    body, digest, count = environ["wsgi.input"], hashlib.sha256(), 0
    with _lock:
        _seen["requests"] += 1
    while part := body.read(PIECE):
        digest.update(part)
        count += len(part)
        with _lock:
            _seen["bytes"] += len(part)
    coding = environ.get("HTTP_TRANSFER_ENCODING", "")
    return answer(start_response, {"bytes": count, "sha256": digest.hexdigest(), "transfer_encoding": coding})


def source(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    size = int(query["bytes"][0])
    headers = [("Content-Type", "application/octet-stream")]
    if "chunked" not in query:
        headers.append(("Content-Length", str(size)))
    start_response("200 OK", headers)
    return pattern(size)


def echo(environ, start_response):
    headers = [[key[5:].replace("_", "-").title(), value] for key, value in environ.items() if key.startswith("HTTP_")]
    return answer(
        start_response,
        {"method": environ["REQUEST_METHOD"], "target": environ.get("RAW_URI", ""), "headers": headers},
    )


def answer(start_response, value):
    body = json.dumps(value).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
