"""A real HTTP server on loopback that stands for a target: it remembers what it was sent, and misbehaves on demand."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What is answered, and how: `takes` says whether the request counts as having arrived."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    takes: bool = True
    hangs_seconds: float = 0
    resets: bool = False


@dataclass
class Receiver:
    """The target. `answers` are used up one a POST; then every POST is taken."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    arrived: Counter[str] = field(default_factory=Counter)
    # Answers a request itself where it gives something.
    special: Callable[[Request], Answer | None] = lambda _: None

    @property
    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def answer(self, request: Request) -> Answer:
        special = self.special(request)
        if special is not None:
            return special
        if request.method == "GET":
            key = request.path.rpartition("/")[2]
            return Answer(200 if self.arrived[key] else 404)
        answer = self.answers.pop(0) if self.answers else Answer()
        if answer.takes:
            self.arrived[request.headers.get("idempotency-key", "")] += 1
        return answer


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run one."""
    found, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            with lock:
                found.requests.append(request)
                answer = found.answer(request)
            time.sleep(answer.hangs_seconds)
            if answer.resets:
                # No farewell: the connection is reset as by a machine that died.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Nothing: the test looks at what came."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """Nothing: clients that were killed or gave up leave broken pipes."""

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
