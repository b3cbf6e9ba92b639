"""A world in rows: builds the frozen inputs of a run from plain Python values, for tests of the models.

Rows that a test doesn't care about take the shipped policies; accounts, contracts and activities need only the
columns that matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.policy.load import load_policies
from orchestration.policy.tables import policy_tables
from orchestration.refresh.histories import READS
from orchestration.refresh.inputs import (
    ACCOUNT_MATCHES_SCHEMA,
    ROW_EFFECTS_SCHEMA,
    ROW_FAILURES_SCHEMA,
    RULES_SCHEMA,
    STREAMS_SCHEMA,
    SUPPORT_ORGANIZATIONS_SCHEMA,
    context_table,
    empty_landing,
    freeze_inputs,
)
from orchestration.settings import PROJECT_ROOT
from orchestration.sources.streams import STREAMS, landing_schema

Row = dict[str, Any]


@dataclass
class World:
    """What one run knows. `streams` holds rows by stream name; a stream that isn't in it was never read."""

    as_of: date
    streams: dict[str, list[Row]] = field(default_factory=dict)
    policies: Path = PROJECT_ROOT / "policies"
    row_failures: list[Row] = field(default_factory=list)
    rules: list[Row] = field(default_factory=list)
    account_matches: list[Row] = field(default_factory=list)
    # Organizations of a support desk, each with the time in which it held.
    support_organizations: list[Row] = field(default_factory=list)
    # What earlier as-ofs left: rows by the name under which the models read them (histories.READS).
    earlier: dict[str, list[Row]] = field(default_factory=dict)
    # What run.streams says of a stream, where it isn't what follows from its rows.
    stream_facts: dict[str, Row] = field(default_factory=dict)
    run_id: str = "run-1"
    cadence: str = "daily"
    automation_level: str | None = None
    published_at: datetime = datetime(2026, 7, 1, 6, 0)

    def freeze(self, folder: Path) -> Path:
        """Write the inputs to `folder` and give it back."""
        policies = load_policies(self.policies)
        tables: dict[tuple[str, str], Any] = empty_landing()
        for name, rows in self.streams.items():
            tables["landing", name] = landed(name, rows)
        tables["quality", "row_failures"] = pa.Table.from_pylist(self.row_failures, schema=ROW_FAILURES_SCHEMA)
        tables["quality", "row_effects"] = pa.Table.from_pylist(
            [
                failure | {"source": "files", "landed_row": failure["row"]}
                for failure in self.row_failures
                # Of the extraction in use; another's rows are only told of.
                if failure["effect"] != "listed" and failure["extraction_id"] == "e1" and failure["row"] is not None
            ],
            schema=ROW_EFFECTS_SCHEMA,
        )
        tables["quality", "rules"] = pa.Table.from_pylist(self.rules, schema=RULES_SCHEMA)
        tables["matching", "account_matches"] = pa.Table.from_pylist(
            self.account_matches, schema=ACCOUNT_MATCHES_SCHEMA
        )
        tables["matching", "support_organizations"] = pa.Table.from_pylist(
            self.support_organizations, schema=SUPPORT_ORGANIZATIONS_SCHEMA
        )
        tables["run", "streams"] = pa.Table.from_pylist([self._stream_row(name) for name in STREAMS], STREAMS_SCHEMA)
        tables["run", "context"] = context_table(
            as_of=self.as_of,
            policy_version=policies.version,
            run_id=self.run_id,
            published_at=self.published_at,
            cadence=self.cadence,
            time_zone=policies.calendar.time_zone,
            reporting_currency=policies.calendar.reporting_currency,
            fiscal_year_start_month=policies.calendar.fiscal_year_start_month,
            automation_level=self.automation_level,
        )
        for name, read in READS.items():
            tables["history", name] = pa.Table.from_pylist(self.earlier.get(name, []), read.columns)
        tables |= {("policy", name): table for name, table in policy_tables(policies).items()}
        freeze_inputs(folder, tables)
        return folder

    def _stream_row(self, name: str) -> Row:
        rows = len(self.streams.get(name, ()))
        return {
            "stream": name,
            "source": "files",
            "extraction_id": "e1",
            "is_present": name in self.streams,
            "is_stale": False,
            "is_omitted": False,
            "reconstructed": False,
            "rows_read": rows,
            "rows_used": rows,
            "rows_set_aside": 0,
            "rows_after_as_of": 0,
            "rows_deleted_at_source": 0,
            "rows_summary_line": 0,
            "rows_landed_before": 0,
        } | self.stream_facts.get(name, {})


def landed(stream: str, rows: list[Row]) -> pa.Table:
    """`rows` as they would have landed: bookkeeping columns added, absent columns null."""
    book = {"_extraction_id": "e1", "_source": "files", "_file": f"{stream}.csv"}
    full = [book | {"_row": number} | row for number, row in enumerate(rows, start=1)]
    return pa.Table.from_pylist(full, schema=landing_schema(STREAMS[stream]))


def account(account_id: str, **more: Any) -> Row:
    return {
        "account_id": account_id,
        "account_name": f"Account {account_id}",
        "owner_name": "Olu Owner",
        "geo": "EMEA",
        "region": "North",
        "segment": "smb",
        "lifecycle": "active",
    } | more


def contract(contract_id: str, account_id: str, start: date, end: date, amount: str = "1000", **more: Any) -> Row:
    return {
        "contract_id": contract_id,
        "account_id": account_id,
        "product": "Core",
        "start_date": start,
        "end_date": end,
        "amount": Decimal(amount),
    } | more


def activity(activity_id: str, account_id: str, on: date | datetime, **more: Any) -> Row:
    at = on if isinstance(on, datetime) else datetime(on.year, on.month, on.day, 12)
    return {
        "activity_id": activity_id,
        "account_id": account_id,
        "owner_name": "Pat Person",
        "subject": "Health check",
        "occurred_at": at,
        "has_attachment": True,
        "status": "completed",
    } | more
