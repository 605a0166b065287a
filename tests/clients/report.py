"""What the client scripts share: their arguments, one line a check, curl, and an eye on the gateway's memory."""

import argparse
import http.client
import re
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

PATIENCE = 120  # seconds that any one exchange may take


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="http://127.0.0.1:PORT of the gateway, without a slash at the end")
    for access in ("read", "write", "full"):
        parser.add_argument(f"--token-{access}", default="", help=f"a token with {{\"api\": \"{access}\"}}")
    parser.add_argument("--gateway-pid", type=int, help="the process whose memory must stay flat while bodies pass")
    parser.add_argument("--memory-slack-mib", type=int, default=48, help="by how much it may grow (default 48)")
    parser.add_argument("--curl", default="curl", help="the curl to run")
    parser.add_argument("--only", default="", help="run the checks whose name contains this; for development")
    parser.add_argument(
        "--direct", action="store_true", help="--base is the upstream itself; for development of this script, exits with 2"
    )
    options = parser.parse_args()
    if not options.direct:
        missing = [f"--token-{a}" for a in ("read", "write", "full") if not getattr(options, f"token_{a}")]
        missing += [] if options.gateway_pid else ["--gateway-pid"]
        if missing:
            parser.error(f"needed unless --direct is given: {', '.join(missing)}")
    return options


class Failure(Exception):
    """What was expected and what came."""


def expect(what, expected, came):
    if came != expected:
        raise Failure(f"{what}: expected {shorten(expected)}, came {shorten(came)}")


def require(what, holds, came):
    if not holds:
        raise Failure(f"{what}; came {shorten(came)}")


def shorten(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"


class Report:
    """Runs checks in order of registration and prints `ok NAME` or `FAIL NAME: …` for each."""

    def __init__(self, options):
        self.options = options
        self.checks = []

    def check(self, gateway_only=False):
        """Registers a function as a check; `gateway_only` ones mean nothing without a gateway."""

        def register(function):
            self.checks.append((function.__name__, function, gateway_only))
            return function

        return register

    def run(self):
        passed, failed, skipped = 0, 0, 0
        for name, function, gateway_only in self.checks:
            if self.options.only not in name:
                skipped += 1
                continue
            if gateway_only and self.options.direct:
                skipped += 1
                print(f"skip {name}: there is no gateway to check", flush=True)
                continue
            try:
                function()
            except Exception as error:  # A check that breaks is a check that failed; the others still run.
                failed += 1
                reason = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
                print(f"FAIL {name}: {' '.join(reason.split())}", flush=True)
            else:
                passed += 1
                print(f"ok {name}", flush=True)
        if self.options.direct:
            print("DIRECT MODE: no gateway was tested; this run is no evidence of anything and exits with 2")
        elif skipped:
            print(f"{skipped} checks were left out by --only; this run is no evidence and exits with 2")
        print(f"{passed} ok, {failed} failed, {skipped} skipped, {len(self.checks)} in all", flush=True)
        if failed or not self.checks:
            return 1
        return 2 if skipped or self.options.direct else 0


class Answer:
    """A response as curl saw it; informational ones stand apart in `interim`."""

    def __init__(self, interim, status, version, headers, body, uploaded):
        self.interim, self.status, self.version = interim, status, version
        self.headers, self.body, self.uploaded = headers, body, uploaded

    def values(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def value(self, name):
        return ", ".join(self.values(name)) or None


def curl(options, path, *arguments, token="", stdin=None):
    """One request by curl. `arguments` are curl's own."""
    command = [options.curl, "--silent", "--show-error", "--include", "--max-time", str(PATIENCE), "--noproxy", "*"]
    command += ["--write-out", "%{stderr}%{http_code} %{size_upload}"]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    done = subprocess.run([*command, *arguments, options.base + path], input=stdin, capture_output=True, timeout=PATIENCE + 10)
    if done.returncode != 0:
        raise Failure(f"curl {path} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    interim, rest = [], done.stdout
    while True:
        head, _, rest = rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status = re.match(r"HTTP/(\S+) (\d+)", lines[0]).groups()
        if not 100 <= int(status) < 200:
            break
        interim.append(int(status))
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    uploaded = int(done.stderr.split()[-1])
    return Answer(interim, int(status), version, headers, rest, uploaded)


def connection(options):
    """A bare HTTP/1.1 connection, for checks on what one connection carries."""
    return http.client.HTTPConnection(urlsplit(options.base).netloc, timeout=PATIENCE)


class FlatMemory:
    """Fails when the resident memory of a process grew by more than `slack_mib` inside the block."""

    def __init__(self, options):
        self.pid, self.slack = options.gateway_pid, options.memory_slack_mib << 20
        self.stop = threading.Event()

    def __enter__(self):
        if self.pid:
            self.before = self.peak = self.resident()
            self.thread = threading.Thread(target=self.watch, daemon=True)
            self.thread.start()

    def __exit__(self, kind, _error, _trace):
        if not self.pid:
            return
        self.stop.set()
        self.thread.join()
        grown = self.peak - self.before
        if kind is None and grown > self.slack:
            raise Failure(f"the gateway's memory grew by {grown >> 20} MiB, allowed are {self.slack >> 20} MiB")

    def watch(self):
        while not self.stop.wait(0.02):
            self.peak = max(self.peak, self.resident())

    def resident(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096


def arrivals(response, limit=1 << 16):
    """The seconds at which each part of a body arrived, and the body."""
    begun, times, body = time.monotonic(), [], b""
    while part := response.read1(limit):
        times.append(time.monotonic() - begun)
        body += part
    return times, body


def main(report):
    sys.exit(report.run())
