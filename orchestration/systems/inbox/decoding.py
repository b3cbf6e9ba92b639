"""From an attachment as it was sent to the file that it is."""

from __future__ import annotations

import binascii
import hashlib
import os
import quopri
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 20
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_PLAIN = ("7bit", "8bit", "binary", "")
# ZIP and the workbooks that are one, older workbooks: the reader of files wants CSV.
_NO_TABLES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class DamagedError(Exception):
    """Why an attachment can't be used, in words that follow its name."""


def decode(sent: Path, target: Path, encoding: str, most_bytes: int) -> str:
    """Decode `sent` into `target`, synced; gives its sha256. Raises DamagedError."""
    hasher, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        for piece in _decoded(sent, encoding):
            size += len(piece)
            if size > most_bytes:
                raise DamagedError(f"is larger than {most_bytes:,} bytes (most_bytes of policies/systems.yaml)")
            hasher.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    if not size:
        raise DamagedError("is empty")
    with target.open("rb") as file:
        if file.read(4) in _NO_TABLES:
            raise DamagedError("is a workbook or a ZIP archive, not CSV")
    return hasher.hexdigest()


def _decoded(sent: Path, encoding: str) -> Iterator[bytes]:
    if encoding == "base64":
        yield from _base64(sent)
    elif encoding == "quoted-printable":
        plain = sent.with_suffix(".plain")
        with sent.open("rb") as file, plain.open("wb") as out:
            quopri.decode(file, out)
        yield from _pieces(plain)
        plain.unlink()
    elif encoding in _PLAIN:
        yield from _pieces(sent)
    else:
        raise DamagedError("is encoded in a way that isn't known")


def _base64(sent: Path) -> Iterator[bytes]:
    rest = b""
    for piece in _pieces(sent):
        text = rest + piece.translate(None, _NOT_BASE64)
        text, padding, _ = text.partition(b"=")
        whole = len(text) // 4 * 4
        rest = text[whole:]
        yield binascii.a2b_base64(text[:whole])
        if padding:
            break
    if len(rest) == 1:
        raise DamagedError("is damaged: its base64 ends too early")
    if rest:
        yield binascii.a2b_base64(rest + b"=" * (4 - len(rest)))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
