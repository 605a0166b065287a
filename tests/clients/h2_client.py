"""Sends HTTP/2 requests that no proper client sends, and says what became of each.

    python h2_client.py HOST PORT < cases

Each line of standard input is a case: {"head": [[name, value], …], "data": [text, …], "trailers": [[name, value],
…], "marker": [[name, value], …]}, with bytes as characters of Latin-1. It is sent over a connection of its own with
nothing checked; then the marker, a proper request, over the same connection. Each line of standard output is what
was heard: {"status": …, "end": "answer" | "reset" | "closed", "marker": the marker's status or null}.
"""

import functools
import json
import socket
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

CONFIG = h2.config.H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
)
PATIENCE = 10


def pairs(lines):
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines]


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(config=CONFIG)
        self.h2.initiate_connection()
        # Its Huffman coder takes minutes for what is as long as some cases are.
        self.h2.encoder.encode = functools.partial(self.h2.encoder.encode, huffman=False)
        self.closed = False
        self.status = {}
        self.ended = {}
        self.flush()

    def flush(self):
        try:
            self.socket.sendall(self.h2.data_to_send())
        except OSError:
            # What was said before may be there to be read.
            pass

    def send(self, stream, case):
        data, trailers = case.get("data") or [], case.get("trailers") or []
        self.h2.send_headers(stream, pairs(case["head"]), end_stream=not data and not trailers)
        for at, piece in enumerate(data):
            last = at + 1 == len(data) and not trailers
            self.h2.send_data(stream, piece.encode("latin-1"), end_stream=last)
        if trailers:
            self.h2.send_headers(stream, pairs(trailers), end_stream=True)
        self.flush()

    def hear(self, stream):
        """Until the stream has ended, or the connection."""
        while stream not in self.ended and not self.closed:
            try:
                received = self.socket.recv(65536)
                events = self.h2.receive_data(received) if received else []
            except (OSError, h2.exceptions.ProtocolError):
                received, events = b"", []
            for event in events:
                self.note(event)
            self.flush()
            if not received:
                self.closed = True

    def note(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.status[event.stream_id] = int(dict(event.headers)[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended[event.stream_id] = "answer"
        elif isinstance(event, h2.events.StreamReset):
            self.ended.setdefault(event.stream_id, "reset")
        elif isinstance(event, h2.events.ConnectionTerminated):
            # Only with an error: what is under way is finished otherwise.
            self.closed = self.closed or event.error_code != h2.errors.ErrorCodes.NO_ERROR


def run(address, case):
    connection = Connection(address)
    connection.send(1, case)
    connection.hear(1)
    heard = {"status": connection.status.get(1), "end": connection.ended.get(1, "closed"), "marker": None}
    if not connection.closed:
        try:
            connection.send(3, {"head": case["marker"]})
            connection.hear(3)
            heard["marker"] = connection.status.get(3)
        except h2.exceptions.ProtocolError:
            pass
    connection.socket.close()
    return heard


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(run(address, json.loads(line))), flush=True)


main()
