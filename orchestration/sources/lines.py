"""Which lines of a report are new since it was last read: found without looking at a single cell.

Here: a file's lines as hashes, which of two files' lines are the same, and copying chosen lines. Not here: when a line
is a record, and what becomes of new ones (`delta`).

A line is known by two 64-bit hashes over different texts (the line, and the line behind a letter), 127 bits of which
are compared: the odds that a changed line is taken for an old one are below one in 10^22 for a billion lines. Lines may
repeat: what is compared is how often each occurs. Equal lines in another order are found again wherever they went.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow.parquet as pq

from orchestration.sources.sqltext import compose, literal

# More hashes than this are not sorted at once.
_AT_ONCE = 1 << 25
_CHUNK = 1 << 24
# Changed hashes are looked up by so many of their first bits before they are looked for.
_FIRST_BITS = 24
_HASH_BITS = 63


@dataclass(frozen=True, slots=True)
class Changes:
    """`was`: for each line of the new file its place in the old one, or -1; `gone`: places in the old one. From 0."""

    was: np.ndarray
    gone: np.ndarray

    @property
    def added(self) -> np.ndarray:
        """The places of the new file's new lines."""
        return np.flatnonzero(self.was < 0)


def write_hashes(con: duckdb.DuckDBPyConnection, data: Path, max_line_bytes: int, target: Path) -> None:
    """Writes both hashes of every line of `data`, in order; raises duckdb.Error for lines that can't be told apart."""
    lines = compose(
        # One column: its delimiter is a character that no report holds, and where one does, this fails.
        "read_csv({data}, auto_detect = false, header = false, delim = {never}, quote = '', escape = '',"
        " columns = struct_pack(line := 'VARCHAR'), nullstr = {no_nulls}, max_line_size = {most})",
        data=literal(str(data)),
        never=literal("\x03"),
        no_nulls=literal("\x01\x02"),
        most=literal(max_line_bytes),
    )
    con.execute(
        compose(
            "COPY (SELECT hash(line) AS one, hash('x' || line) AS other FROM {lines}) TO {target}"
            " (FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1)",
            lines=lines,
            target=literal(str(target)),
        )
    )


def count(hashes: Path) -> int:
    """How many lines were hashed."""
    return pq.read_metadata(hashes).num_rows


def compare(old: Path, new: Path) -> Changes | None:
    """What changed between two files, by their hashes; None where that can't be told (two lines with one hash)."""
    before, now = _read(old), _read(new)
    differing = _differing(before[0], now[0])
    kept_before = np.flatnonzero(~_among(before[0], differing))
    kept_now = np.flatnonzero(~_among(now[0], differing))
    if not np.array_equal(before[0][kept_before], now[0][kept_now]):
        # Moved about: equal lines are paired as they come when sorted.
        kept_before = kept_before[np.argsort(before[0][kept_before])]
        kept_now = kept_now[np.argsort(now[0][kept_now])]
    if any(not np.array_equal(a[kept_before], b[kept_now]) for a, b in zip(before, now, strict=True)):
        return None
    was = np.full(len(now[0]), -1, dtype=np.int64)
    was[kept_now] = kept_before
    stays = np.zeros(len(before[0]), dtype=bool)
    stays[kept_before] = True
    return Changes(was, np.flatnonzero(~stays))


def copy_lines(data: Path, places: np.ndarray, lines: int, target: Path) -> bool:
    """Copies the lines at `places` (ascending) of `data`; False where it doesn't have `lines` lines."""
    with data.open("rb") as source, target.open("wb") as copy:
        ends = _line_ends(source)
        if len(ends) != lines:
            return False
        if not lines:
            return True
        starts = np.where(places > 0, ends[places - 1] + 1, 0).tolist()
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for start, end in zip(starts, ends[places].tolist(), strict=True):
                copy.write(text[start:end])
                copy.write(b"\n")
    return True


def _line_ends(source: BinaryIO) -> np.ndarray:
    """Where each line of a file ends: read piece by piece, since what is mapped counts as memory held."""
    found, size, last = [], 0, b"\n"
    while piece := source.read(_CHUNK):
        found.append(np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == ord("\n")) + size)
        size, last = size + len(piece), piece[-1:]
    if last != b"\n":
        found.append(np.array([size]))
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _read(hashes: Path) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(hashes)
    # One bit less of the first hash: its place is needed while sorting.
    return table["one"].to_numpy() >> np.uint64(1), table["other"].to_numpy()


def _differing(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """The hashes that don't occur equally often before and now, sorted."""
    rounds = 1
    while (len(before) + len(now)) // rounds > _AT_ONCE:
        rounds *= 2
    if rounds == 1:
        return _differing_at_once(before, now)
    shift = np.uint64(_HASH_BITS - (rounds.bit_length() - 1))
    round_before, round_now = before >> shift, now >> shift
    return np.concatenate(
        [_differing_at_once(before[round_before == part], now[round_now == part]) for part in range(rounds)]
    )


def _differing_at_once(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    one = np.uint64(1)
    # Sorted with its side in the last bit, a line that is on both sides once is a pair of neighbours.
    both = np.concatenate([before << one, (now << one) | one])
    both.sort()
    pairs = both[1:] - both[:-1] == one
    pairs &= both[:-1] & one == 0
    alone = np.ones(len(both), dtype=bool)
    alone[1:] ^= pairs
    alone[:-1] ^= pairs
    odd = np.unique(both[alone] >> one)
    of_now = np.searchsorted(both, (odd << one) | one)
    times_before = of_now - np.searchsorted(both, odd << one)
    times_now = np.searchsorted(both, (odd << one) | one, side="right") - of_now
    return odd[times_before != times_now]


def _among(hashes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which of the hashes are among the wanted ones (sorted)."""
    found = np.zeros(len(hashes), dtype=bool)
    if not len(wanted):
        return found
    shift = np.uint64(_HASH_BITS - _FIRST_BITS)
    begins = np.zeros(1 << _FIRST_BITS, dtype=bool)
    begins[wanted >> shift] = True
    likely = np.flatnonzero(begins[hashes >> shift])
    places = np.minimum(np.searchsorted(wanted, hashes[likely]), len(wanted) - 1)
    found[likely] = wanted[places] == hashes[likely]
    return found
