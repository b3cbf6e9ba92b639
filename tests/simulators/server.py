"""The server: one company, its CRM and its support desk behind one HTTPS port on loopback.

In a test, use the fixture `simulator` (tests/simulators/fixtures.py). As a program of its own:

    python -m tests.simulators.server --accounts 20 --mass-tasks 1000000

It prints one line of JSON (url, ca_file, and what is needed to sign in), takes commands as lines of JSON on its
standard input (see `command`), answers each with a line, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.simulators.company import Company
from tests.simulators.faults import Fault, Faults
from tests.simulators.salesforce import Salesforce
from tests.simulators.wire import Answer, Call, Request, Written, http_date
from tests.simulators.zendesk import Zendesk

_HTML = b"<!DOCTYPE html>\n<html><head><title>Down for maintenance</title></head><body><p>Sorry.</p></body></html>\n"
_IDLE_SECONDS = 60
_ORDERLY, _RESET = "orderly", "reset"


class Simulator:
    """Both systems, their faults, and what they were asked and told."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.faults = Faults()
        self.calls: list[Call] = []
        self.written: list[Written] = []
        self.mistakes: list[str] = []
        self.salesforce = Salesforce(company, self.written)
        self.zendesk = Zendesk(company, self.written)
        self.ca_file = Path()

    @property
    def url(self) -> str:
        """The address of both."""
        return self.salesforce.url

    @url.setter
    def url(self, url: str) -> None:
        self.salesforce.url = self.zendesk.url = url

    def called(self, pattern: str = "*") -> list[Call]:
        """The calls that match a pattern of "METHOD path"."""
        return [call for call in self.calls if fnmatchcase(call.name, pattern)]

    def answer(self, request: Request) -> Answer:
        """Answer a request, faults and all; remembers the call."""
        with self.company.lock:
            request.faults = faults = self.faults.strike(f"{request.method} {request.path}")
            if "meanwhile" in faults:
                faults["meanwhile"]["do"]()
            answer = None if "reset" in faults else _instead(faults) or self._route(request)
            status = None if answer is None else answer.status
            self.calls.append(Call(request.method, request.path, request.query, self.company.clock.now(), status))
        answer = answer or Answer()
        answer.headers.setdefault("Date", http_date(self.company.clock.now()))
        return answer

    def _route(self, request: Request) -> Answer:
        if request.path.startswith("/services/"):
            return self.salesforce.answer(request)
        if request.path.startswith(("/api/", "/oauth/")):
            return self.zendesk.answer(request)
        return Answer(404, _HTML, {"Content-Type": "text/html"})


def _instead(faults: Mapping[str, Fault]) -> Answer | None:
    # Answers that come from something in front of the system.
    html = {"Content-Type": "text/html; charset=utf-8"}
    if "html_503" in faults:
        return Answer(503, _HTML, html | _retry_after(faults["html_503"]))
    if "html_200" in faults:
        return Answer(200, _HTML, html)
    if "throttled" in faults:
        words = {"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"}
        return Answer(
            429, json.dumps(words).encode(), {"Content-Type": "application/json"} | _retry_after(faults["throttled"])
        )
    if "status" in faults:
        body = faults["status"]["body"]
        if not isinstance(body, bytes | str):
            body = json.dumps(body)
        sent = body if isinstance(body, bytes) else body.encode()
        return Answer(faults["status"]["status"], sent, {"Content-Type": "application/json"})
    return None


