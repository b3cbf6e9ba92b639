"""What the documents hold, read from one publication.

Here: titles, order and how figures are written. Not here: the figures (the dbt models) and the markup (the templates).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any

from orchestration.publishing.reader import Publication

Row = Mapping[str, Any]

DASHBOARD = "executive_dashboard"
REVIEWS: Mapping[str, str] = MappingProxyType(
    {"weekly_review": "Weekly review", "monthly_report": "Monthly report", "playbook_review": "Playbook review"}
)
_SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "newly_at_risk": "Newly at risk",
        "week_over_week": "Week over week",
        "interventions_worked": "Interventions that worked",
        "support_needed": "Support needed from others",
        "expansion_status": "Expansion status",
        "churn_forecast": "Churn forecast for the next quarter",
        "large_changes": "Large changes",
        "at_risk_and_critical": "At-risk and critical accounts",
        "outreach_plan": "Outreach plan",
        "last_month_interventions": "Last month's interventions",
        "success_by_strategy": "Success by strategy",
        "signals_that_foretold": "Which signals foretold churn",
        "expansion_criteria": "Which expansion criteria held",
        "survey_results": "Survey results",
    }
)
# Sections without accounts whose first row sums up the others.
_WITH_LEAD = frozenset({"week_over_week"})
_ARROWS: Mapping[str, str] = MappingProxyType({"↑": "up", "↓": "down", "→": "level"})
_URGENCIES: Mapping[str, str] = MappingProxyType({"this_week": "This week", "next_30_days": "Later"})
# Units that a figure needs beside it; money says its own, and counts are named by their column or sentence.
_SHORT_UNITS: Mapping[str, str] = MappingProxyType({"percent": "%", "times": "×", "points": "points"})
_UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text, and for an arrow what it means to who doesn't see it."""

    text: str
    meaning: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns' names."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, a table and a list under it, as far as there are any."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One report: `name` is its file's, `facts` say which publication it is of."""

    name: str
    title: str
    as_of: date
    facts: str
    sections: tuple[Section, ...] = field(default=())


def documents_of(publication: Publication) -> list[Document]:
    """The documents of a publication: the dashboard, and each review that was made as of its date."""
    return [dashboard(publication), *reviews(publication)]


def dashboard(publication: Publication) -> Document:
    """The executive dashboard with the success metrics."""
    rows = publication.rows('select * from portfolio_summary order by section, "rank", unit')
    by_section: dict[str, list[Row]] = {}
    for row in rows:
        by_section.setdefault(row["section"], []).append(row)
    metrics = publication.rows('select * from success_metrics order by "rank"')

    def texts(section: str) -> tuple[str, ...]:
        return tuple(row["text"] for row in by_section.get(section, ()))

    return Document(
        DASHBOARD,
        "Executive dashboard",
        publication.manifest.as_of_date,
        _facts(publication),
        (
            Section("Summary", sentences=texts("summary")),
            Section("Portfolio", table=_pairs("Accounts and ARR by status", "status", by_section["status"])),
            Section(
                "Decisions required",
                table=_counts("Decisions by urgency", "due", by_section["decisions"]),
                items=texts("decision"),
            ),
            Section(
                "Retention priorities",
                sentences=() if texts("retention") else ("Nobody has a retention plan.",),
                items=texts("retention"),
            ),
            Section(
                "Expansion pipeline",
                table=_pairs("Expansions and expected ARR by priority", "priority", by_section["expansion"]),
                items=texts("expansion_case"),
            ),
            Section("Quarter over quarter", table=_trend(by_section["trend"])),
            Section("Success metrics", table=_metrics(metrics)),
        ),
    )


def reviews(publication: Publication) -> list[Document]:
    """The reviews made as of the publication's date, in their order; the others have their documents already."""
    made = publication.rows(
        'select * from review_items where made_on = as_of_date order by report, section_place, "rank"'
    )
    return [
        Document(name, title, publication.manifest.as_of_date, _facts(publication), _review_sections(rows))
        for name, title in REVIEWS.items()
        if (rows := [row for row in made if row["report"] == name])
    ]


