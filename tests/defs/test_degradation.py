"""What is missing, old or bad costs what depends on it and no more: seen through refreshes of one day.

A sound home has two as-ofs nine days apart; in between, every ticket turned bad, so that scores fell and the mix moved.
The hurt homes are copies of it after the first, and refresh the same day with streams hurt in different ways at once.
What must follow is worked out stream by stream, and all else must be as in the sound home. One of the hurt homes is
refreshed as a whole, by Dagster; of the others the models are enough, which takes a tenth of the time.

Files are read "on" a day in the past: what an extraction's age is counted from is its moment, which tests give.
"""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.dbt import ensure_manifest, published_keys
from orchestration.demo import write_demo
from orchestration.policy.measures import DIMENSIONS, MEASURES
from orchestration.publishing.reader import Publication
from orchestration.refresh import extract
from orchestration.refresh.histories import keep
from orchestration.refresh.portfolio import portfolio
from orchestration.refresh.run import Run
from orchestration.sources.drop import extract_stream
from tests.defs.refreshes import Home, Refresh, copy_of, values
from tests.support.stages import make

DAY = date(2024, 3, 13)
BEFORE, YESTERDAY = DAY - timedelta(days=9), DAY - timedelta(days=1)
HURT = ("tickets", "signals", "usage", "opportunities", "survey_responses")
# What a stream must have in each row; without it the row is bad.
NEEDED = {
    "tickets": "created_at",
    "signals": "observed_on",
    "usage": "usage_date",
    "opportunities": "opportunity_id",
    "survey_responses": "survey_id",
}
CHECKED = {
    "tickets": "created_at_present",
    "signals": "observed_on_present",
    "usage": "usage_date_present",
    "opportunities": "opportunity_id_present",
    "survey_responses": "survey_id_present",
}


@dataclasses.dataclass(frozen=True)
class Hurt:
    """How a stream is hurt.

    `file`: its file on the day: gone, unreadable, empty or bad. `last_read`: when last it was read well, None: never.
    `is_known` says whether what depends on the stream can be told all the same, `words` what readers get instead.
    """

    file: str
    last_read: date | None
    is_known: bool
    words: str | None = None


NINE_DAYS = "{} read 9 days ago, limit {} days"
HOMES = {
    "all are nine days old": {
        "tickets": Hurt("gone", BEFORE, False, NINE_DAYS.format("tickets", 2)),
        "signals": Hurt("bad", BEFORE, True, NINE_DAYS.format("signals", 2)),
        "usage": Hurt("empty", BEFORE, False, NINE_DAYS.format("usage", 8)),
        "opportunities": Hurt("gone", BEFORE, True, NINE_DAYS.format("opportunities", 2)),
        "survey_responses": Hurt("unreadable", BEFORE, True, NINE_DAYS.format("survey responses", 2)),
    },
    "none was ever read": {
        "tickets": Hurt("empty", None, False, "tickets could not be used"),
        "signals": Hurt("gone", None, False, "signals never read"),
        "usage": Hurt("bad", None, False, "usage could not be used"),
        "opportunities": Hurt("empty", None, False, "opportunities could not be used"),
        "survey_responses": Hurt("bad", None, False, "survey responses could not be used"),
    },
    "some were read yesterday": {
        "tickets": Hurt("bad", YESTERDAY, True),
        "signals": Hurt("empty", YESTERDAY, True),
        "usage": Hurt("gone", None, False, "usage never read"),
        "opportunities": Hurt("bad", BEFORE, True, NINE_DAYS.format("opportunities", 2)),
        "survey_responses": Hurt("gone", YESTERDAY, True),
    },
}
# Whatever identifies the run, which differs between runs of the same day.
RUN = {"run_id", "published_at", "policy_version"}


WHOLE = "all are nine days old"


