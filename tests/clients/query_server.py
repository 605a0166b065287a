"""A Python server that answers with what it reads in a query, in the ways of urllib.parse, and with its headers.

    python query_server.py     prints "Listening at: http://127.0.0.1:PORT"

"exact" are readings of this query; "careless" are those of programs that decode first or once too often, or that take
`;` for a separator as well.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, unquote, unquote_plus, urlsplit


def pairs(parsed):
    return [[name, value] for name, values in parsed.items() for value in values]


def read(target):
    query = urlsplit(target).query

    def fields(text, **options):
        return parse_qsl(text, keep_blank_values=True, **options)

    return {
        "exact": {
            "parse_qsl": fields(query),
            "parse_qs": pairs(parse_qs(query, keep_blank_values=True)),
        },
        "careless": {
            "decoded first": fields(unquote_plus(query)),
            "decoded first, plus kept": fields(unquote(query)),
            "decoded twice": [[unquote_plus(name), unquote_plus(value)] for name, value in fields(query)],
            "cut at semicolons": fields(query.replace(";", "&")),
            "of one byte a character": fields(query, encoding="latin-1"),
        },
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: in two, the second waits for the other side's acknowledgement.
    wbufsize = -1

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({**read(self.path), "headers": self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"Listening at: http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
