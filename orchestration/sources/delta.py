"""Landing a report that was mostly read before: only its new lines are parsed, the rest is taken over.

Here: when a file may be compared with the extraction before, and the files of an extraction that shares its parts.
Not here: comparing lines (`lines`), parsing them (`records`), committing (`landing`).

Taking over is right only where each line is a record by itself and is read as it would be read today. So an extraction
says how it was read, down to the version of DuckDB, and says so only where it had as many records as lines, each with
all of its cells and none with an id that hangs on other records; and new lines are taken only where the same holds of
them. Whatever doesn't fit is read whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.sources import lines
from orchestration.sources.landing import GONE, PLACES, Extraction, LandingZone
from orchestration.sources.settings import ExtractionSettings


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file has in common with the extraction before."""

    base: Extraction
    changes: lines.Changes

    @property
    def first_new_row(self) -> int:
        """The `_row` of the first new record: no earlier one is used again."""
        return 1 + sum(part.rows for part in self.base.parts)


def may_compare(
    landing: LandingZone, before: Extraction | None, reading: str, settings: ExtractionSettings
) -> Extraction | None:
    """The extraction before, where a file can be compared with it."""
    if before is None or before.reading != reading or not landing.lines(before).is_file():
        return None
    return before if len(before.parts) <= settings.whole_again_after else None


def take_over(landing: LandingZone, base: Extraction, hashes: Path, settings: ExtractionSettings) -> Taken | None:
    """What of a file, by the hashes of its lines, is in `base`; None where it had better be read whole."""
    try:
        if lines.count(landing.lines(base)) != base.rows_landed:
            return None
        changes = lines.compare(landing.lines(base), hashes)
    except (OSError, KeyError, pa.ArrowException):
        # Hashes are kept without care; a damaged file of them costs a little time.
        return None
    if changes is None:
        return None
    taken = Taken(base, changes)
    before = sum(part.rows for part in base.parts[1:]) + (base.gone.rows if base.gone else 0)
    changed = before + len(changes.added) + len(changes.gone)
    return taken if 100 * changed <= settings.whole_again_above_pct * base.parts[0].rows else None


def share_parts(taken: Taken, added_part: Path, work: Path) -> dict[str, int] | None:
    """Links the base's parts into `work` and names the new one; (part -> rows), or None where nothing can be linked."""
    parts: dict[str, int] = {}
    try:
        for part in taken.base.parts:
            os.link(taken.base.folder / part.path, work / part.path)
            parts[part.path] = part.rows
    except OSError:
        return None
    added = len(taken.changes.added)
    if added:
        name = f"part-{len(parts):05d}.parquet"
        added_part.replace(work / name)
        parts[name] = added
    return parts


def note_places(taken: Taken, work: Path) -> tuple[int, int]:
    """Writes which rows of the shared parts are gone, and where each row stands; returns how many rows each has."""
    base, changes = taken.base, taken.changes
    rows_before = (
        np.arange(1, base.rows_landed + 1, dtype=np.int64)
        if base.places_path is None
        else pq.read_table(base.places_path, columns=["_row"])["_row"].to_numpy()
    )
    gone = rows_before[changes.gone]
    if base.gone_path is not None:
        gone = np.concatenate([pq.read_table(base.gone_path)["_row"].to_numpy(), gone])
    added = changes.was < 0
    rows = rows_before[changes.was]
    rows[added] = taken.first_new_row + np.arange(np.count_nonzero(added))
    if len(gone):
        _write({"_row": np.sort(gone)}, work / GONE)
    _write({"_row": rows, "place": np.arange(1, len(rows) + 1, dtype=np.int64)}, work / PLACES)
    return len(gone), len(rows)


def _write(columns: dict[str, np.ndarray], file: Path) -> None:
    # Mostly one more than the number before: next to nothing once packed.
    pq.write_table(
        pa.table(columns),
        file,
        compression="zstd",
        use_dictionary=False,
        column_encoding=dict.fromkeys(columns, "DELTA_BINARY_PACKED"),
    )


def hash_lines(con: duckdb.DuckDBPyConnection, data: Path, settings: ExtractionSettings, target: Path) -> Path | None:
    """The hashes of a copied file's lines; None where its lines can't be told apart."""
    try:
        lines.write_hashes(con, data, settings.max_line_bytes, target)
    except duckdb.Error:
        return None
    return target