@dataclasses.dataclass(frozen=True)
class Case:
    """What came of a home on the day, and how it was hurt: rows of its published tables, and the rules that failed."""

    rows: Callable[[str], list[dict[str, Any]]]
    failed: Callable[[str], set[str]]
    hurt: dict[str, Hurt]

    def table(self, name: str, where: str = "true") -> list[dict[str, Any]]:
        """The rows of a published table but for what names the run, in an order of their own."""
        found = self.rows(f"select * from {name} where {where}")
        return sorted(({key: row[key] for key in row if key not in RUN} for row in found), key=repr)

    def health(self) -> dict[str, dict[str, Any]]:
        return {row["account_id"]: row for row in self.rows("select * from account_health")}

    def unknown(self) -> set[str]:
        return {stream for stream, hurt in self.hurt.items() if not hurt.is_known}


@dataclasses.dataclass(frozen=True)
class WholeCase(Case):
    """A case of a whole refresh, with what Dagster tells of it."""

    home: Home
    refresh: Refresh


def whole_case(home: Home, hurt: dict[str, Hurt]) -> WholeCase:
    refresh = home.refresh(DAY)
    assert refresh.success, refresh.failures

    def rows(query: str) -> list[dict[str, Any]]:
        with Publication.open(home.settings.published_path) as publication:
            return publication.rows(query)

    def failed(stream: str) -> set[str]:
        return {rule for rule, check in refresh.checks("landing", stream).items() if not check.passed}

    return WholeCase(rows, failed, hurt, home, refresh)


def models_case(home: Home, hurt: dict[str, Hurt]) -> Case:
    made = make(Run(home.settings, DAY, "models-alone"))

    def failed(stream: str) -> set[str]:
        checks = made.checks.streams[stream]
        broken = {result.rule for result in checks.results if not result.passed}
        return broken | {rejection.rule for rejection in checks.rejections}

    return Case(made.rows, failed, hurt)


# -- the homes -----------------------------------------------------------------------------------------------------


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def written(file: Path, rows: list[list[str]], day: date) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)
    exported(file, day)


def exported(file: Path, day: date) -> None:
    """As if it had been exported on that day."""
    os.utime(file, (noon(day).timestamp(),) * 2)


def read_rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def with_cells(file: Path, day: date, every: int = 1, **cells: str) -> None:
    """The same file with these cells on every n-th row."""
    header, *rows = read_rows(file)
    for row in rows[::every]:
        for column, text in cells.items():
            row[header.index(column)] = text
    written(file, [header, *rows], day)


def hurt_file(file: Path, stream: str, how: str) -> None:
    if how == "gone":
        file.unlink()
    elif how == "unreadable":
        written(file, [["nothing", "of", "the", "kind"], ["1", "2", "3", "4"]], DAY)
    elif how == "empty":
        written(file, read_rows(file)[:1], DAY)
    else:
        with_cells(file, DAY, every=10, **{NEEDED[stream]: ""})


@pytest.fixture(scope="module")
def read_on() -> Iterator[Callable[[date], None]]:
    """Says on which day files are read from now on."""
    patch = pytest.MonkeyPatch()

    def on(day: date) -> None:
        def read(*arguments: Any, **named: Any):
            return extract_stream(*arguments, **{**named, "extracted_at": noon(day)})

        patch.setattr(extract, "extract_stream", read)

    yield on
    patch.undo()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, read_on: Callable[[date], None]) -> Home:
    """A home after its first as-of, all of whose streams are sound."""
    drop = tmp_path_factory.mktemp("sound") / "drop"
    write_demo(drop, DAY, accounts=100)
    for file in drop.glob("*.csv"):
        exported(file, BEFORE)
    home = Home.make(tmp_path_factory.mktemp("first"), drop)
    read_on(BEFORE)
    run = Run(home.settings, BEFORE, "before")
    keep(run, make(run).con, published_keys(ensure_manifest(home.settings)))
    return home


@pytest.fixture(scope="module")
def drop_of_the_day(tmp_path_factory: pytest.TempPathFactory, first: Home) -> Path:
    """The same company on the day: every ticket was escalated, late and badly received."""
    drop = Path(shutil.copytree(first.settings.drop_path, tmp_path_factory.mktemp("day") / "drop"))
    for file in drop.glob("*.csv"):
        exported(file, DAY)
    with_cells(drop / "tickets.csv", DAY, escalated="true", sla_met="false", csat="1")
    return drop


