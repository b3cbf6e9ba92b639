"""A CSV under `HOME/operations` that only grows, a line a thing that somebody did; extraction reads it as a source.

It is replaced whole under a lock: two who write at once lose nothing, nor does a kill at any instant.
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import TypeVar

from orchestration.publishing import durable

Line = TypeVar("Line")


class LineError(ValueError):
    """A file that isn't as it was written; says what to do."""


def read(file: Path, kind: type[Line]) -> list[Line]:
    """Every line as a `kind` (a dataclass of texts), oldest first; none without the file; raises LineError."""
    if not file.exists():
        return []
    try:
        with file.open(newline="", encoding="utf-8") as text:
            header, *lines = list(csv.reader(text))
        if tuple(header) != _header(kind):
            raise ValueError(f"its first line is {','.join(header)}")
        return [kind(*line) for line in lines]
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise LineError(f"{file} isn't as it was written ({error}); restore it, or move it away") from None


def add(file: Path, line: Line, check: Callable[[Sequence[Line]], None] | None = None) -> Path:
    """Add one line; it is there for good when this returns.

    `check` gets the lines that are there, while nobody else can add one; what it raises leaves them as they are.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file):
        lines = read(file, type(line))
        if check is not None:
            check(lines)
        for left in file.parent.glob(f"{durable.TEMPORARY_PREFIX}{file.name}-*"):
            left.unlink(missing_ok=True)
        durable.replace_text(file, _text([*lines, line]))
    return file


def _header(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _text(lines: Sequence[Line]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(type(lines[0])))
    writer.writerows(astuple(line) for line in lines)
    return text.getvalue()


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    # Waiting is for milliseconds; the kernel lets go of the lock of a process that dies.
    with file.with_name(f".{file.stem}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
