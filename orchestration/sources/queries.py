"""Sources given as a query: one SELECT over the drop folder's files, for what must be joined or added up first.

Every file that the query names is copied like any other report and loaded as a table of text columns, named by its
file stem (`Sales Pipeline.csv` -> `sales_pipeline`), its columns by their headers. Then DuckDB is shut off from files,
network and its own settings, and the query runs. Its result is read like the cells of a file, in the order of all its
columns, so that the same files give the same rows in the same order. A query must not look at the clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.sources import files
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import ExtractionSettings, FileSource, digest
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal

RESULT = "result"
_POLICY_FILE = "policies/sources.yaml"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query gave: a database file with the table `result` of text columns `c0`, `c1`, …"""

    database: Path
    headers: tuple[str, ...]
    file: str
    sha256: str
    modified_ns: int
    summary_lines: int


def table_name(file_name: str) -> str:
    """The table that a file becomes in a query."""
    return re.sub(r"[^0-9a-z]+", "_", files.bare_stem(file_name).casefold()).strip("_") or "file"


def tables_named(source: FileSource) -> tuple[set[str], set[str]]:
    """(tables that a source's query reads, those that a WITH may give instead); an error unless it is one SELECT."""
    try:
        with duckdb.connect() as con:
            statements = con.extract_statements(source.query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise _query_error(source, "it is not one SELECT")
            parsed = json.loads(con.execute("SELECT json_serialize_sql(?)", [source.query]).fetchall()[0][0])
    except duckdb.Error as error:
        raise _query_error(source, str(error)) from error
    if parsed.get("error"):
        raise _query_error(source, str(parsed.get("error_message")))
    tables: set[str] = set()
    withs: set[str] = set()
    _walk(parsed, tables, withs)
    return tables, tables & withs


def _walk(node: object, tables: set[str], withs: set[str]) -> None:
    """Collects table names, and names given by WITH, from DuckDB's own syntax tree."""
    if isinstance(node, list):
        for item in node:
            _walk(item, tables, withs)
    elif isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            tables.add(str(node.get("table_name")).casefold())
        for entry in (node.get("cte_map") or {}).get("map", ()):
            withs.add(str(entry.get("key")).casefold())
        for item in node.values():
            _walk(item, tables, withs)


def run_query(source: FileSource, drop_dir: Path, work_dir: Path, settings: ExtractionSettings) -> QueryResult | None:
    """Runs a source's query over the drop folder; None when none of the files it names is there."""
    wanted, optional = tables_named(source)
    paths: dict[str, Path] = {}
    for name in files.list_folder(drop_dir):
        table = table_name(name)
        if table not in wanted or not files.has_table_extension(name):
            continue
        if table in paths:
            raise SourceError(
                f"two files are the table {table} of source {source.name}: {paths[table].name}, {name}.",
                file=str(drop_dir),
                expected="one file a table",
                action="leave one of them in the folder",
            )
        paths[table] = drop_dir / name
    if not paths:
        return None
    if missing := sorted(wanted - optional - paths.keys()):
        raise SourceError(
            f"source {source.name} needs files that aren't there: {', '.join(f'{name}.csv' for name in missing)}.",
            file=str(drop_dir),
            expected=", ".join(f"{name}.csv" for name in sorted(wanted)),
            action="put them into the drop folder, or change the query in policies/sources.yaml",
        )
    database = work_dir / "query.duckdb"
    hashes, modified, summary_lines = [], 0, 0
    with connect(settings, work_dir, database) as con:
        for table, path in sorted(paths.items()):
            snapshot = files.take_snapshot(
                path, drop_dir, work_dir, source, settings, lambda headers: (bool(headers), len(headers))
            )
            _load(con, table, snapshot, settings)
            snapshot.data.unlink()
            hashes.append((table, snapshot.sha256))
            modified = max(modified, snapshot.modified_ns)
            summary_lines += snapshot.summary_lines
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        headers = _run(con, source)
    return QueryResult(
        database=database,
        headers=headers,
        file=", ".join(path.name for _, path in sorted(paths.items())),
        sha256=digest(hashes),
        modified_ns=modified,
        summary_lines=summary_lines,
    )


def connect(
    settings: ExtractionSettings, work_dir: Path, database: Path | str = ":memory:"
) -> duckdb.DuckDBPyConnection:
    """Every DuckDB connection of extraction: bounded memory, spilling into the work folder, no extensions fetched."""
    con = duckdb.connect(
        str(database),
        config={
            "memory_limit": settings.memory_limit,
            "threads": settings.threads,
            "temp_directory": str(work_dir / "spill"),
            "preserve_insertion_order": True,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    return con


def _load(con: duckdb.DuckDBPyConnection, table: str, snapshot: files.Snapshot, settings: ExtractionSettings) -> None:
    names = _column_names(snapshot.headers)
    con.execute(
        compose(
            "CREATE TABLE {table} AS SELECT {columns} FROM {cells}",
            table=identifier(table),
            columns=joined(
                compose("nullif(trim({cell}), '') AS {name}", cell=identifier(f"c{position}"), name=identifier(name))
                for position, name in enumerate(names)
            ),
            cells=files.read_csv(snapshot, settings, store_rejects=True),
        )
    )
    rejects = con.execute("SELECT line, left(csv_line, 200), error_message FROM reject_errors ORDER BY line").fetchone()
    if rejects:
        raise SourceError(
            f"a line doesn't fit the header ({rejects[2]}): {rejects[1]!r}.",
            file=str(snapshot.file),
            place=f"record {rejects[0]}",
            expected=f"{len(snapshot.headers)} cells",
            action="mend the line: a query would otherwise leave it out",
        )
    con.execute("DROP TABLE reject_errors")
    con.execute("DROP TABLE reject_scans")


def _column_names(headers: Sequence[str]) -> list[str]:
    names: list[str] = []
    for position, header in enumerate(headers):
        stem = header or f"column_{position + 1}"
        name, number = stem, 2
        while name.casefold() in {taken.casefold() for taken in names}:
            name, number = f"{stem}_{number}", number + 1
        names.append(name)
    return names


def _run(con: duckdb.DuckDBPyConnection, source: FileSource) -> tuple[str, ...]:
    # The query is the user's own SQL; it runs as the only statement, on a connection that can reach nothing else.
    query = Sql((source.query or "").strip().rstrip(";"))
    try:
        described = con.execute(compose("DESCRIBE SELECT * FROM ({query}\n)", query=query)).fetchall()
        headers = tuple(str(row[0]) for row in described)
        con.execute(
            compose(
                "CREATE TABLE {result} AS SELECT {cells} FROM (SELECT * FROM ({query}\n)) ORDER BY ALL",
                result=identifier(RESULT),
                cells=joined(
                    compose(
                        "coalesce(CAST({name} AS VARCHAR), '') AS {cell}",
                        name=identifier(name),
                        cell=identifier(f"c{position}"),
                    )
                    for position, name in enumerate(headers)
                ),
                query=query,
            )
        )
    except duckdb.Error as error:
        raise _query_error(source, str(error)) from error
    return headers


def _query_error(source: FileSource, reason: str) -> SourceError:
    return SourceError(
        f"the query of source {source.name} can't run: {reason.strip()}",
        file=_POLICY_FILE,
        place=f"sources, {source.name}, query",
        expected="one SELECT over the files of the drop folder, each a table of text columns named by its file stem",
        action="correct the query",
    )


def attached_cells(result: QueryResult) -> tuple[Sql, Sql]:
    """(statement that attaches the result, SELECT of its cells as `records` wants them)."""
    return (
        compose("ATTACH {database} AS query_result (READ_ONLY)", database=literal(str(result.database))),
        Sql("SELECT rowid + 1 AS _row, CAST(NULL AS VARCHAR) AS _ragged, * FROM query_result.result"),
    )
