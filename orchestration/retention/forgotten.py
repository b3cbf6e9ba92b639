"""The accounts that were forgotten: hashes that keep them out, and a record of what was done. Never a name.

operations/forgotten.json     the records, with the hashes of ids and names
operations/forgotten.key      what the hashes are made with; who has only the list can't try names on it
operations/forgetting.json    while one is being forgotten: who, in plain words, so that a kill costs nothing
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.publishing import durable
from orchestration.retention.identity import Identity
from orchestration.settings import Settings
from orchestration.sources.matching import normalise_name

LIST, KEY, PENDING = "forgotten.json", "forgotten.key", "forgetting.json"
_KEY_SECRET = "forgotten_key"  # noqa: S105 - the name of a secret
_PRIVATE = 0o600


@dataclass(frozen=True)
class Forgotten:
    """What keeps forgotten accounts out of what is read."""

    ids: frozenset[str]
    names: frozenset[str]
    key: bytes
    legal_forms: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.ids or self.names)

    def strip(self, file: Path, *, ids_are_given: bool = True) -> int:
        """Take their records out of a Parquet file of records; gives how many there were.

        A record is theirs by its id, and by its name where it has no id of its own: no account_id, or one that was
        made from the name because the source gives none (`ids_are_given`).
        """
        names = set(pq.read_schema(file).names)
        if not self or not names & {"account_id", "account_name"}:
            return 0
        draft, gone = file.with_name(f"{durable.TEMPORARY_PREFIX}{file.name}"), 0
        with pq.ParquetFile(file) as source, pq.ParquetWriter(draft, source.schema_arrow, compression="zstd") as kept:
            for number in range(source.num_row_groups):
                table = source.read_row_group(number)
                theirs = self._theirs(table, ids_are_given)
                gone += pc.sum(theirs).as_py() or 0
                kept.write_table(table.filter(pc.invert(theirs)))
        if gone:
            durable.move(draft, file)
        else:
            draft.unlink()
        return gone

    def _theirs(self, table: pa.Table, ids_are_given: bool) -> pa.Array | pa.ChunkedArray:
        mask: pa.Array | pa.ChunkedArray = pa.array([False] * table.num_rows)
        if "account_id" in table.column_names:
            mask = pc.or_(mask, self._among(table["account_id"], self._is_id))
        if "account_name" in table.column_names:
            named = self._among(table["account_name"], self._is_name)
            if "account_id" in table.column_names and ids_are_given:
                named = pc.and_(named, pc.is_null(table["account_id"]))
            mask = pc.or_(mask, named)
        return mask

    def strip_csv(self, file: Path) -> int:
        """Take their records out of a CSV file with canonical headers; gives how many there were."""
        with file.open(encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle)
            header = list(rows.fieldnames or ())
            if not self or not {"account_id", "account_name"} & set(header):
                return 0
            draft, gone = file.with_name(f"{durable.TEMPORARY_PREFIX}{file.name}"), 0
            with draft.open("w", encoding="utf-8", newline="") as kept:
                writer = csv.DictWriter(kept, header, quoting=csv.QUOTE_ALL, lineterminator="\n", extrasaction="ignore")
                kept.write(",".join(header) + "\n")
                for row in rows:
                    account_id, name = row.get("account_id"), row.get("account_name")
                    if (account_id and self._is_id(account_id)) or (not account_id and name and self._is_name(name)):
                        gone += 1
                    else:
                        writer.writerow(row)
        if gone:
            durable.sync_file(draft)
            durable.move(draft, file)
        else:
            draft.unlink()
        return gone

    def is_forgotten(self, account: str) -> bool:
        """Whether an id or a name is one of theirs."""
        return self._is_id(account) or self._is_name(account)

    def _among(self, column: pa.ChunkedArray, is_theirs) -> pa.ChunkedArray:
        values = [value for value in pc.unique(column).to_pylist() if value is not None and is_theirs(value)]
        return pc.fill_null(pc.is_in(column, value_set=pa.array(values, column.type)), False)

    def _is_id(self, account_id: str) -> bool:
        return _hash(self.key, "id", account_id) in self.ids

    def _is_name(self, name: str) -> bool:
        return _hash(self.key, "name", normalise_name(name, self.legal_forms)) in self.names


def forgotten_accounts(settings: Settings, legal_forms: tuple[str, ...]) -> Forgotten:
    """Those of this home; raises ValueError where the list can't be read, so that nobody comes back by accident."""
    records = read_records(settings)
    ids = frozenset(one for record in records for one in record["kept_out"]["ids"])
    names = frozenset(one for record in records for one in record["kept_out"]["names"])
    key = _key(settings, is_new=False) if ids or names else b""
    return Forgotten(ids, names, key, legal_forms)