def _review_sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    sections: dict[str, list[Row]] = {}
    for row in rows:
        sections.setdefault(row["section"], []).append(row)
    return tuple(_review_section(name, found) for name, found in sections.items())


def _review_section(name: str, rows: Sequence[Row]) -> Section:
    """Where accounts are listed, the first row is about all of them; else all rows are of one kind."""
    title = _SECTIONS.get(name, name.replace("_", " ").capitalize())
    has_lead = name in _WITH_LEAD or len(rows) == 1 or any(row["account_id"] for row in rows)
    lead = rows[:1] if has_lead else []
    rest = rows[len(lead) :]
    return Section(title, tuple(row["text"] for row in lead), items=tuple(row["text"] for row in rest))


def _facts(publication: Publication) -> str:
    manifest = publication.manifest
    return f"As of {_day(manifest.as_of_date)}. Policies {manifest.policy_version}, run {manifest.run_id}."


def _pairs(caption: str, what: str, rows: Sequence[Row]) -> Table:
    """Counts and money of the same things, side by side."""
    items = dict.fromkeys(row["item"] for row in rows)
    counts = {row["item"]: row for row in rows if row["unit"] in ("accounts", "expansions")}
    money = {row["item"]: row for row in rows if row["item"] in counts and row is not counts[row["item"]]}
    unit = next((row["unit"] for row in money.values()), "")
    counted = next((row["unit"] for row in counts.values()), "")
    return Table(
        caption,
        (what, counted, "", unit, ""),
        tuple(
            (
                Cell("without" if item == "none" else item),
                *(cell for of in (counts, money) for cell in (_number(of[item]["figure"]), _arrow(of[item]))),
            )
            for item in items
        ),
    )


def _counts(caption: str, what: str, rows: Sequence[Row]) -> Table:
    return Table(
        caption,
        (what, rows[0]["unit"], ""),
        tuple((Cell(_URGENCIES.get(row["item"], row["item"])), _number(row["figure"]), _arrow(row)) for row in rows),
    )


def _trend(rows: Sequence[Row]) -> Table:
    before = next((row["previous_on"] for row in rows if row["previous_on"]), None)
    return Table(
        f"Against {_day(before)}" if before else "No as-of of the quarter before is kept",
        ("figure", "now", "before", "", "unit"),
        tuple(
            (
                Cell(row["text"].partition(":")[0]),
                _number(row["figure"], row["unit"]),
                _number(row["previous_figure"], row["unit"]),
                _arrow(row),
                Cell(row["unit"]),
            )
            for row in rows
        ),
    )


def _metrics(rows: Sequence[Row]) -> Table:
    return Table(
        "Why a metric can't be measured stands in place of its value",
        ("metric", "value", "target", "met", "baseline", "of", "measured over"),
        tuple(
            (
                Cell(row["title"]),
                Cell(_metric(row["value"], row["unit"]), is_number=True)
                if row["reason"] is None
                else Cell(row["reason"]),
                Cell(row["target_words"] or _UNKNOWN),
                Cell({True: "yes", False: "no", None: _UNKNOWN}[row["is_met"]]),
                Cell(_metric(row["baseline"], row["unit"]), is_number=True),
                Cell(f"{row['n']:,}", is_number=True),
                Cell(row["period"]),
            )
            for row in rows
        ),
    )


def _metric(value: Decimal | None, unit: str) -> str:
    return _UNKNOWN if value is None else f"{_plain(value)} {_SHORT_UNITS.get(unit, unit)}"


def _arrow(row: Row) -> Cell:
    return Cell(row["arrow"] or "", _ARROWS.get(row["arrow"], ""))


def _number(figure: Decimal | None, unit: str = "") -> Cell:
    """Counts and money whole, points with what they have."""
    if figure is None:
        return Cell(_UNKNOWN, is_number=True)
    return Cell(_plain(figure) if unit == "points" else f"{_rounded(figure, 0):,}", is_number=True)


def _plain(figure: Decimal) -> str:
    """With as many decimals as it needs, at most two."""
    return f"{_rounded(figure, 2):,}".rstrip("0").rstrip(".")


def _rounded(figure: Decimal, places: int) -> Decimal:
    """Half away from zero, as in the sentences of the models."""
    return figure.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
