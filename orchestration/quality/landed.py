"""Judging what has landed: which extraction each stream uses, which rows and values are set aside, and the counts.

Here: the order of streams, verdicts, falling back to an older extraction, reconciling counts, and the files that the
model step reads. Not here: evaluating rules (`rules.py`), the views they read (`views.py`), the rules themselves
(`expectations/`).

A critical failure on accounts, contracts or activities blocks: nothing may be published on it. On any other stream
it rejects the extraction, and the next older one of that source is tried, until one is accepted or none is left.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.quality.failures import FAILURE_COLUMNS
from orchestration.quality.names import MatchSettings, match_names
from orchestration.quality.results import CheckResult
from orchestration.quality.rules import Evaluated, StreamRules, Thresholds
from orchestration.quality.suites import Rule, Suite
from orchestration.quality.views import (
    Candidate,
    CheckContext,
    Extraction,
    checked_view,
    column_problems,
    create_used_view,
    create_views,
    note_extractions,
    open_connection,
    places_view,
)
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal
from orchestration.sources.streams import STREAMS, Stream

# Accounts before all that refers to them, rates before all that has a currency; cross rules come after every stream.
_FIRST = ("accounts", "fx_rates")
SHAPE_RULE = "columns_present"
# A required stream that never landed fails this one: it has no rows.
COUNT_RULE = "row_count_plausible"
AFTER_AS_OF = "after_as_of"


class ReconciliationError(AssertionError):
    """Rows were lost or made up between what was read and what is used: a fault of this program, never of data."""


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """read = used + set aside + passed over, the last by reason."""

    rows_read: int = 0
    rows_landed: int = 0
    rows_used: int = 0
    rows_set_aside: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def reconcile(self, stream: str) -> None:
        """Raise ReconciliationError unless every row read is accounted for."""
        passed_over = sum(self.passed_over.values())
        if self.rows_read != self.rows_used + self.rows_set_aside + passed_over:
            raise ReconciliationError(
                f"{stream}: {self.rows_read} rows read, but {self.rows_used} used + {self.rows_set_aside} set aside + "
                f"{passed_over} passed over ({_by_reason(self.passed_over)}) "
                f"= {self.rows_used + self.rows_set_aside + passed_over}"
            )


@dataclass(frozen=True, slots=True)
class Rejection:
    """An extraction that isn't used, and the rule that says so."""

    source: str
    extraction_id: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class StreamChecks:
    """What the checks decided about one stream.

    verdict: `accepted`; `rejected` (at least one extraction was; `used` says what stands in, if anything);
    `blocked` (a required stream with a critical failure or never landed: nothing may be published); `absent` (never
    landed); `not_checked` (accounts never landed, so nothing else can be judged).
    """

    stream: str
    verdict: str
    used: tuple[Candidate, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    results: tuple[CheckResult, ...] = ()
    counts: StreamCounts = field(default_factory=StreamCounts)


@dataclass(frozen=True, slots=True)
class LandedChecks:
    """All streams' checks, and where the files for the model step are."""

    streams: Mapping[str, StreamChecks]
    row_failures: Path
    row_effects: Path
    account_matches: Path
    rules: Path
    known: Path
    seconds: float

    @property
    def blocked(self) -> tuple[str, ...]:
        """The streams because of which nothing may be published."""
        return tuple(name for name, checks in self.streams.items() if checks.verdict == "blocked")


def check_landed(
    candidates: Mapping[str, Sequence[Candidate]],
    suites: Mapping[str, Suite],
    policy_tables: Mapping[str, pa.Table],
    context: CheckContext,
    matching: MatchSettings,
    work_dir: Path,
    thresholds: Thresholds = lambda source, stream, rule: None,
    memory_limit: str = "3GB",
    threads: int | None = None,
) -> LandedChecks:
    """Check every stream's known extractions (newest first within a source) and write the findings to `work_dir`."""
    work_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    con = open_connection(context, policy_tables, work_dir, memory_limit, threads)
    try:
        return _Judge(con, candidates, suites, context, matching, work_dir, thresholds).run(started)
    finally:
        con.close()


@dataclass(slots=True)
class _Attempt:
    """One choice of extractions for a stream, and what its rules found."""

    chosen: dict[str, Candidate]
    rules: StreamRules
    evaluated: list[Evaluated] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    critical: dict[str, dict[str, str]] = field(default_factory=dict)  # source -> rule -> why

    @property
    def rows_seen(self) -> int:
        return sum(self.seen.values())


class _Judge:
    """Goes through the streams in order; holds what one run of the checks shares."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        candidates: Mapping[str, Sequence[Candidate]],
        suites: Mapping[str, Suite],
        context: CheckContext,
        matching: MatchSettings,
        work_dir: Path,
        thresholds: Thresholds,
    ) -> None:
        self._con = con
        self._candidates = candidates
        self._suites = suites
        self._context = context
        self._matching = matching
        self._work_dir = work_dir
        self._thresholds = thresholds
        self._source_ranks = self._read_source_ranks()
        self._named: dict[str, list[Extraction]] = {}

    def run(self, started: float) -> LandedChecks:
        self._con.execute(
            compose(
                "create table quality.row_failures(rule varchar, stream varchar, {columns}, effect varchar)",
                columns=joined(Sql(f"{name} {kind}") for name, kind in FAILURE_COLUMNS.items()),
            )
        )
        order = [*_FIRST, *(name for name in STREAMS if name not in _FIRST)]
        decided: dict[str, StreamChecks] = {}
        attempts: dict[str, _Attempt] = {}
        for name in order:
            stream = STREAMS[name]
            if name != "accounts" and not decided["accounts"].used:
                decided[name] = StreamChecks(name, "not_checked")
                self._show(stream, {})
                continue
            decided[name], attempt = self._stream(stream)
            if attempt is not None:
                attempts[name] = attempt
            if name == "accounts":
                self._match_names_of_newest()
        for name, attempt in attempts.items():
            decided[name] = self._with_cross_rules(STREAMS[name], decided[name], attempt)
        return self._write({name: decided[name] for name in STREAMS}, started)

    # One stream

    def _stream(self, stream: Stream) -> tuple[StreamChecks, _Attempt | None]:
        left = self._by_source(stream)
        if not left:
            self._show(stream, {})
            return self._absent(stream), None
        rejections: list[Rejection] = []
        results: tuple[CheckResult, ...] | None = None
        while True:
            chosen = {source: known[0] for source, known in left.items()}
            attempt = self._attempt(stream, chosen, left)
            if results is None:
                # At once: the next attempt's failing rows take the place of these.
                results = self._results(stream, attempt)
            if stream.required or not attempt.critical:
                break
            for source, why in attempt.critical.items():
                refused = left[source].pop(0).extraction.extraction_id
                rejections += [Rejection(source, refused, rule, reason) for rule, reason in why.items()]
            left = {source: known for source, known in left.items() if known}
            if not left:
                self._show(stream, {})
                attempt = None
                break
            # An older extraction may use names that the newest didn't.
            if stream.refers_to_account:
                self._collect_names(stream, _newest(left))
                match_names(self._con, self._matching, self._named)
        self._list_rejections(stream, rejections)
        if attempt is None:
            return StreamChecks(stream.name, "rejected", (), tuple(rejections), results), None
        verdict = "blocked" if attempt.critical else "rejected" if rejections else "accepted"
        counts = self._counts(stream, attempt)
        counts.reconcile(stream.name)
        self._keep_failures(stream, attempt.evaluated)
        used = tuple(attempt.chosen.values())
        return StreamChecks(stream.name, verdict, used, tuple(rejections), results, counts), attempt

    def _by_source(self, stream: Stream) -> dict[str, list[Candidate]]:
        known: dict[str, list[Candidate]] = {}
        for candidate in self._candidates.get(stream.name, ()):
            known.setdefault(candidate.source, []).append(candidate)
        rank = self._source_ranks.get(stream.name, {})
        return dict(sorted(known.items(), key=lambda item: (rank.get(item[0], len(rank) + 1), item[0])))

    def _attempt(
        self, stream: Stream, chosen: dict[str, Candidate], left: Mapping[str, Sequence[Candidate]]
    ) -> _Attempt:
        problems = {c.extraction.extraction_id: column_problems(stream, c) for c in chosen.values()}
        previous = {source: _last_count(left[source][1:]) for source in chosen}
        note_extractions(
            self._con,
            stream,
            [(candidate, previous[source]) for source, candidate in chosen.items()],
            self._source_ranks.get(stream.name, {}),
            problems,
        )
        misshapen = any(problems.values())
        # Files of another shape can't be read by the other rules; the shape rule alone reads bookkeeping only.
        self._show(stream, {} if misshapen else chosen)
        rules = StreamRules(
            self._con,
            stream,
            self._suites[stream.name],
            self._context,
            self._thresholds,
        )
        attempt = _Attempt(chosen, rules)
        attempt.seen = self._rows_seen(stream, chosen)
        attempt.evaluated = rules.run("rows", only=(SHAPE_RULE,) if misshapen else None)
        self._blank_values(stream, attempt)
        attempt.critical = self._judge(attempt)
        return attempt

    def _show(self, stream: Stream, chosen: Mapping[str, Candidate]) -> None:
        extractions = [candidate.extraction for candidate in chosen.values()]
        create_views(self._con, stream, extractions, self._context, self._suites[stream.name].label)

    def _rows_seen(self, stream: Stream, chosen: Mapping[str, Candidate]) -> dict[str, int]:
        rows = self._con.execute(
            compose(
                "select _extraction_id, count(*) from main.{checked} group by all",
                checked=identifier(checked_view(stream)),
            )
        ).fetchall()
        counted = dict(rows)
        return {source: counted.get(c.extraction.extraction_id, 0) for source, c in chosen.items()}

    def _blank_values(self, stream: Stream, attempt: _Attempt) -> None:
        failing = [item for item in attempt.evaluated if item.rule.effect == "blank_value" and item.failures]
        if not failing:
            return
        selected = [
            compose("select _extraction_id, _row, column_name from {failures}", failures=item.failures)
            for item in failing
            if item.failures is not None
        ]
        self._con.execute(
            compose(
                "insert into quality.{blanks} select _extraction_id, _row, list(distinct column_name) "
                "from ({selected}) group by all",
                blanks=identifier(f"blanks_{stream.name}"),
                selected=joined(selected, " union all "),
            )
        )
        columns = self._con.execute(
            compose(
                "select distinct unnest(column_names) from quality.{blanks}",
                blanks=identifier(f"blanks_{stream.name}"),
            )
        ).fetchall()
        create_used_view(self._con, stream, [row[0] for row in columns])

    # Verdicts

    def _judge(self, attempt: _Attempt) -> dict[str, dict[str, str]]:
        critical: dict[str, dict[str, str]] = {}
        families = self._family_counts(attempt)
        for item in attempt.evaluated:
            for source, candidate in attempt.chosen.items():
                failed = item.failed_by_extraction.get(candidate.extraction.extraction_id, 0)
                together = families.get((item.rule.family, source), failed)
                why = _why_critical(item, attempt, source, failed, together)
                if why:
                    critical.setdefault(source, {})[item.rule.name] = why
        return critical

    def _family_counts(self, attempt: _Attempt) -> dict[tuple[str | None, str], int]:
        """Distinct failing rows of each family of rules, by source: two rules on one bad row count once."""
        counts: dict[tuple[str | None, str], int] = {}
        names = sorted({item.rule.family for item in attempt.evaluated if item.rule.family})
        for family in names:
            tables = [i.failures for i in attempt.evaluated if i.rule.family == family and i.failures is not None]
            if not tables:
                continue
            selected = [compose("select _extraction_id, _row from {table}", table=table) for table in tables]
            rows = self._con.execute(
                compose(
                    "select _extraction_id, count(distinct _row) from ({selected}) group by all",
                    selected=joined(selected, " union all "),
                )
            ).fetchall()
            counted = dict(rows)
            for source, candidate in attempt.chosen.items():
                counts[family, source] = counted.get(candidate.extraction.extraction_id, 0)
        return counts

    def _results(self, stream: Stream, attempt: _Attempt) -> tuple[CheckResult, ...]:
        """The newest extractions' results: what was found there is what people must hear of."""
        results = []
        for item in attempt.evaluated:
            reasons = {s: why[item.rule.name] for s, why in attempt.critical.items() if item.rule.name in why}
            notes = list(dict.fromkeys(reasons.values()))
            if reasons and not stream.required:
                ids = ", ".join(attempt.chosen[source].extraction.extraction_id for source in reasons)
                notes.append(f"The extraction is rejected ({ids}); the one before it is tried.")
            checked = len(attempt.chosen) if item.rule.name == SHAPE_RULE else attempt.rows_seen
            results.append(_result(stream.name, item, attempt, checked, bool(reasons), stream.required, notes))
        return tuple(results)

    def _absent(self, stream: Stream) -> StreamChecks:
        if not stream.required:
            return StreamChecks(stream.name, "absent")
        rule = self._suites[stream.name].rule(COUNT_RULE)
        result = CheckResult(
            table=stream.name,
            rule=rule.name,
            title=rule.title,
            description=rule.description,
            severity="critical",
            expected=rule.expected,
            owner_role=rule.owner_role,
            effect=rule.effect,
            rows_checked=0,
            rows_failed=1,
            blocking=True,
            notes=(f"No extraction of {stream.name} is known at as_of, and without them there are no results.",),
        )
        return StreamChecks(stream.name, "blocked", results=(result,))

    def _with_cross_rules(self, stream: Stream, checks: StreamChecks, attempt: _Attempt) -> StreamChecks:
        evaluated = attempt.rules.run("cross")
        self._keep_failures(stream, evaluated)
        rows = checks.counts.rows_used
        results = [_result(stream.name, item, attempt, rows, False, stream.required, ()) for item in evaluated]
        return StreamChecks(
            checks.stream, checks.verdict, checks.used, checks.rejections, (*checks.results, *results), checks.counts
        )

    # Counts and findings

    def _counts(self, stream: Stream, attempt: _Attempt) -> StreamCounts:
        extractions = [candidate.extraction for candidate in attempt.chosen.values()]
        if any(item.rule.name == SHAPE_RULE and item.outcome.rows_failed for item in attempt.evaluated):
            # Nothing of it could be read, so nothing is used: the run is blocked, and every row counts as set aside.
            landed = sum(extraction.rows_landed for extraction in extractions)
            read = sum(extraction.rows_read for extraction in extractions)
            return StreamCounts(read, landed, 0, landed, _passed_over(extractions))
        name = identifier(stream.name)
        landed = self._count(compose("select count(*) from landing.{name}", name=name))
        used = self._count(compose("select count(*) from used.{name}", name=name))
        set_aside = self._count(
            compose(
                "select count(*) from (select distinct _extraction_id, _row from quality.{aside})",
                aside=identifier(f"set_aside_{stream.name}"),
            )
        )
        passed_over = _passed_over(extractions)
        passed_over[AFTER_AS_OF] = landed - attempt.rows_seen
        read = sum(extraction.rows_read for extraction in extractions)
        return StreamCounts(read, landed, used, set_aside, {k: v for k, v in passed_over.items() if v})

    def _count(self, query: Sql) -> int:
        # All of it: a result that is left unread keeps the connection busy.
        return int(self._con.execute(query).fetchall()[0][0])

    def _keep_failures(self, stream: Stream, evaluated: Sequence[Evaluated]) -> None:
        for item in evaluated:
            if item.failures is None:
                continue
            self._con.execute(
                compose(
                    "insert into quality.row_failures select {rule}, {stream}, {columns}, {effect} from {failures}",
                    rule=literal(item.rule.name),
                    stream=literal(stream.name),
                    columns=joined(identifier(name) for name in FAILURE_COLUMNS),
                    effect=literal(item.rule.effect),
                    failures=item.failures,
                )
            )

    def _list_rejections(self, stream: Stream, rejections: Sequence[Rejection]) -> None:
        """A rejected extraction is one issue; its rows are not used, so they are not listed one by one."""
        for rejection in rejections:
            rule = self._suites[stream.name].rule(rejection.rule)
            sentence = f"The extraction {rejection.extraction_id} of {stream.name} is not used: {rejection.reason}"
            self._con.execute(
                "insert into quality.row_failures values (?, ?, ?, null, ?, null, null, ?, ?, ?, null, 'listed')",
                [
                    rule.name,
                    stream.name,
                    rejection.extraction_id,
                    rejection.extraction_id,
                    rejection.reason,
                    rule.expected,
                    sentence,
                ],
            )

    # Account names

    def _collect_names(self, stream: Stream, candidates: Sequence[Candidate]) -> None:
        """Have the account names of these extractions matched. Files of another shape are never read."""
        if stream.refers_to_account:
            self._named[stream.name] = [
                candidate.extraction for candidate in candidates if not column_problems(stream, candidate)
            ]

    def _match_names_of_newest(self) -> None:
        for stream in STREAMS.values():
            self._collect_names(stream, _newest(self._by_source(stream)))
        match_names(self._con, self._matching, self._named)

    def _read_source_ranks(self) -> dict[str, dict[str, int]]:
        ranks: dict[str, dict[str, int]] = {}
        known = self._con.execute("select table_name from duckdb_tables() where schema_name = 'policy'").fetchall()
        if ("stream_sources",) in known:
            for stream, source, rank in self._con.execute(
                "select stream, source, source_rank from policy.stream_sources order by stream, source_rank"
            ).fetchall():
                ranks.setdefault(stream, {})[source] = rank
        return ranks

    # Files

    def _write(self, streams: Mapping[str, StreamChecks], started: float) -> LandedChecks:
        names = ("row_failures", "row_effects", "account_matches", "rules")
        paths = {name: self._work_dir / f"{name}.parquet" for name in names}
        self._note_places(streams)
        self._copy(
            Sql(
                'select f.rule, f.stream, f._extraction_id as extraction_id, coalesce(p.place, f._row) as "row", '
                "f.record_key, f.account_id, f.column_name, f.actual, f.expected, f.sentence, f.suggestion, f.effect "
                "from quality.row_failures f "
                "left join quality.places p "
                "on p.stream = f.stream and p._extraction_id = f._extraction_id and p._row = f._row "
                'order by stream, rule, extraction_id, "row", record_key, column_name, actual'
            ),
            paths["row_failures"],
        )
        self._copy(self._effects(streams), paths["row_effects"])
        self._copy(
            Sql("select account_name, account_id, method from matching.account_matches order by account_name"),
            paths["account_matches"],
        )
        rules = [rule_row(suite, rule) for suite in self._suites.values() for rule in suite.rules]
        self._con.register("rules", pa.Table.from_pylist(rules))
        self._copy(Sql("select * from rules order by stream, rule"), paths["rules"])
        known = self._work_dir / "known.json"
        known.write_text(json.dumps(_known(streams), indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")
        return LandedChecks(streams, **paths, known=known, seconds=time.monotonic() - started)

    def _note_places(self, streams: Mapping[str, StreamChecks]) -> None:
        """Where in their files the failing rows stand."""
        self._con.execute(
            "create table quality.places(stream varchar, _extraction_id varchar, _row bigint, place bigint)"
        )
        for name in streams:
            self._con.execute(
                compose(
                    "insert into quality.places select {stream}, p._extraction_id, p._row, p.place from {places} p "
                    "semi join (select * from quality.row_failures where stream = {stream}) f "
                    "on f._extraction_id = p._extraction_id and f._row = p._row",
                    stream=literal(name),
                    places=places_view(STREAMS[name]),
                )
            )

    def _effects(self, streams: Mapping[str, StreamChecks]) -> Sql:
        """What of the landed files in use is not read: rows that are gone or set aside, and values that are blanked."""
        gone = [
            compose(
                "select {stream} as stream, {source} as source, _row as landed_row, 'gone' as effect, "
                "null::varchar as column_name from read_parquet({file})",
                stream=literal(name),
                source=literal(candidate.source),
                file=literal(str(candidate.extraction.gone_path)),
            )
            for name, checks in streams.items()
            for candidate in checks.used
            if candidate.extraction.gone_path is not None
        ]
        found = Sql(
            "select distinct f.stream, e.source, f._row as landed_row, f.effect, "
            "case when f.effect = 'blank_value' then f.column_name end as column_name "
            "from quality.row_failures f "
            "join run.extractions e on e.stream = f.stream and e.extraction_id = f._extraction_id "
            "where f.effect <> 'listed' and f._row is not null"
        )
        return compose(
            "select * from ({all}) order by stream, source, landed_row, effect, column_name",
            all=joined([found, *gone], " union all "),
        )

    def _copy(self, query: Sql, path: Path) -> None:
        self._con.execute(
            compose("copy ({query}) to {path} (format parquet, compression zstd)", query=query, path=literal(str(path)))
        )


def rule_row(suite: Suite, rule: Rule) -> dict[str, str]:
    """A rule's words, as the rules table has them."""
    return {
        "rule": rule.name,
        "stream": suite.table,
        "severity": rule.severity,
        "title": rule.title,
        "description": rule.description,
        "owner_role": rule.owner_role,
        "expected": rule.expected,
        "suite": suite.table,
    }


def _why_critical(item: Evaluated, attempt: _Attempt, source: str, failed: int, together: int) -> str | None:
    """Why the rule's failure is critical for this source's extraction, or None where it isn't."""
    rule = item.rule
    if item.outcome.broken is not None:
        # Rows that should have been set aside may not have been, so a broken check is no reason to go on.
        return f"the check could not be run: {item.outcome.broken}" if rule.guards_use else None
    if not failed:
        return None
    if rule.severity == "critical":
        return _first_sentence(attempt, item) or f'it fails the rule "{rule.title}"'
    threshold = attempt.rules.threshold(rule, source)
    seen = attempt.seen[source]
    if threshold is None or not seen or 100 * together <= threshold * seen:
        return None
    return (
        f"{together:,} of {seen:,} rows of source {source} ({100 * together / seen:.2f} %) fail "
        f"{'rules on ' + rule.family if rule.family else rule.title}, over the limit of {threshold:g} %"
    )


def _first_sentence(attempt: _Attempt, item: Evaluated) -> str | None:
    """What the rule itself says of its first failing row, which names the figures."""
    return next((str(row["sentence"]) for row in attempt.rules.sample(item) if row.get("sentence")), None)


def _result(
    stream: str,
    item: Evaluated,
    attempt: _Attempt,
    rows_checked: int,
    is_critical: bool,
    is_required: bool,
    notes: Sequence[str],
) -> CheckResult:
    rule = item.rule
    return CheckResult(
        table=stream,
        rule=rule.name,
        title=rule.title,
        description=rule.description,
        severity="critical" if is_critical else rule.severity,
        expected=rule.expected,
        owner_role=rule.owner_role,
        effect=rule.effect,
        rows_checked=rows_checked,
        rows_failed=item.outcome.rows_failed,
        sample=attempt.rules.sample(item),
        broken=item.outcome.broken,
        blocking=is_critical and is_required,
        notes=tuple(notes),
    )


def _newest(by_source: Mapping[str, Sequence[Candidate]]) -> list[Candidate]:
    return [known[0] for known in by_source.values()]


def _last_count(older: Sequence[Candidate]) -> int | None:
    """Rows of the last extraction before that had any: an empty one says nothing about how many there should be."""
    return next((c.extraction.rows_landed for c in older if c.extraction.rows_landed), None)


def _passed_over(extractions: Sequence) -> dict[str, int]:
    passed_over: dict[str, int] = {}
    for extraction in extractions:
        for reason, rows in extraction.passed_over.items():
            passed_over[reason] = passed_over.get(reason, 0) + rows
    return passed_over


def _by_reason(passed_over: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {rows}" for reason, rows in passed_over.items()) or "nothing"


def _known(streams: Mapping[str, StreamChecks]) -> dict[str, object]:
    return {
        name: {
            "verdict": checks.verdict,
            "extractions": [
                {
                    "source": candidate.source,
                    "extraction_id": candidate.extraction.extraction_id,
                    "extracted_at": candidate.extraction.extracted_at.astimezone(dt.UTC).isoformat(),
                }
                for candidate in checks.used
            ],
            "rejections": [
                {"source": r.source, "extraction_id": r.extraction_id, "rule": r.rule, "reason": r.reason}
                for r in checks.rejections
            ],
            "rows_read": checks.counts.rows_read,
            "rows_landed": checks.counts.rows_landed,
            "rows_used": checks.counts.rows_used,
            "rows_set_aside": checks.counts.rows_set_aside,
            "passed_over": dict(checks.counts.passed_over),
        }
        for name, checks in streams.items()
    }