@pytest.fixture(scope="module")
def sound(
    tmp_path_factory: pytest.TempPathFactory, first: Home, drop_of_the_day: Path, read_on: Callable[[date], None]
) -> WholeCase:
    home = copy_of(first, tmp_path_factory.mktemp("copies") / "sound", drop_of_the_day)
    read_on(DAY)
    return whole_case(home, {})


@pytest.fixture(scope="module")
def hurt_home(
    tmp_path_factory: pytest.TempPathFactory,
    first: Home,
    drop_of_the_day: Path,
    read_on: Callable[[date], None],
) -> Callable[[str], Home]:
    """Makes the home of a name, hurt, ready for its refresh of the day."""

    def make_home(name: str) -> Home:
        work = tmp_path_factory.mktemp("hurt")
        drop = Path(shutil.copytree(drop_of_the_day, work / "drop"))
        home = copy_of(first, work / "home", drop)
        for stream, how in HOMES[name].items():
            file = drop / f"{stream}.csv"
            if how.last_read != BEFORE:
                shutil.rmtree(home.settings.landing_path / stream)
            if how.last_read == YESTERDAY:
                read_on(YESTERDAY)
                exported(file, YESTERDAY)
                extract.extract(Run(home.settings, YESTERDAY, "yesterday"), stream)
            hurt_file(file, stream, how.file)
        read_on(DAY)
        return home

    return make_home


@pytest.fixture(scope="module")
def hurt_whole(hurt_home: Callable[[str], Home]) -> WholeCase:
    return whole_case(hurt_home(WHOLE), HOMES[WHOLE])


@pytest.fixture(scope="module", params=HOMES)
def hurt(request: pytest.FixtureRequest, hurt_home: Callable[[str], Home]) -> Case:
    if request.param == WHOLE:
        return request.getfixturevalue("hurt_whole")
    return models_case(hurt_home(request.param), HOMES[request.param])


# -- what a hurt stream costs --------------------------------------------------------------------------------------


def test_the_run_publishes(hurt_whole: WholeCase) -> None:
    assert hurt_whole.home.current is not None
    assert hurt_whole.home.current.manifest.run_id == hurt_whole.refresh.result.run_id
    assert hurt_whole.home.current.manifest.as_of_date == DAY


def test_a_file_that_is_empty_or_bad_is_rejected_for_it(hurt: Case) -> None:
    for stream, how in hurt.hurt.items():
        rule = {"empty": "row_count_plausible", "bad": CHECKED[stream]}.get(how.file)
        if rule is not None:
            assert rule in hurt.failed(stream), stream


def test_a_file_that_cannot_be_read_is_told_of(hurt_whole: WholeCase) -> None:
    readable = hurt_whole.refresh.checks("landing", "survey_responses")["readable"]
    assert not readable.passed
    assert "survey_responses.csv" in readable.description
    assert hurt_whole.refresh.metadata("landing", "survey_responses")["status"] == "failed"
    assert hurt_whole.refresh.metadata("landing", "tickets")["status"] == "absent"
    told = {row["stream"]: row["problem"] for row in hurt_whole.rows("select stream, problem from source_freshness")}
    assert "survey_responses.csv" in told["survey_responses"]
    assert "rejected" in told["signals"]
    assert "rejected" in hurt_whole.refresh.checks("landing", "signals")["landed"].metadata["verdict"].value


def test_no_check_of_such_a_file_blocks(hurt_whole: WholeCase) -> None:
    for stream in HURT:
        assert not any(check.blocking for check in hurt_whole.refresh.checks("landing", stream).values()), stream


