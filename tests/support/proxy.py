"""A TCP proxy on loopback, with TLS on its side where wanted, that cuts connections in mid-answer on demand."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PIECE = 1 << 16


@dataclass
class Proxy:
    """The proxy. `cuts`: used up one a connection, after so many bytes of the answer it is reset. `passed`: what the
    clients said. `on_answer(so_far)` is told how much of a connection's answers has come."""

    server_port: int
    port: int = 0
    tls: ssl.SSLContext | None = None
    cuts: list[int] = field(default_factory=list)
    connections: int = 0
    passed: bytearray = field(default_factory=bytearray)
    on_answer: Callable[[int], None] = lambda _: None

    def accept(self, listener: socket.socket) -> None:
        """Serve whoever comes, until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                cut = self.cuts.pop(0) if self.cuts else None
                threading.Thread(target=self._serve, args=(client, cut), daemon=True).start()

    def _serve(self, client: socket.socket, cut: int | None) -> None:
        with suppress(OSError), client:
            speaking = self.tls.wrap_socket(client, server_side=True) if self.tls else client
            with speaking, socket.create_connection(("127.0.0.1", self.server_port)) as server:
                threading.Thread(target=self._ask, args=(speaking, server), daemon=True).start()
                self._answer(server, speaking, cut)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                self.passed += piece
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket, cut: int | None) -> None:
        so_far = 0
        while piece := server.recv(_PIECE):
            so_far += len(piece)
            self.on_answer(so_far)
            if cut is not None and so_far > cut:
                client.sendall(piece[: len(piece) - (so_far - cut)])
                # No farewell: as by a machine that died.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RD)
                return
            client.sendall(piece)


@contextmanager
def proxy(port: int, certificate: Path | None = None) -> Iterator[Proxy]:
    """Run one before a port of this machine; `certificate`: with its key, to speak TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Proxy(port, listener.getsockname()[1])
    if certificate is not None:
        found.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.tls.load_cert_chain(certificate)
    thread = threading.Thread(target=found.accept, args=(listener,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def make_certificate(folder: Path, host: str = "127.0.0.1") -> Path:
    """A certificate of this machine with its key, its own authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / f"{host}.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem))
    return file
