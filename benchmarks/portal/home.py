"""A home of any size for the portal: the publication of another home, its accounts copied under other names.

What the models make of 100,000 accounts takes minutes and is measured elsewhere (`benchmarks.run`). The portal only
reads what is published, so its tables are enough: every row of an account is copied with ids, names, owners and amounts
of its own. Totals of the whole company stay as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import duckdb

from orchestration.ledger.store import Store
from orchestration.publishing.manifest import PUBLICATION_TABLE, PublishedTable, TableDescription
from orchestration.publishing.reader import Publication
from orchestration.publishing.snapshot import publish_snapshot
from orchestration.settings import Settings

# Dates that the histories have, a week apart.
AS_OFS = 13
# Copies of an owner: 24 of the demo company become 312.
_OWNERS = 13
_PEOPLE = ("owner_name", "csm_name", "ae_name", "mended_by", "completed_by", "owner")
_AMOUNTS = ("amount", "arr", "expected_loss", "potential_arr", "expected_arr")


def grow(source: Settings, target: Settings, accounts: int) -> int:
    """Publish in `target` what `source` has published, with at least so many accounts; gives how many."""
    shutil.rmtree(target.home_path, ignore_errors=True)
    with Publication.open(source.published_path) as publication, duckdb.connect() as con:
        con.execute(f"set temp_directory = '{target.home_path / 'tmp'}'")
        manifest = publication.manifest
        single = manifest.tables["account_signals"].rows
        copies = -(-accounts // single)
        con.execute("create schema published")
        histories = {}
        for name, table in manifest.tables.items():
            if name == PUBLICATION_TABLE:
                continue
            files = ", ".join(f"'{path}'" for path in publication.snapshot.paths(name))
            source = f"read_parquet([{files}], union_by_name = true), {_numbers(table, copies)}"
            query = f"{_copied(table, copies)} from {source}"
            if table.is_history:
                histories[name] = target.history_path / name
                _write_history(con, query, histories[name], manifest.as_of_date, table.key)
            else:
                con.execute(f'create view published."{name}" as {query}')
        target.published_path.mkdir(parents=True)
        publish_snapshot(
            con,
            target.published_path,
            run_id=manifest.run_id,
            as_of=manifest.as_of_date,
            policy_version=manifest.policy_version,
            published_at=manifest.published_at,
            keys={name: table.key for name, table in manifest.tables.items()},
            descriptions=described(manifest.tables),
            history=histories,
        )
    Store.open(target).close()
    return single * copies


def _numbers(table: PublishedTable, copies: int) -> str:
    names = {column.name for column in table.columns}
    if "account_id" in names:
        return f"range({copies}) as copies (copy)"
    return f"range({_OWNERS if names & set(_PEOPLE) else 1}) as copies (copy)"


def _copied(table: PublishedTable, copies: int) -> str:
    """The columns of a copy, in SQL: the first one is as it was."""
    changed = [f"{text} as {name}" for name, text in _changes(table, copies)]
    replaced = f" replace ({', '.join(changed)})" if changed else ""
    return f"select * exclude (copy){replaced}"


def _changes(table: PublishedTable, copies: int):
    for column in table.columns:
        name = f'"{column.name}"'
        if column.type == "VARCHAR" and column.name.endswith("_id") and column.name != "run_id":
            yield name, f"case when copy = 0 then {name} else {name} || '.' || copy end"
        elif column.name == "account_name":
            yield name, f"case when copy = 0 then {name} else {name} || ' ' || copy end"
        elif column.name in _PEOPLE:
            yield name, f"case when copy % {_OWNERS} = 0 then {name} else {name} || ' ' || (copy % {_OWNERS}) end"
        elif column.name == "rank":
            yield name, f"cast(({name} - 1) * {copies} + copy + 1 as {column.type})"
        elif column.name in _AMOUNTS:
            yield name, f"cast({name} * (1 + copy / 1000.0) as {column.type})"


def _write_history(con: duckdb.DuckDBPyConnection, query: str, folder: Path, as_of, key: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    order = ", ".join(f'"{name}"' for name in key) or "all"
    for week in range(AS_OFS):
        day = as_of - timedelta(weeks=week)
        con.execute(
            f"copy (select * replace (date '{day}' as as_of_date) from ({query}) where as_of_date = date '{as_of}'"
            f" order by {order}) to '{folder / f'{day}.parquet'}' (format parquet, compression zstd)"
        )


def described(tables: Mapping[str, PublishedTable]) -> dict[str, TableDescription]:
    """What tables say of themselves, as publishing takes it."""
    return {
        name: TableDescription(
            description=table.description, columns={column.name: column.description for column in table.columns}
        )
        for name, table in tables.items()
    }
