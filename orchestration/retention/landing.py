"""Taking an account out of the landing zone: new parts beside the old, then a manifest that names them.

An extraction is read by what its manifest names, and that is replaced in one step: a kill leaves the old extraction
whole or the new one, and files that nothing names, which the next try removes. Records that go are counted as passed
over, so that what was read is still accounted for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.publishing import durable
from orchestration.retention.parquet import Found, Rewriter, counts
from orchestration.sources.drop import FORGOTTEN
from orchestration.sources.landing import MANIFEST, LandingZone
from orchestration.sources.streams import STREAMS

_WAIT_SECONDS = 60
_OWN = "part-*.parquet", "gone*.parquet", "places*.parquet"


def clean_landing(root: Path, rewriter: Rewriter) -> Found:
    """Take the account's records out of every extraction of every stream."""
    zone, total = LandingZone(root), Found()
    linked: dict[tuple[int, int], Path] = {}
    for stream in STREAMS:
        if not (root / stream).is_dir():
            continue
        if rewriter.dry:
            for folder in _folders(root / stream):
                total.add(_clean(folder, rewriter, linked))
            continue
        with zone.writing(stream, _WAIT_SECONDS):
            for folder in _folders(root / stream):
                found = _clean(folder, rewriter, linked)
                total.add(found)
                if found:
                    # Hashes of lines of theirs: the next file is read whole.
                    (root / stream / f".lines-{folder.name}.parquet").unlink(missing_ok=True)
    return total


def _folders(stream: Path) -> Iterator[Path]:
    return (folder for folder in sorted(stream.iterdir()) if (folder / MANIFEST).is_file())


def _clean(folder: Path, rewriter: Rewriter, linked: dict[tuple[int, int], Path]) -> Found:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    _sweep(folder, manifest, rewriter.dry)
    total, gone_rows = Found(), set()

    def note(rows: pa.Table) -> None:
        gone_rows.update(rows["_row"].to_pylist())

    parts: list[dict[str, Any]] = []
    for part in manifest["parts"]:
        old = folder / part["path"]
        new = _next_name(old)
        found = rewriter.rewrite(old, new, note)
        total.add(found)
        parts.append({"path": new.name, **counts(new)} if found and not rewriter.dry else part)
    if not total:
        return total
    rewriter.gone.setdefault(manifest["extraction_id"], set()).update(gone_rows)
    if rewriter.dry:
        return total
    for old, part in zip(manifest["parts"], parts, strict=True):
        _share(folder / old["path"], folder / part["path"], linked)
    rows = sum(part["rows"] for part in parts)
    gone = _without(folder, manifest.get("gone"), gone_rows)
    landed = rows - (gone["rows"] if gone else 0)
    passed_over = dict(manifest["passed_over"])
    passed_over[FORGOTTEN] = passed_over.get(FORGOTTEN, 0) + manifest["rows_landed"] - landed
    new_manifest = manifest | {
        "parts": parts,
        "gone": gone,
        "places": _without(folder, manifest.get("places"), gone_rows),
        "rows_landed": landed,
        "passed_over": {reason: number for reason, number in passed_over.items() if number},
        # Its lines are no longer those of a file.
        "reading": None,
    }
    durable.replace_text(folder / MANIFEST, json.dumps(new_manifest, indent=1, ensure_ascii=False))
    _sweep(folder, new_manifest, dry=False)
    return total


def _share(old: Path, new: Path, linked: dict[tuple[int, int], Path]) -> None:
    """Extractions that shared a part share the new one."""
    if old == new:
        return
    status = old.stat()
    twin = linked.setdefault((status.st_dev, status.st_ino), new)
    if twin != new and twin.stat().st_size == new.stat().st_size:
        draft = new.with_name(f".{new.name}")
        draft.unlink(missing_ok=True)
        draft.hardlink_to(twin)
        durable.move(draft, new)


def _without(folder: Path, entry: dict[str, Any] | None, gone_rows: set[int]) -> dict[str, Any] | None:
    """A file of `_row` numbers without those that went; None where none is left."""
    if entry is None:
        return None
    old = folder / entry["path"]
    table = pq.read_table(old)
    kept = table.filter(pc.invert(pc.is_in(table["_row"], value_set=pa.array(sorted(gone_rows), pa.int64()))))
    if kept.num_rows == table.num_rows:
        return entry
    if not kept.num_rows:
        return None
    new = _next_name(old)
    pq.write_table(kept, new, compression="zstd", use_dictionary=False)
    durable.sync_file(new)
    new.chmod(0o444)
    return {"path": new.name, **counts(new)}


def _next_name(old: Path) -> Path:
    """Another name beside it: part-00000.parquet, part-00000.1.parquet, part-00000.2.parquet."""
    name, _, number = old.stem.partition(".")
    return old.with_name(f"{name}.{int(number or 0) + 1}{old.suffix}")


def _sweep(folder: Path, manifest: dict[str, Any], dry: bool) -> None:
    """Remove files that the manifest doesn't name: of a try that was killed, or of before this one."""
    if dry:
        return
    named = {part["path"] for part in manifest["parts"]}
    named |= {entry["path"] for name in ("gone", "places") if (entry := manifest.get(name))}
    for pattern in (*_OWN, ".*.parquet", ".forgetting-*"):
        for file in folder.glob(pattern):
            if file.name not in named:
                file.unlink(missing_ok=True)
