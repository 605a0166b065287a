"""A gRPC server with all four kinds of call, whose messages are bytes.

Arguments: none, or a private key and a certificate chain (PEM) for TLS."""

import sys
import threading
import time
from concurrent import futures

import grpc

cancelled = threading.Semaphore(0)


def told(context):
    """Sends back what metadata came, as metadata, before and after the messages."""
    came = [(key, value) for key, value in context.invocation_metadata() if key.startswith("m-")]
    account = dict(context.invocation_metadata()).get("x-keygate-account", "")
    context.send_initial_metadata([*came, ("m-account", account)])
    context.set_trailing_metadata([("m-last", "1, 2"), ("m-last-bin", b"\x00\xff")])


def unary(request, context):
    told(context)
    return request


def many_out(request, context):
    told(context)
    for number in range(int(request)):
        yield str(number).encode()


def many_in(requests, context):
    told(context)
    return b",".join(requests)


def both(requests, context):
    told(context)
    for request in requests:
        yield request


def fail(request, context):
    """Ends without a message: an answer of trailers alone."""
    context.set_trailing_metadata([("m-why-bin", b"\x00%")])
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "größer als 100 % \n; ü")


def fail_late(request, context):
    told(context)
    yield b"one"
    context.abort(grpc.StatusCode.DATA_LOSS, "after one")


def never(request, context):
    """Waits until it is cancelled, and says so to `was_cancelled`."""
    context.add_callback(cancelled.release)
    while context.is_active():
        time.sleep(0.02)
    return b""


def never_out(request, context):
    context.add_callback(cancelled.release)
    yield b"begun"
    while context.is_active():
        time.sleep(0.02)


def was_cancelled(request, context):
    return b"yes" if cancelled.acquire(timeout=5) else b"no"


def cancel(request, context):
    yield b"begun"
    context.cancel()


def remaining(request, context):
    """Whether the caller's deadline is known here; it is sent rounded up."""
    left = context.time_remaining()
    return b"none" if left is None or left > 1e6 else b"some" if 0 < left <= int(request) + 1 else b"wrong"


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "ManyOut": grpc.unary_stream_rpc_method_handler(many_out),
    "ManyIn": grpc.stream_unary_rpc_method_handler(many_in),
    "Both": grpc.stream_stream_rpc_method_handler(both),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
    "Never": grpc.unary_unary_rpc_method_handler(never),
    "NeverOut": grpc.unary_stream_rpc_method_handler(never_out),
    "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    "Cancel": grpc.unary_stream_rpc_method_handler(cancel),
    "Remaining": grpc.unary_unary_rpc_method_handler(remaining),
}

server = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", -1)])
for service in ["test.Calls", "slow.Calls"]:
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, METHODS),))
if len(sys.argv) > 1:
    key, chain = (open(path, "rb").read() for path in sys.argv[1:3])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"Listening at: http://127.0.0.1:{port}", flush=True)
server.wait_for_termination()
