"""Evaluating the rules of one stream: failing rows into tables, Great Expectations over them, rows set aside.

Here: one stream, one set of extractions, all its rules of a phase. Not here: what failures mean for the extraction
(`landed.py`) and how Great Expectations is run (`runner.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb

from orchestration.quality.failures import FAILURE_COLUMNS, ROW_ID, BadQueryError, sample, select_failures
from orchestration.quality.runner import Check, Outcome, validate
from orchestration.quality.suites import Rule, Suite
from orchestration.quality.views import CheckContext, checked_view, places_view
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.sources.streams import Kind, Stream

Thresholds = Callable[[str, str, str], float | Decimal | None]
"""(source, stream, rule) -> the share of rows, in percent, that policy sets for this source instead of the rule's."""


@dataclass(slots=True)
class Evaluated:
    """One rule after it ran: its outcome, and the table of its failing rows (None where it passed or broke)."""

    outcome: Outcome
    failures: Sql | None = None
    failed_by_extraction: dict[str, int] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        return self.outcome.rule


class StreamRules:
    """The rules of one stream over the extractions its views show now."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        stream: Stream,
        suite: Suite,
        context: CheckContext,
        thresholds: Thresholds,
    ) -> None:
        self._con = con
        self._stream = stream
        self._suite = suite
        self._values = {
            "as_of": context.as_of,
            "reporting_currency": context.reporting_currency,
            "time_zone": context.time_zone,
        }
        self._thresholds = thresholds

    def run(self, phase: str, only: Sequence[str] | None = None) -> list[Evaluated]:
        """Evaluate the phase's rules (all, or those named) in the suite's order, native ones first."""
        rules = [r for r in self._suite.rules if r.phase == phase and (only is None or r.name in only)]
        evaluated = {item.rule.name: item for item in self._native([r for r in rules if r.expect is not None])}
        for item in self._queries([rule for rule in rules if rule.query is not None]):
            evaluated[item.rule.name] = item
        return [evaluated[rule.name] for rule in rules]

    def threshold(self, rule: Rule, source: str) -> float | None:
        """The share of rows over which the rule is critical for this source, in percent; None: it never is."""
        if rule.critical_above_pct is None:
            return None
        own = self._thresholds(source, self._stream.name, rule.name)
        return float(rule.critical_above_pct if own is None else own)

    def sample(self, item: Evaluated) -> tuple[dict[str, object], ...]:
        """Up to ten failing rows, always the same ones for the same data."""
        return () if item.failures is None else sample(self._con, item.failures, places_view(self._stream))

    # Native rules: Great Expectations counts, and says how to select the failing rows.

    def _native(self, rules: Sequence[Rule]) -> list[Evaluated]:
        outcomes = validate(self._con, checked_view(self._stream), [Check(rule) for rule in rules], ROW_ID)
        failing = [outcome for outcome in outcomes if outcome.rows_failed]
        if failing:
            self._keep_native(failing)
        evaluated = []
        for outcome in outcomes:
            item = Evaluated(outcome)
            if outcome.rows_failed:
                item.failures = self._table(outcome.rule)
                self._con.execute(
                    compose(
                        "create or replace table {table} as select {columns} from quality.native where rule = {rule}",
                        table=item.failures,
                        columns=joined(identifier(name) for name in FAILURE_COLUMNS),
                        rule=literal(outcome.rule.name),
                    )
                )
                item = self._settled(item)
            evaluated.append(item)
        return evaluated

    def _keep_native(self, outcomes: Sequence[Outcome]) -> None:
        """All failing rows of all native rules with their keys and raw values, in one pass over the stream."""
        selected = [
            compose(
                "select {rule} as rule, {name} as column_name, {expected} as expected, _extraction_id, _row, "
                "{actual} as actual from ({failing})",
                rule=literal(outcome.rule.name),
                name=literal(outcome.rule.expect.column),
                expected=literal(outcome.rule.expected),
                actual=self._as_text(outcome.rule.expect.column),
                failing=Sql(outcome.failing_rows),
            )
            for outcome in outcomes
            if outcome.rule.expect is not None and outcome.failing_rows is not None
        ]
        self._con.execute(
            compose(
                """
                create or replace table quality.native as
                with failing as ({selected}),
                named as (
                    select f.rule, f._extraction_id, f._row, r._record_key as record_key, r.account_id,
                           f.column_name, f.expected, r._label as label,
                           -- A cell that could not be read landed as null; what stood there is among the faults.
                           coalesce(f.actual, list_filter(r._faults, lambda x: x.column = f.column_name)[1].value)
                               as actual
                    from failing f
                    join resolved.{stream} r on r._extraction_id = f._extraction_id and r._row = f._row
                )
                select *,
                       {record} || ' ' || label || ': ' || replace(column_name, '_', ' ')
                       || case when actual is null then ' is missing' else ' is "' || actual || '"' end
                       || '; expected ' || expected || '.' as sentence,
                       cast(null as varchar) as suggestion
                from named
                """,
                selected=joined(selected, " union all "),
                stream=identifier(self._stream.name),
                record=literal(self._suite.record[:1].upper() + self._suite.record[1:]),
            )
        )

    def _as_text(self, column: str) -> Sql:
        text = compose("cast({column} as varchar)", column=identifier(column))
        if self._stream.column(column).kind in (Kind.NUMBER, Kind.MONEY, Kind.RATE):
            return compose("regexp_replace({text}, '\\.?0*$', '')", text=text)
        return text

    # Query rules: their failing rows are selected once, and Great Expectations judges that small table.

    def _queries(self, rules: Sequence[Rule]) -> list[Evaluated]:
        broken: dict[str, Outcome] = {}
        tables: dict[str, Sql] = {}
        for rule in rules:
            try:
                select_failures(self._con, rule, self._table(rule), self._values, Sql("quality.selected"))
                tables[rule.name] = self._table(rule)
            except (duckdb.Error, BadQueryError) as error:
                broken[rule.name] = Outcome(rule, broken=str(error).splitlines()[0])
                continue
            # At once, so that the next rule's `used` view leaves these rows out.
            self._put_aside(rule, tables[rule.name])
        checks = [Check(rule, tables[rule.name]) for rule in rules if rule.name in tables]
        outcomes = {o.rule.name: o for o in validate(self._con, checked_view(self._stream), checks)} | broken
        evaluated = []
        for rule in rules:
            item = Evaluated(outcomes[rule.name])
            if item.outcome.rows_failed:
                item.failures = tables[rule.name]
                self._count(item)
            evaluated.append(item)
        return evaluated

    # What a failing row leads to.

    def _settled(self, item: Evaluated) -> Evaluated:
        if item.failures is not None:
            self._put_aside(item.rule, item.failures)
            self._count(item)
        return item

    def _put_aside(self, rule: Rule, failures: Sql) -> None:
        if rule.effect == "set_aside":
            self._con.execute(
                compose(
                    "insert into quality.{aside} select distinct _extraction_id, _row from {failures}",
                    aside=identifier(f"set_aside_{self._stream.name}"),
                    failures=failures,
                )
            )

    def _count(self, item: Evaluated) -> None:
        """Failing rows by extraction, and the check that Great Expectations counted what was put aside."""
        rows = self._con.execute(
            compose(
                "select _extraction_id, count(distinct coalesce(cast(_row as varchar), '')), count(*) from {failures} "
                "group by all",
                failures=item.failures,
            )
        ).fetchall()
        kept = sum(row[2] for row in rows)
        if kept != item.outcome.rows_failed:
            found = f"Great Expectations counted {item.outcome.rows_failed} failing rows, {kept} were selected"
            item.outcome = Outcome(item.rule, item.outcome.rows_failed, broken=found)
        item.failed_by_extraction = {row[0]: row[1] for row in rows if row[0] is not None}

    def _table(self, rule: Rule) -> Sql:
        return compose("quality.{name}", name=identifier(f"failed_{self._stream.name}_{rule.name}"))
