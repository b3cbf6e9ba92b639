"""Connections that come to nothing, to a real server: each is ended, and nobody else's is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from portal.app import server_config

REQUEST_SECONDS, STALL_SECONDS = 0.6, 0.8
PIECES = 2_000


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/slow")
    def slow() -> str:
        time.sleep(3 * REQUEST_SECONDS)
        return "done"

    @made.post("/body")
    async def body(request: Request) -> int:
        try:
            return len(await request.body())
        except ClientDisconnect:
            return 0

    @made.get("/long")
    def long() -> StreamingResponse:
        return StreamingResponse(bytes(1 << 16) for _ in range(PIECES))

    return made


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = server_config(app(), "127.0.0.1", 0, request_seconds=REQUEST_SECONDS, stall_seconds=STALL_SECONDS)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(15)


@pytest.fixture
def line(port: int) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as line:
        yield line


def is_ended(line: socket.socket, each: bytes) -> bool:
    """Whether the server ends a connection in time, while something is sent now and then."""
    line.settimeout(0.1)
    deadline = time.monotonic() + 5 * REQUEST_SECONDS
    while time.monotonic() < deadline:
        try:
            line.sendall(each)
            if line.recv(1_000) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize(
    ("first", "each"),
    [
        (b"", b""),
        (b"GET /slow HT", b""),
        (b"GET /slow HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n"),
        (b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"a"),
    ],
)
def test_a_request_that_never_ends_is_ended(line: socket.socket, first: bytes, each: bytes) -> None:
    line.sendall(first)
    assert is_ended(line, each)


def test_a_second_request_has_as_long_and_no_longer(line: socket.socket) -> None:
    for _ in range(3):
        line.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd")
        assert line.recv(1_000).endswith(b"4")
        time.sleep(0.7 * REQUEST_SECONDS)
    line.sendall(b"POST /bo")
    assert is_ended(line, b"")


def test_an_answer_may_take_as_long_as_it_takes(line: socket.socket) -> None:
    line.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert line.recv(1_000).endswith(b'"done"')


def test_an_answer_that_nobody_takes_is_broken_off(line: socket.socket) -> None:
    line.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    assert line.recv(100).startswith(b"HTTP/1.1 200")
    time.sleep(2 * STALL_SECONDS)
    taken = 0
    with suppress(ConnectionResetError):
        while piece := line.recv(1 << 16):
            taken += len(piece)
    # What lay in buffers on the way still comes.
    assert taken < PIECES << 15
