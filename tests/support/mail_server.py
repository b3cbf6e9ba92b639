"""A real mail server (IMAP) on loopback: pymap's program, with mails in memory."""

from __future__ import annotations

import imaplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

USER, PASSWORD = "reports@example.com", 'p"ä\\ss of tests'
_START_SECONDS = 20.0
# pymap's own program, but for the rounds of a password's hash: tests sign in often.
_PROGRAM = """
from pymap import config, main
from pysasl.hashing import BuiltinHash

config.IMAPConfig._get_hash_context = classmethod(lambda *_: BuiltinHash(rounds=1))
main.main()
"""


@dataclass
class MailServer:
    """Where it is, and a session that delivers mails."""

    port: int
    server: imaplib.IMAP4

    def put(self, folder: str, mail: bytes, arrived: datetime) -> None:
        """Deliver a mail to a folder, which is made where it isn't there; `folder` as the protocol writes it."""
        self.server.create(f'"{folder}"')
        status, told = self.server.append(f'"{folder}"', "", arrived, mail)
        assert status == "OK", told

    def take_away(self, folder: str) -> None:
        """Remove a folder with its mails."""
        self.server.delete(f'"{folder}"')

    def flags(self, folder: str) -> bytes:
        """What the server knows of a folder's mails."""
        self.server.select(f'"{folder}"', readonly=True)
        found = b" ".join(self.server.fetch("1:*", "(FLAGS)")[1])
        self.server.close()
        return found


@contextmanager
def mail_server(certificate: Path | None = None) -> Iterator[MailServer]:
    """Run one; with a certificate it takes passwords after STARTTLS only."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    tls = ["--cert", str(certificate), "--key", str(certificate)] if certificate else ["--no-tls"]
    backend = ["dict", "--demo-user", USER, "--demo-password", PASSWORD]
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "--host", "127.0.0.1", "--port", str(port), *tls, *backend],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with _greeted(port, process) as server:
            if certificate is not None:
                server.starttls(ssl.create_default_context(cafile=str(certificate)))
            server.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
            yield MailServer(port, server)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _greeted(port: int, process: subprocess.Popen) -> imaplib.IMAP4:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return imaplib.IMAP4("127.0.0.1", port, timeout=10)
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server doesn't answer"
            time.sleep(0.05)
