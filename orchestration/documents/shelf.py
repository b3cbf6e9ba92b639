"""Where documents lie: names of folders and files that hold nothing the sources could climb out with."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from orchestration.publishing import durable

ACCOUNTS = "accounts"
_LETTERS, _HASH = 40, 8
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_PATH = re.compile(r"accounts/[A-Za-z0-9_-]{1,60}/[A-Za-z0-9_-]{1,80}\.pptx")
_IDENTIFIER = "{http://purl.org/dc/elements/1.1/}identifier"
# A core part of ours has a few hundred bytes; what is larger isn't ours.
_LARGEST_CORE = 100_000


class UnsafePathError(ValueError):
    """A path that doesn't lie below the folder of documents."""


def slug(text: str) -> str:
    """A text as a name of a folder or file, as the macro file_slug makes it: safe letters, and a hash of the whole."""
    # A hash that tells names apart; nothing is kept secret by it.
    digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:_HASH]
    return f"{_UNSAFE.sub('_', text)[:_LETTERS]}-{digest}"


def account_folder(documents: Path, account_id: str) -> Path:
    """The folder that holds all documents of an account, whether there is one or not."""
    return documents / ACCOUNTS / slug(account_id)


def place(documents: Path, path: str) -> Path:
    """The file that a path of document_queue means; raises UnsafePathError for any that isn't one of ours."""
    if not _PATH.fullmatch(path):
        raise UnsafePathError(f"{path[:100]!r} is no path of a document")
    file = documents.joinpath(*PurePosixPath(path).parts)
    if not file.resolve().is_relative_to(documents.resolve()):
        raise UnsafePathError(f"{path[:100]!r} leads out of the folder of documents")
    return file


def put(file: Path, content: bytes) -> None:
    """Write a document, whole or not at all, in place of one that is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{durable.TEMPORARY_PREFIX}{file.name}-{os.getpid()}")
    try:
        temporary.write_bytes(content)
        durable.sync_file(temporary)
        durable.move(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def fingerprint_of(file: Path) -> str | None:
    """The fingerprint of the deck that lies there; None where there is none, or one that can't be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            core = archive.getinfo("docProps/core.xml")
            if core.file_size > _LARGEST_CORE:
                return None
            # Written by this program, small, and read without entities of its own.
            return ElementTree.fromstring(archive.read(core)).findtext(_IDENTIFIER)  # noqa: S314
    except (OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError):
        return None