def _retry_after(fault: Fault) -> dict[str, str]:
    return {} if fault["retry_after"] is None else {"Retry-After": str(fault["retry_after"])}


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    simulator: Simulator

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            parts.path.rstrip("/") or "/",
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
            len(self.path),
        )
        try:
            answer = self.simulator.answer(request)
        except Exception:
            # A mistake of ours must not look like a fault of theirs.
            self.simulator.mistakes.append(traceback.format_exc())
            answer = Answer(500, b"mistake in the simulator")
        if "hangs" in request.faults:
            self._wait(request.faults["hangs"]["seconds"])
        if "reset" in request.faults or "answer_lost" in request.faults:
            self._break_off(_RESET)
        elif "reset_in_body" in request.faults:
            self._send_part(answer, request.faults["reset_in_body"], _RESET)
        elif "ends_in_body" in request.faults:
            self._send_part(answer, request.faults["ends_in_body"], _ORDERLY)
        else:
            self._send(answer, request.faults.get("slow"))

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _send(self, answer: Answer, slow: Fault | None) -> None:
        if slow:
            whole = _whole(answer)
            size = max(1, len(whole) // 10)
            self._head(answer, {"Content-Length": str(len(whole))})
            for start in range(0, len(whole), size):
                self._wait(slow["seconds"] / 10)
                self.wfile.write(whole[start : start + size])
        elif answer.pieces is None:
            self._head(answer, {"Content-Length": str(len(answer.body))} if answer.status != 204 else {}, answer.body)
        else:
            self._head(answer, {"Transfer-Encoding": "chunked"})
            for piece in answer.pieces:
                if len(piece):
                    self.wfile.write(b"%x\r\n" % len(piece))
                    self.wfile.write(piece)
                    self.wfile.write(b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

    def _send_part(self, answer: Answer, fault: Fault, how: str) -> None:
        whole = _whole(answer)
        share = int(len(whole) * (0.5 if fault["share"] is None else fault["share"]))
        if answer.pieces is None:
            self._head(answer, {"Content-Length": str(len(whole))}, whole[:share])
        else:
            self._head(answer, {"Transfer-Encoding": "chunked"}, b"%x\r\n" % len(whole) + whole[:share])
        # The client is given time to read it: a reset takes back what wasn't read yet.
        time.sleep(0.05)
        self._break_off(how)

    def _head(self, answer: Answer, more: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response_only(answer.status)
        for name, value in {**answer.headers, **more}.items():
            self.send_header(name, value)
        # With the body in one piece where that is small.
        self._headers_buffer.append(b"\r\n")  # type: ignore[attr-defined]
        self._headers_buffer.append(body)  # type: ignore[attr-defined]
        self.flush_headers()

    def _wait(self, seconds: float) -> None:
        self.server.stopping.wait(seconds)  # type: ignore[attr-defined]

    def _break_off(self, how: str) -> None:
        self.close_connection = True
        if how == _RESET:
            # No farewell, as from a machine that died.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at what came."""


def _whole(answer: Answer) -> bytes:
    return answer.body if answer.pieces is None else b"".join(answer.pieces)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, context: ssl.SSLContext, simulator: Simulator) -> None:
        super().__init__(("127.0.0.1", 0), type("_Bound", (_Handler,), {"simulator": simulator}))
        # The handshake is the connection's own affair: a slow client must not hold up the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.stopping = threading.Event()
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """Nothing: clients that were killed or gave up leave broken pipes."""

    def stop(self) -> None:
        """Stop, and end what is under way."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(company: Company) -> Iterator[Simulator]:
    """Run both systems; their address is the simulator's `url`, its certificate's issuer in `ca_file`."""
    simulator, folder = Simulator(company), Path(tempfile.mkdtemp(prefix="account-health-simulator-"))
    try:
        simulator.ca_file, pair = make_certificates(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        server = _Server(context, simulator)
        simulator.url = f"https://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        thread.start()
        try:
            yield simulator
        finally:
            server.stop()
            thread.join(5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a server's certificate and key of loopback; their files."""
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _certificate("Simulated authority", "Simulated authority", issuer_key.public_key(), issuer_key, ca=True)
    own = _certificate("127.0.0.1", "Simulated authority", key.public_key(), issuer_key, ca=False)
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    ca_file, pair = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(issuer.public_bytes(pem))
    pair.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + own.public_bytes(pem))
    return ca_file, pair


def _certificate(
    name: str, issuer: str, key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    use = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(use, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not ca:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


# --- The program.


def command(simulator: Simulator, wanted: dict[str, Any]) -> Any:
    """What a line on standard input asks for:

    {"fault": "session_expires", "when": …, "times": …, "after": …}     switch a fault on
    {"clear": true}                                                     switch all off
    {"add": "Task", "fields": {…}}                                      enter a record; its id
    {"change": "Account", "key": …, "fields": {…}}, {"delete": …, "key": …}
    {"set": "salesforce.page_rows", "value": 5}                         any switch
    {"touch": 1000}                                                     change so many of the mass of tasks
    {"advance": 120}                                                    move the clock on, in seconds
    {"calls": "GET *"}                                                  how many calls matched
    {"written": true}                                                   what was written
    """
    company, name = simulator.company, next(iter(wanted))
    commands: dict[str, Callable[[], Any]] = {
        "fault": lambda: _add_fault(simulator, **wanted),
        "clear": simulator.faults.clear,
        "add": lambda: company.add(wanted["add"], **wanted["fields"]),
        "change": lambda: company.change(wanted["change"], wanted["key"], **wanted["fields"]),
        "delete": lambda: company.delete(wanted["delete"], wanted["key"]),
        "set": lambda: _set(simulator, wanted["set"], wanted["value"]),
        "touch": lambda: simulator.salesforce.jobs.mass.touch(wanted["touch"]),
        "advance": lambda: company.clock.advance(wanted["advance"]),
        "calls": lambda: len(simulator.called(wanted["calls"])),
        "written": lambda: [vars(one) for one in simulator.written],
    }
    if name not in commands:
        raise ValueError(f"unknown command {wanted}")
    return commands[name]()


def _add_fault(simulator: Simulator, fault: str, **words: Any) -> None:
    simulator.faults.add(fault, **words)


def _set(simulator: Simulator, path: str, value: Any) -> None:
    *names, last = path.split(".")
    target: Any = simulator
    for name in names:
        target = getattr(target, name)
    getattr(target, last)
    setattr(target, last, value)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description="Simulated Salesforce and Zendesk on loopback.")
    parser.add_argument("--accounts", type=int, default=20, help="of the generated company")
    parser.add_argument("--seed", type=int, default=20260630)
    parser.add_argument("--mass-tasks", type=int, default=0, help="tasks to generate instead of the company's own")
    arguments = parser.parse_args()
    with serve(Company(arguments.accounts, seed=arguments.seed)) as simulator:
        if arguments.mass_tasks:
            from tests.simulators.mass import Mass

            simulator.salesforce.jobs.mass = Mass(arguments.mass_tasks, simulator.company)
        salesforce, zendesk = simulator.salesforce, simulator.zendesk
        _say(
            {
                "url": simulator.url,
                "ca_file": str(simulator.ca_file),
                "client_id": salesforce.client_id,
                "client_secret": salesforce.client_secret,
                "email": zendesk.email,
                "token": zendesk.token,
            }
        )
        for line in sys.stdin:
            try:
                _say({"done": command(simulator, json.loads(line))})
            except Exception as error:
                _say({"error": f"{type(error).__name__}: {error}"})


def _say(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, default=str) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
