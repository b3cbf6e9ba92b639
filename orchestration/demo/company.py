"""Writes the demo company: the CSV files of a drop folder and `demo.json`, which says what was planted in them.

Here: the order of the steps, the writing, and the summary. The rows themselves are made by the SQL of the modules
beside this one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.demo import base, commerce, dirt, names, service
from orchestration.demo.faults import FAULTS, USAGE_GAP_ACCOUNTS, Effect
from orchestration.operations.sources import HYGIENE_ACCEPTANCES
from orchestration.sources.streams import STREAMS

DEFAULT_ACCOUNTS = 500
DEFAULT_SEED = 20260630
SUMMARY_FILE = "demo.json"
# What a company's systems hold; what people and connectors do with actions and issues begins with the first refresh.
WRITTEN = tuple(name for name, stream in STREAMS.items() if not stream.from_ledger and name != HYGIENE_ACCEPTANCES)

_CLEAN = (
    base.EXAMPLES, base.COMPANY, dirt.SHARED_NAMES, commerce.CONTRACTS, commerce.ACCOUNTS, commerce.OPPORTUNITIES,
    commerce.INVOICES, commerce.FX_RATES, service.CHECKS, service.ACTIVITIES, service.CONTACTS, service.SIGNALS,
    service.TICKETS, service.USAGE, service.SURVEYS, service.INTERVENTIONS, service.CALLS,
)  # fmt: skip
_DIRTY = (
    dirt.ACCOUNTS, dirt.CONTRACTS, dirt.OPPORTUNITIES, dirt.ACTIVITIES, dirt.CONTACTS, dirt.SIGNALS, dirt.TICKETS,
    dirt.USAGE, dirt.SURVEYS, dirt.INVOICES, dirt.INTERVENTIONS, dirt.FX_RATES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """One kind of fault as it was planted: how many rows (`keys` names them), and what each should cause."""

    fault: str
    stream: str
    rows: int
    effect: str
    words: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What was written: rows by stream, and every fault among them."""

    as_of: date
    accounts: int
    seed: int
    rows: dict[str, int]
    planted: tuple[PlantedFault, ...]

    def rows_with(self, effect: Effect, stream: str) -> int:
        """How many rows of `stream` carry a fault of this effect."""
        return sum(p.rows for p in self.planted if p.effect == effect and p.stream == stream)

    def fault(self, stream: str, fault: str) -> PlantedFault:
        """The fault of that name in that stream; raises KeyError when none was planted."""
        for planted in self.planted:
            if (planted.stream, planted.fault) == (stream, fault):
                return planted
        raise KeyError(f"no fault {fault} was planted in {stream}")


def write_demo(drop_dir: Path, as_of: date, accounts: int = DEFAULT_ACCOUNTS, seed: int = DEFAULT_SEED) -> DemoSummary:
    """Writes `<stream>.csv` for every stream and `demo.json` into `drop_dir`; the same arguments, the same bytes.

    `accounts` generated ones (at least 100, or a share of faults would pass 5 %) come beside the four examples.
    """
    if accounts < 100:
        raise ValueError(f"a demo company has at least 100 accounts, not {accounts}")
    drop_dir.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        _prepare(con, as_of, accounts, seed)
        for statement in (base.MACROS, *_CLEAN, *_DIRTY):
            con.execute(statement)
        rows = {stream: _write_stream(con, stream, drop_dir) for stream in WRITTEN}
        summary = DemoSummary(as_of, accounts, seed, rows, _planted(con))
    text = json.dumps(asdict(summary), default=str, ensure_ascii=False, indent=1)
    (drop_dir / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")
    return summary


def _prepare(con: duckdb.DuckDBPyConnection, as_of: date, accounts: int, seed: int) -> None:
    con.execute("set enable_progress_bar = false")
    con.execute("set timezone = 'UTC'")
    con.execute("set variable as_of = ?::date", [as_of])
    con.execute("set variable accounts = ?::bigint", [accounts])
    con.execute("set variable seed = ?::varchar", [str(seed)])
    con.execute("set variable usage_gaps = ?::bigint", [_scaled(USAGE_GAP_ACCOUNTS, accounts)])
    con.execute(
        "create table words as select ? as first, ? as second, ? as legal, ? as industries, ? as owners, ? as csms,"
        " ? as aes, ? as check_subjects, ? as other_subjects, ? as topics, ? as competitors, ? as strategies",
        [
            list(words)
            for words in (
                names.COMPANY_FIRST, names.COMPANY_SECOND, names.LEGAL_FORMS, names.INDUSTRIES, names.OWNERS,
                names.CSMS, names.AES, names.CHECK_SUBJECTS, names.OTHER_SUBJECTS, names.TICKET_TOPICS,
                names.COMPETITORS, names.STRATEGIES,
            )
        ],
    )  # fmt: skip
    con.execute("create table places (geo varchar, region varchar, currency varchar, share int, position int)")
    con.executemany("insert into places values (?, ?, ?, ?, ?)", [[*place, n] for n, place in enumerate(names.PLACES)])
    con.execute(
        "create table planting (stream varchar, fault varchar, extra boolean, first_rank bigint, last_rank bigint)"
    )
    con.executemany("insert into planting values (?, ?, ?, ?, ?)", _ranges(accounts))


def _scaled(share: int, accounts: int) -> int:
    return max(1, round(share * accounts / DEFAULT_ACCOUNTS))


def _ranges(accounts: int) -> list[list[object]]:
    """Each fault's own range of ranks within its stream."""
    last: dict[str, int] = {}
    ranges: list[list[object]] = []
    for fault in FAULTS:
        first = last.get(fault.stream, 0) + 1
        last[fault.stream] = first + _scaled(fault.share, accounts) - 1
        ranges.append([fault.stream, fault.name, fault.extra, first, last[fault.stream]])
    return ranges


def _write_stream(con: duckdb.DuckDBPyConnection, stream: str, drop_dir: Path) -> int:
    """One CSV, its rows in an order of their own content; a copy of a record stands after it."""
    relation = con.table(f"out_{stream}")
    written = relation.order("draw(record_key, 'order'), fault nulls first").project("* exclude (fault, record_key)")
    written.write_csv(str(drop_dir / f"{stream}.csv"), header=True)
    return len(relation)


def _planted(con: duckdb.DuckDBPyConnection) -> tuple[PlantedFault, ...]:
    """Counts what stands in the rows, so that the summary says what was planted and not what was meant."""
    keys: dict[tuple[str, str], tuple[str, ...]] = {}
    for stream in WRITTEN:
        found = con.table(f"out_{stream}").filter("fault is not null")
        for fault, names_of_rows in found.aggregate("fault, list(record_key order by record_key)").fetchall():
            keys[stream, fault] = tuple(names_of_rows)
    planted = []
    for fault in FAULTS:
        rows = keys.get((fault.stream, fault.name), ())
        planted.append(PlantedFault(fault.name, fault.stream, len(rows), fault.effect, fault.words, rows))
    gaps = tuple(row[0] for row in con.execute("select account_id from usage_gaps order by 1").fetchall())
    words = "four days running without usage (keys are accounts)"
    planted.append(PlantedFault("gap", "usage", len(gaps), Effect.LISTED, words, gaps))
    return tuple(planted)
