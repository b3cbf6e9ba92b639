"""Rows that come in one order and are wanted in another: they wait on the disk, only their places are in memory."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

_PIECE_BYTES = 1 << 16


class Spool:
    """Rows in a file without a name, gone with the block that made it; a row is some bytes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed at the end of the block
        self._ends = array("q", [0])

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, rows: Iterable[bytes]) -> None:
        """Put rows after those that are there."""
        end = self._ends[-1]
        for row in rows:
            end += len(row)
            self._ends.append(end)
            self._file.write(row)

    def rows(self, numbers: np.ndarray) -> Iterator[bytes]:
        """Rows by their numbers, the first one being 0; none can be added afterwards."""
        self._file.flush()
        file, ends = self._file.fileno(), self._ends
        for number in numbers:
            yield os.pread(file, ends[number + 1] - ends[number], ends[number])

    def pieces(self, numbers: np.ndarray) -> Iterator[bytes]:
        """As `rows`, many rows at once."""
        piece = bytearray()
        for row in self.rows(numbers):
            piece += row
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        if piece:
            yield bytes(piece)


def places(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Where each of `wanted` stands in `found`, which has the same keys in another order.

    Keys that occur more than once get each place once.
    """
    numbers = np.empty(len(found), dtype=np.int64)
    numbers[np.argsort(wanted, kind="stable")] = np.argsort(found, kind="stable")
    return numbers
