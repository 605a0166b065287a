"""Makes the same calls of grpc_server.py directly and through the gateway, and compares what comes of them.

Arguments: the server's address, a CA certificate (PEM) if it speaks TLS or "-", the gateway's address, a
token that may call, one that may not, one that may call twice, and the account of the first."""

import queue
import sys

import grpc

SERVER, CA, GATEWAY, FULL, WEAK, LIMITED, ACCOUNT = sys.argv[1:]
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.enable_retries", 0)]


def direct():
    if CA == "-":
        return grpc.insecure_channel(SERVER, OPTIONS)
    with open(CA, "rb") as ca:
        return grpc.secure_channel(SERVER, grpc.ssl_channel_credentials(ca.read()), OPTIONS)


class Side:
    def __init__(self, channel, token=None):
        self.channel = channel
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def call(self, kind, method, request, metadata=(), timeout=20, service="test.Calls"):
        make = getattr(self.channel, kind)(f"/{service}/{method}")
        return make(request, metadata=[*self.metadata, *metadata], timeout=timeout)

    def outcome(self, kind, method, request, **more):
        """Messages, code, details, and metadata in front and behind, without what each hop adds."""
        messages, call = [], None
        try:
            if kind.endswith("_stream"):
                call = self.call(kind, method, request, **more)
                for message in call:
                    messages.append(message)
            else:
                make = getattr(self.channel, kind)(f"/test.Calls/{method}")
                rest = {"timeout": 20, **more, "metadata": [*self.metadata, *more.get("metadata", ())]}
                message, call = make.with_call(request, **rest)
                messages.append(message)
        except grpc.RpcError as error:
            call = error
        ours = {"x-request-id", "date", "m-account"}
        kept = lambda metadata: sorted((key, value) for key, value in metadata or () if key not in ours)
        details = call.details()
        # The client's own words for a deadline depend on which of two timers of its is first.
        if call.code() == grpc.StatusCode.DEADLINE_EXCEEDED and details.endswith("(Deadline Exceeded)"):
            details = "Deadline Exceeded"
        return messages, call.code(), details, kept(call.initial_metadata()), kept(call.trailing_metadata())


def equal_outcomes(through):
    plain = Side(direct())
    metadata = [("m-first", "a b, c"), ("m-first", "twice"), ("m-bin", bytes(range(256)))]
    big = bytes(range(256)) * (4 * 4096)
    assert len(big) == 4 << 20
    for kind, method, request, more in [
        ("unary_unary", "Unary", b"hello", {"metadata": metadata}),
        ("unary_unary", "Unary", b"", {}),
        ("unary_unary", "Unary", big, {}),
        ("unary_stream", "ManyOut", b"0", {"metadata": metadata}),
        ("unary_stream", "ManyOut", b"1000", {}),
        ("stream_unary", "ManyIn", lambda: iter([b"a", b"", b"c"]), {"metadata": metadata}),
        ("stream_unary", "ManyIn", lambda: iter([]), {}),
        ("stream_unary", "ManyIn", lambda: iter([big, b"x"]), {}),
        ("stream_stream", "Both", lambda: iter([b"1", big, b"3"]), {"metadata": metadata}),
        ("stream_stream", "Both", lambda: iter([]), {}),
        ("unary_unary", "Fail", b"", {"metadata": metadata}),
        ("unary_stream", "FailLate", b"", {}),
        ("unary_unary", "Nothing", b"", {}),
        ("unary_stream", "Cancel", b"", {}),
        ("unary_unary", "Never", b"", {"timeout": 0.3}),
        ("unary_unary", "Remaining", b"20", {}),
    ]:
        sent = lambda: request() if callable(request) else request
        expected, got = plain.outcome(kind, method, sent(), **more), through.outcome(kind, method, sent(), **more)
        assert got == expected, f"{method}: {shorten(got)}\n  directly: {shorten(expected)}"


def shorten(outcome):
    messages, *rest = outcome
    return [message if len(message) < 50 else len(message) for message in messages], *rest


def conversation(through):
    """Each answer is awaited before the next question, so nothing on the way may keep one back."""
    waiting = queue.Queue()
    answers = through.call("stream_stream", "Both", iter(waiting.get, None))
    for number in range(20):
        waiting.put(str(number).encode())
        assert next(answers) == str(number).encode()
    waiting.put(None)
    assert list(answers) == []
    assert answers.code() == grpc.StatusCode.OK
    assert dict(answers.initial_metadata())["m-account"] == ACCOUNT


def cancellation(through):
    """The server hears of it, in a call without an answer yet and in one that has begun."""
    # The two whose deadline passed before, direct and through the gateway.
    for _ in range(2):
        assert through.call("unary_unary", "WasCancelled", b"") == b"yes"
    pending = through.channel.unary_unary("/test.Calls/Never").future(b"", metadata=through.metadata, timeout=20)
    begun = through.call("unary_stream", "NeverOut", b"")
    assert next(begun) == b"begun"
    pending.cancel()
    begun.cancel()
    assert begun.code() == grpc.StatusCode.CANCELLED
    for _ in range(2):
        assert through.call("unary_unary", "WasCancelled", b"") == b"yes"


def refusals(channel):
    for side, method, expected, words in [
        (Side(channel), "Unary", grpc.StatusCode.UNAUTHENTICATED, "Bearer"),
        (Side(channel, "nonsense"), "Unary", grpc.StatusCode.UNAUTHENTICATED, "token"),
        (Side(channel, WEAK), "Unary", grpc.StatusCode.PERMISSION_DENIED, "devices:read"),
    ]:
        messages, code, details, first, last = side.outcome("unary_unary", method, b"")
        assert (messages, code) == ([], expected), (code, details)
        assert words in details, details
        assert code != grpc.StatusCode.UNAUTHENTICATED or "www-authenticate" in dict(last + first), (first, last)
    for kind, request in [("unary_stream", b"1"), ("stream_unary", iter([b"a"])), ("stream_stream", iter([b"a"]))]:
        outcome = Side(channel).outcome(kind, "Both", request)
        assert outcome[1] == grpc.StatusCode.UNAUTHENTICATED, outcome
    try:
        Side(channel, FULL).call("unary_unary", "Unary", b"", service="other.Service")
        raise AssertionError("there is no such service")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    limited = Side(channel, LIMITED)
    codes = [limited.outcome("unary_unary", "Unary", b"")[1] for _ in range(3)]
    assert codes == [grpc.StatusCode.OK, grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED], codes
    too_large = Side(channel, FULL).outcome("unary_unary", "Unary", bytes(12 << 20))
    assert too_large[1] == grpc.StatusCode.RESOURCE_EXHAUSTED, too_large[1:]
    try:
        Side(channel, FULL).call("unary_unary", "Unary", b"", service="dead.Calls")
        raise AssertionError("nobody is there")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    try:
        Side(channel, FULL).call("unary_unary", "Never", b"", service="slow.Calls")
        raise AssertionError("it never answers")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


with grpc.insecure_channel(GATEWAY, OPTIONS) as gateway:
    through = Side(gateway, FULL)
    equal_outcomes(through)
    conversation(through)
    cancellation(through)
    refusals(gateway)