def leave_out(folder: Path, left_out: Forgotten) -> int:
    """Take forgotten accounts out of what was pulled into a folder; gives how many records there were."""
    if not left_out:
        return 0
    return sum(left_out.strip(file) for file in sorted(folder.glob("*.parquet"))) + sum(
        left_out.strip_csv(file) for file in sorted(folder.glob("*.csv"))
    )


def read_records(settings: Settings) -> list[dict[str, Any]]:
    """The records of what was forgotten, oldest first."""
    file = settings.operations_path / LIST
    try:
        return json.loads(file.read_text(encoding="utf-8"))["forgotten"]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} can't be read ({error}): bring it back from a backup") from None


def put_record(settings: Settings, record: Mapping[str, Any]) -> None:
    """Write a record, in the place of the one with its number."""
    records = [one for one in read_records(settings) if one["number"] != record["number"]]
    _write(settings.operations_path / LIST, {"forgotten": [*records, dict(record)]})


def hashes(settings: Settings, identity: Identity) -> dict[str, list[str]]:
    """The hashes that keep an account out."""
    key = _key(settings)
    return {
        "ids": sorted(_hash(key, "id", one) for one in identity.ids),
        "names": sorted(_hash(key, "name", one) for one in identity.keys),
    }


def read_pending(settings: Settings) -> dict[str, Any] | None:
    """What was begun and not ended."""
    with suppress(FileNotFoundError):
        return json.loads((settings.operations_path / PENDING).read_text(encoding="utf-8"))
    return None


def write_pending(settings: Settings, content: Mapping[str, Any]) -> None:
    """Note what is being done, before anything is."""
    _write(settings.operations_path / PENDING, content)


def end_pending(settings: Settings) -> None:
    """It is done: the last place that names the account goes."""
    (settings.operations_path / PENDING).unlink(missing_ok=True)
    durable.sync_directory(settings.operations_path)


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{durable.TEMPORARY_PREFIX}{file.name}")
    draft.unlink(missing_ok=True)
    with open(draft, "x", encoding="utf-8", opener=_private) as handle:
        json.dump(content, handle, indent=1, ensure_ascii=False)
    durable.sync_file(draft)
    durable.move(draft, file)


def _hash(key: bytes, kind: str, text: str) -> str:
    return hmac.new(key, f"{kind}\x1f{text}".encode(), hashlib.sha256).hexdigest()


def _key(settings: Settings, *, is_new: bool = True) -> bytes:
    """The secret `forgotten_key`, else a file of this home, made once and readable by its owner only.

    Without `is_new`, ValueError where it isn't there: with another one, nobody would be kept out.
    """
    if given := settings.secret(_KEY_SECRET):
        return given.encode()
    file = settings.operations_path / KEY
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        if not is_new:
            raise ValueError(f"{file} is gone, so that nobody can be kept out: bring it back from a backup")
        draft = file.with_name(f"{durable.TEMPORARY_PREFIX}{KEY}-{os.getpid()}")
        with open(draft, "x", encoding="ascii", opener=_private) as handle:
            handle.write(secrets.token_hex(32))
        durable.sync_file(draft)
        durable.move(draft, file)
    return file.read_bytes().strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)