def test_freshness_says_how_old_each_stream_is(sound: Case, hurt: Case) -> None:
    columns = "stream, is_present, age_days, is_stale, is_omitted, on_stale"
    query = f"select {columns} from source_freshness order by stream"
    for row, as_it_would_be in zip(hurt.rows(query), sound.rows(query), strict=True):
        how = hurt.hurt.get(row["stream"])
        if how is None:
            assert row == as_it_would_be
        else:
            assert row["is_present"] == (how.last_read is not None), row
            assert row["age_days"] == (None if how.last_read is None else (DAY - how.last_read).days), row
            assert row["is_stale"] == (how.last_read == BEFORE), row
            assert row["is_omitted"] == (how.last_read == BEFORE and not how.is_known), row


def test_measures_of_what_is_not_known_are_missing_and_say_why(hurt: Case) -> None:
    measures = hurt.rows("select * from account_health_measures")
    assert len(measures) == len(hurt.health()) * len(MEASURES)
    for row in measures:
        if row["source"] in hurt.unknown():
            assert not row["is_present"], row
            assert (row["value"], row["band"], row["points"], row["source_records"]) == (None, None, None, 0), row
            assert row["missing_reason"] == hurt.hurt[row["source"]].words, row


def test_all_other_measures_are_as_they_would_be(sound: Case, hurt: Case) -> None:
    lost = ", ".join(f"'{stream}'" for stream in hurt.unknown())
    columns = "account_id, measure, value, band, points, max_points, missing_reason, source_records"
    query = f"select {columns} from account_health_measures where source not in ({lost}) order by 1, 2"
    assert hurt.rows(query) == sound.rows(query)


def test_dimensions_without_half_their_measures_are_missing(sound: Case, hurt: Case) -> None:
    """And the others are what their other measures make them; those that lost nothing are as they would be."""
    before = sound.health()
    for account_id, row in hurt.health().items():
        for dimension in DIMENSIONS:
            of_it = [measure for measure in MEASURES.values() if measure.dimension == dimension]
            if not any(measure.stream in hurt.unknown() for measure in of_it):
                assert row[dimension] == before[account_id][dimension], (account_id, dimension)
        if "tickets" in hurt.unknown():
            assert row["support_quality"] is None, account_id
            assert "support quality" in row["missing_dimensions"], account_id
            assert hurt.hurt["tickets"].words in row["missing_dimensions"], account_id
        assert row["product_usage"] is None, account_id
        assert f"product usage ({hurt.hurt['usage'].words})" in row["missing_dimensions"], account_id


def test_confidence_counts_the_dimensions_that_are_left(hurt: Case) -> None:
    for account_id, row in hurt.health().items():
        left = sum(row[dimension] is not None for dimension in DIMENSIONS)
        expected = "high" if left == 5 else "medium" if left >= 3 else "low"
        assert row["confidence"] == expected, (account_id, left)
        assert row["needs_review"] == (expected == "low"), account_id
        assert (row["missing_dimensions"] is None) == (left == 5), account_id
        assert row["score"] is None or row["score_low"] <= row["score"] <= row["score_high"], account_id


def test_confidence_falls_by_what_is_lost(sound: Case, hurt: Case) -> None:
    whole = {key for key, row in sound.health().items() if row["confidence"] == "high"}
    assert len(whole) > 20
    left = hurt.health()
    # Without signals and tickets a third of what sentiment rests on is left, which is too little.
    lost = len({"usage", "tickets", "signals"} & hurt.unknown())
    found = Counter(left[account_id]["confidence"] for account_id in whole)
    # An account with few e-mails and reviews may lose engagement with its logins, too.
    expected = ["high", "medium", "medium", "low"][lost]
    assert found.keys() <= {expected, "low"}
    assert found[expected] > len(whole) / 2


def test_stale_sources_are_named(hurt: Case) -> None:
    [said] = {row["stale_sources"] for row in hurt.health().values()}
    old = {stream: how.words for stream, how in hurt.hurt.items() if how.last_read == BEFORE}
    assert said == ("; ".join(old[stream] for stream in sorted(old)) or None)


