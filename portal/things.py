"""What there is to do, laid out once a publication: decisions, alerts, actions and health checks in one order.

Rows are known by their number. They stand where most revenue is at stake first, those of an account beside each other;
who has to do what of it, and what people did since, is looked up by number (`portal.worklist`), and the few rows that
are shown are taken out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from portal.access import Row
from portal.kept import Kept

if TYPE_CHECKING:
    from portal.publications import Edition

log = logging.getLogger("portal.things")

DECISION, ALERT, ACTION, CHECK = range(4)
KINDS = ("decision", "alert", "action", "check")

# Urgency as of actions, P1 to P4: an alert that is told at once comes first, then what is late. The alert that a health
# check is past due stands with the health check. Actions that follow from an alert or a health check are left out: it
# stands here itself.
_DECISIONS = """
select 'decision' as kind, decision as id, account_id, account_name, title, why, due_on,
  case urgency when 'this_week' then 1 else 2 end as urgency, null as who, decision_maker as role, null as state,
  null as action, null as sensitivity, null as alert_id
from published.executive_decisions"""
_ALERTS = """
select 'alert', alert_id, account_id, account_name, title, evidence, null, case when at_once then 1 else 3 end,
  to_name, to_role, null, null, null, alert_id
from published.alerts told where is_open and next_step is not null"""
_NOT_WITH_ITS_CHECK = """
  and not (alert = 'hc_past_due' and exists (select 1 from published.health_check_candidates late
    where late.status = 'past_due' and late.account_id = told.account_id and late.target_id = told.subject))"""
# Those that are under way may fail, those that guards suppress may be asked for.
_ACTIONS = """
select 'action', action_id, account_id, account_name, title, rationale, due_on, cast(right(priority, 1) as integer),
  owner, owner_role, status, action, sensitivity, null
from published.recommended_actions where status <> 'held_back' and origin not in ('alert', 'health_check')"""
_CHECKS = """
select 'check', target_id, late.account_id, late.account_name, 'Deliver the health check', flag_reason, due_date,
  case status when 'past_due' then 2 else 3 end, owner_name, 'owner', status, null, null, ALERT
from published.health_check_candidates late JOINED
where status = 'past_due' or (status = 'pending' and in_window)"""
_WITH_ALERTS = """
left join (select account_id, subject, min(alert_id) as alert_id
  from published.alerts where alert = 'hc_past_due' and is_open and next_step is not null group by all) told
  on late.status = 'past_due' and told.account_id = late.account_id and told.subject = late.target_id"""
_COLUMNS = (
    *("kind", "id", "account_id", "account_name", "title", "why", "due_on", "urgency", "who", "role", "state"),
    *("action", "sensitivity", "alert_id"),
)
_TYPES = {"due_on": "date", "urgency": "tinyint"}
_TABLE = "main.things"
# Read by row, for those that are shown.
_SHOWN = (
    *("id", "account_id", "account_name", "title", "why", "due_on", "who", "role", "state", "action", "sensitivity"),
    *("alert_id", "value"),
)
# Rows that are kept as they are shown: most people look at the same few again and again.
_MOST_ROWS = 10_000


@dataclass(frozen=True)
class Codes:
    """A column of texts: the place of each row's text among `values`; what is missing has a place too."""

    values: Sequence[str | None]
    codes: np.ndarray

    @classmethod
    def of(cls, column: pa.Array) -> Codes:
        encoded = column.dictionary_encode(null_encoding="encode")
        values = encoded.dictionary.to_pylist()
        narrow = np.int16 if len(values) < 2**15 else np.int32
        return cls(values, encoded.indices.to_numpy(zero_copy_only=False).astype(narrow))

    def of_values(self, fits: Sequence[Any], rows: Any) -> np.ndarray:
        """What each of these rows has, where `fits` says it for each of `values`."""
        return np.asarray(fits)[self.codes[rows]]