def test_risks_of_what_is_not_known_say_so(sound: Case, hurt: Case) -> None:
    before = {row["account_id"]: row for row in sound.rows("select * from account_churn")}
    for row in hurt.rows("select * from account_churn"):
        if "signals" in hurt.unknown():
            assert not row["budget_pressure"]
            assert row["budget_pressure_evidence"].startswith("not known"), row["budget_pressure_evidence"]
            assert "signals" in row["budget_pressure_evidence"]
        elif row["account_id"] in before:
            assert row["budget_pressure"] == before[row["account_id"]]["budget_pressure"]
            assert row["budget_pressure_evidence"] == before[row["account_id"]]["budget_pressure_evidence"]


@pytest.mark.parametrize("table", ["health_check_targets", "health_check_performance", "health_check_accounts"])
def test_what_rests_on_other_streams_is_as_it_would_be(sound: Case, hurt: Case, table: str) -> None:
    if "opportunities" in hurt.unknown():
        # Health checks rest on these too; what doesn't are the contracts' windows.
        columns = "target_id" if table == "health_check_targets" else "count(*) as rows"
        query = f"select {columns} from {table} order by 1"
        assert hurt.rows(query) == sound.rows(query)
    else:
        assert hurt.table(table) == sound.table(table)


# -- the portfolio on the page of the asset --------------------------------------------------------------------------


def test_the_page_tells_the_portfolio(sound: WholeCase) -> None:
    told = sound.refresh.observed("published", "account_health")
    health = sound.health()
    assert told["scored accounts"] == told["dagster/row_count"] == len(health)
    assert "█" in told["scores"]
    for kind in ("status", "tier"):
        counted = {record.data["part"]: record.data["accounts"] for record in told[f"accounts by {kind}"].records}
        expected: dict[str, int] = {}
        for row in health.values():
            expected[row[kind] or "none"] = expected.get(row[kind] or "none", 0) + 1
        assert {part: accounts for part, accounts in counted.items() if accounts} == expected
    assert told["newly at risk"] == sum(row["newly_at_risk"] for row in health.values())
    assert told["confidence"].startswith("high: ")
    assert "stale sources" not in told


def test_the_page_tells_who_fell_and_why(sound: WholeCase) -> None:
    told = sound.refresh.observed("published", "account_health")
    health = {row["account_name"]: row for row in sound.health().values()}
    fallen = [record.data for record in told["fell most in a week"].records]
    changes = sorted(row["change_week"] for row in health.values() if row["change_week"] is not None)
    assert [one["change"] for one in fallen] == [float(change) for change in changes[:10]]
    assert all(one["change"] < -10 for one in fallen)
    for one in fallen:
        assert one["score"] == float(health[one["account"]]["score"])
        assert "escalation rate 0.0 → 100.0 (−6)" in one["why"], one
        assert one["why"].count("→") <= 3


def test_the_page_names_stale_sources(hurt_whole: WholeCase) -> None:
    told = hurt_whole.refresh.observed("published", "account_health")
    [said] = {row["stale_sources"] for row in hurt_whole.health().values()}
    assert told.get("stale sources") == said


def test_the_figures_are_the_same_wherever_they_are_read(sound: WholeCase) -> None:
    """Another run finds them in the warehouse as the refresh did."""
    found = portfolio(Run(sound.home.settings, DAY, "another"))
    told = sound.refresh.observed("published", "account_health")
    assert found.accounts == told["scored accounts"]
    assert [mover.account_name for mover in found.fell] == [
        record.data["account"] for record in told["fell most in a week"].records
    ]
    assert sum(found.distribution.values()) == sum(row["score"] is not None for row in sound.health().values())


def test_a_mix_that_moves_too_fast_is_told_and_stops_nothing(sound: WholeCase) -> None:
    moved = sound.rows("select * from portfolio_mix where is_large_move")
    assert moved
    assert all(abs(row["change_points"]) > 15 for row in moved)
    check = sound.refresh.checks("published", "portfolio_mix")["mix_moves_slowly"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert values(check.metadata)["rows failed"] == len(moved)
    assert "publication__snapshot" in sound.refresh.ran
    assert sound.home.current is not None
    assert sound.home.current.manifest.run_id == sound.refresh.result.run_id