class Things:
    """The things of a publication; none where it has no accounts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """`connection`: its table has the columns above and `value`, in the order of the rows."""
        self._connection = connection
        self._rows: Kept[Row] = Kept(_MOST_ROWS, lambda _: 1)
        kind = Codes.of(self._column("kind"))
        self.kind = np.array([KINDS.index(one) for one in kind.values if one], np.int8)[kind.codes]
        self.urgency = self._column("urgency").to_numpy(zero_copy_only=False).astype(np.int8)
        self.title = Codes.of(self._column("title"))
        # Names are compared without case and blanks around them.
        who = Codes.of(self._column("who"))
        self.who = Codes([one and one.strip().lower() for one in who.values], who.codes)
        self.role = Codes.of(self._column("role"))
        self.action = Codes.of(self._column("action"))
        self.sensitivity = Codes.of(self._column("sensitivity"))
        accounts = self._column("account_id").dictionary_encode()
        account = accounts.indices.to_numpy(zero_copy_only=False)
        starts = np.flatnonzero(np.diff(account, prepend=-1))
        # The ids of accounts in the order of their rows, and where those of each begin; the last one is the end.
        self.accounts = accounts.dictionary
        self.starts = np.append(starts, len(account)).astype(np.int32)
        self.account = np.repeat(np.arange(len(starts), dtype=np.int32), np.diff(self.starts))
        self.actions = np.flatnonzero(self.kind == ACTION).astype(np.int32)
        self.action_ids = self._column("id").take(pa.array(self.actions))
        # Alerts, and health checks with theirs.
        alerts = self._column("alert_id")
        self.told = np.flatnonzero(alerts.is_valid().to_numpy(zero_copy_only=False)).astype(np.int32)
        self.alert_ids = alerts.drop_null()

    @classmethod
    def of(cls, edition: Edition) -> Things:
        """Lay out what a publication has."""
        make, connection = f"create table {_TABLE} as ", edition.connection
        try:
            connection.cursor().execute(make + _query(set(edition.manifest.tables)))
        except duckdb.BinderException as error:
            # A publication of an earlier version lacks columns of this one: there are no cards, all else is shown.
            log.warning("what is to be done can't be laid out: %s", error)
            connection.cursor().execute(make + _query(set()))
        made = cls(connection)
        # What was read is several times what is kept.
        pa.default_memory_pool().release_unused()
        return made

    def __len__(self) -> int:
        return len(self.kind)

    def place_of(self, account_id: str) -> tuple[int, int]:
        """The number of the first row of an account, and that after its last."""
        place = self.accounts.index(account_id).as_py()
        return (0, 0) if place < 0 else (int(self.starts[place]), int(self.starts[place + 1]))

    def told_place(self, number: int) -> int:
        """The place of a row among `told`."""
        return int(self.told.searchsorted(np.int32(number)))

    def row(self, number: int) -> Row:
        """A row by its number: what is published of it, and `kind` and `urgency`."""
        return dict(self._rows.get(number, lambda: self._row(number)))

    def _row(self, number: int) -> Row:
        query = f"select {', '.join(_SHOWN)} from {_TABLE} where rowid = $number"  # noqa: S608 - names of our own
        values = self._connection.cursor().execute(query, {"number": int(number)}).fetchone()
        shown = dict(zip(_SHOWN, values or (), strict=True))
        return shown | {"kind": KINDS[self.kind[number]], "urgency": int(self.urgency[number])}

    def _column(self, name: str) -> pa.Array:
        query = f"select {name} from {_TABLE} order by rowid"  # noqa: S608 - names of our own
        column = self._connection.cursor().sql(query).to_arrow_table()[name]
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _query(tables: set[str]) -> str:
    has_alerts, has_checks = "alerts" in tables, "health_check_candidates" in tables
    parts = ["select " + ", ".join(f"null as {name}" for name in _COLUMNS) + " where false"]
    if "executive_decisions" in tables:
        parts.append(_DECISIONS)
    if has_alerts:
        parts.append(_ALERTS + (_NOT_WITH_ITS_CHECK if has_checks else ""))
    if "recommended_actions" in tables:
        parts.append(_ACTIONS)
    if has_checks:
        parts.append(
            _CHECKS.replace("ALERT", "alert_id" if has_alerts else "null").replace(
                "JOINED", _WITH_ALERTS if has_alerts else ""
            )
        )
    worth = "(select account_id, arr from published.account_signals)"
    if "account_signals" not in tables:
        worth = "(select null::varchar as account_id, null::decimal(18, 2) as arr where false)"
    columns = ", ".join(f"cast(things.{name} as {_TYPES.get(name, 'varchar')}) as {name}" for name in _COLUMNS)
    # All of it is text of our own.
    return (
        f"select {columns}, worth.arr as value from ({' union all '.join(parts)}) things"  # noqa: S608 - see above
        f" left join {worth} worth on worth.account_id = things.account_id"
        " order by value desc nulls last, things.account_id, things.urgency, things.kind <> 'decision',"
        " things.alert_id is null, things.due_on, things.kind, things.id"
    )
