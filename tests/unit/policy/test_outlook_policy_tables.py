"""The tables of score, churn, retention and expansion say for each segment what a naive look at the files says."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.policy import churn, health_score
from orchestration.policy.document import read_document
from orchestration.policy.health_score import HealthScore, SignalGroups
from orchestration.policy.load import load_policies
from orchestration.policy.measures import BASELINE_FIELDS, DIMENSIONS, MEASURES, OTHER_FACTS, SEGMENTS, THEMES, WINDOWED
from orchestration.policy.models import Policies
from orchestration.policy.tables import policy_tables
from orchestration.sources.streams import STREAMS

SHIPPED = Path(__file__).parents[3] / "policies"
LOADED = load_policies(SHIPPED)
BASE = read_document(SHIPPED / "health_score.yaml")[0].values
STEP = Decimal("0.000001")
FARTHEST = Decimal(999_999_999_999_999)

# As the specification has them: dimension (weight), measure: bands with their points.
SPECIFIED = {
    "ticket_volume": "<3 7, ≤6 5, ≤10 3",
    "escalation_rate": "<2 6, ≤5 4, ≤10 2",
    "resolution_hours": "<4 5, ≤8 3, ≤24 1",
    "sla_adherence": ">95 4, ≥90 3, ≥85 2",
    "csat": ">4.5 3, ≥4 2, ≥3.5 1",
    "qbr_attendance": "≥100 10, ≥75 7, ≥50 4",
    "email_response_hours": "<24 8, ≤48 5, ≤72 2",
    "portal_logins": ">4 4, ≥2 3, ≥1 1",
    "meeting_acceptance": ">80 3, ≥60 2, ≥40 1",
    "capacity_utilisation": "40–80 6, 20–90 4, 10–95 2",
    "uptime_vs_sla": "≥0 5, ≥−0.1 3, ≥−0.5 1",
    "service_adoption": "≥80 5, ≥60 3, ≥40 1",
    "usage_trend": "≥5 4, >−5 3, >−15 1",
    "tenure_years": "≥5 4, ≥3 3, ≥1 2, ≥0 1",
    "expansions": ">2 4, ≥1 2",
    "reference": "1 3",
    "nps": "≥9 4, ≥7 2",
    "tone": "≥0.25 5, ≥−0.25 3",
    "escalations": "0 4, 1 2, 2 1",
    "competitive": "0 3",
    "budget_pressure": "0 3, 1 1",
}
WEIGHTS = {"support_quality": 25, "engagement": 25, "product_usage": 20, "relationship": 15, "sentiment": 15}


def tables_of(policies: Policies) -> dict[str, list[dict[str, Any]]]:
    return {name: table.to_pylist() for name, table in policy_tables(policies).items()}


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    return tables_of(LOADED)


def with_overrides(overrides: list[dict[str, Any]]) -> Policies:
    """The shipped policies with these overrides: not linted, for random ones may make no sense."""
    return LOADED.model_copy(update={"health_score": HealthScore.model_validate(BASE | {"overrides": overrides})})


weights = st.decimals(1, 60, places=2)
points = st.decimals(0, 20, places=2)
band_lists = st.lists(
    st.builds(
        lambda form, edge, earned: {form: edge, "points": earned},
        st.sampled_from(["below", "at_most", "above", "at_least", "equals"]),
        st.decimals(-50, 50, places=2),
        points,
    ),
    min_size=1,
    max_size=4,
)
percents = st.decimals(0, 100, places=1)
override_values = st.fixed_dictionaries(
    {},
    optional={
        "dimensions": st.dictionaries(st.sampled_from(DIMENSIONS), st.fixed_dictionaries({"weight": weights})),
        "measures": st.dictionaries(
            st.sampled_from(list(MEASURES)),
            st.fixed_dictionaries({}, optional={"max_points": weights, "bands": band_lists}),
            max_size=4,
        ),
        "status": st.fixed_dictionaries({}, optional={"green_at_least": percents, "yellow_at_least": percents}),
        "tier": st.fixed_dictionaries({}, optional={"healthy_at_least": percents, "at_risk_at_least": percents}),
    },
)


def naively(overrides: dict[str, dict[str, Any]], segment: str, *path: str) -> Any:
    """One value for one segment: its override's where that has the key, else the base's."""
    for part in (overrides.get(segment, {}), BASE):
        for key in path:
            part = part.get(key, {}) if isinstance(part, dict) else {}
        if part != {}:
            return part
    raise KeyError(path)


@settings(max_examples=60, deadline=None)
@given(overrides=st.dictionaries(st.sampled_from(SEGMENTS[:3]), override_values))
def test_overrides_are_worked_out_for_each_segment(overrides: dict[str, dict[str, Any]]) -> None:
    tables = tables_of(with_overrides([{"segment": segment} | values for segment, values in overrides.items()]))

    for row in tables["score_dimensions"]:
        segment, dimension = row["segment_key"], row["dimension"]
        of_it = [name for name, facts in MEASURES.items() if facts.dimension == dimension]
        assert row["weight"] == naively(overrides, segment, "dimensions", dimension, "weight")
        assert row["max_points"] == sum(naively(overrides, segment, "measures", name, "max_points") for name in of_it)
    for row in tables["score_measures"]:
        assert row["max_points"] == naively(overrides, row["segment_key"], "measures", row["measure"], "max_points")
    for row in tables["score_cutoffs"]:
        for key in ("green_at_least", "yellow_at_least"):
            assert row[key] == naively(overrides, row["segment_key"], "status", key)
        for key in ("healthy_at_least", "stable_at_least", "at_risk_at_least"):
            assert row[key] == naively(overrides, row["segment_key"], "tier", key)
    for (segment, measure), rows in groupby(tables["score_bands"], lambda row: (row["segment_key"], row["measure"])):
        rows = list(rows)
        bands = naively(overrides, segment, "measures", measure, "bands")
        for value in {edge + step for row in rows for edge in (row["value_from"],) for step in (-STEP, 0, STEP)}:
            if abs(value) <= FARTHEST:
                (row,) = [row for row in rows if row["value_from"] <= value <= row["value_to"]]
                assert (row["band_rank"], row["points"]) == first_that_fits(bands, value)
    assert {row["segment_key"] for row in tables["score_bands"]} == set(SEGMENTS)


def first_that_fits(bands: list[dict[str, Any]], value: Decimal) -> tuple[int, Decimal]:
    """Rank and points of the first band that fits, read word by word; after them all, nothing."""
    for rank, band in enumerate(bands, start=1):
        if (
            value < band.get("below", FARTHEST + 1)
            and value <= band.get("at_most", FARTHEST)
            and value > band.get("above", -FARTHEST - 1)
            and value >= band.get("at_least", -FARTHEST)
            and value == band.get("equals", value)
            and band.get("from", -FARTHEST) <= value <= band.get("to", FARTHEST)
        ):
            return rank, Decimal(band["points"])
    return len(bands) + 1, Decimal(0)


def test_shipped_bands_and_weights_are_the_specified_ones(tables: dict[str, list[dict[str, Any]]]) -> None:
    for segment in SEGMENTS:
        for measure, specified in SPECIFIED.items():
            rows = [r for r in tables["score_bands"] if (r["segment_key"], r["measure"]) == (segment, measure)]
            best_first = sorted({(row["band_rank"], row["band"], row["points"]) for row in rows})
            said = ", ".join(f"{band} {points.normalize():f}" for _, band, points in best_first[:-1])
            assert said == specified
            assert best_first[-1][1:] == ("else", 0)
        found = {r["dimension"]: (r["weight"], r["max_points"]) for r in tables["score_dimensions"]}
        assert found == {name: (weight, weight) for name, weight in WEIGHTS.items()}
    assert list(MEASURES) == list(SPECIFIED)


def test_the_next_better_band_stands_beside_each(tables: dict[str, list[dict[str, Any]]]) -> None:
    rows = [row for row in tables["score_bands"] if (row["segment_key"], row["measure"]) == ("smb", "qbr_attendance")]
    assert [(row["points"], row["next_points"]) for row in rows] == [(10, None), (7, 10), (4, 7), (0, 4)]


def test_shipped_settings_are_the_specified_ones(tables: dict[str, list[dict[str, Any]]]) -> None:
    (score,), (leave,), (keep,), (grow,) = (
        tables[f"{name}_settings"] for name in ("score", "churn", "retention", "expansion")
    )
    long = {"qbr_attendance": 365, "nps": 365}
    short = {"capacity_utilisation": 28, "service_adoption": 28, "usage_trend": 28}
    for measure in WINDOWED:
        assert score.pop(f"{measure}_days") == (long | short).get(measure, 90)
    assert list(score.values()) == [30, Decimal("365.25"), 90, 50, 5, 3, 7, 14, 28, 45, 15, 90, 15, 7, 366, 365]
    assert list(leave.values()) == [
        70, 40, 10, 90, 20, 180, 10, 15, 10, 25, 15, 10, 95, 180, 90, 90, 90, 90, 28, Decimal("0.1"), 20, 2, 30, 50,
        200, "prior", 3, 10, 90, 75, 50, 50,
    ]  # fmt: skip
    assert list(keep.values()) == [
        60, 30, 180, 120, "Executive sponsor", 70, "RED", 90, 2, 2, 80, Decimal("0.05"), Decimal("99.99"), 3, 30, 15,
        60, 25, 80, 100, 0, 5, 30, 60,
    ]  # fmt: skip
    assert list(grow.values()) == [
        "GREEN", 75, 10, 90, Decimal("0.5"), Decimal("0.1"), Decimal("0.95"), 80, 2, 85, 90, 10, 90, 180, 85, 90, 30,
        48, 50000, "AE",
    ]  # fmt: skip
    cutoffs = {tuple(row.values())[1:] for row in tables["score_cutoffs"]}
    assert cutoffs == {(80, 60, 85, 70, 50)}
    assert [row["role"] for row in tables["leadership_roles"]] == ["executive", "technical"]


def test_shipped_steps_and_rules_are_the_specified_ones(tables: dict[str, list[dict[str, Any]]]) -> None:
    steps = {
        level: [(row["phase"], row["due_days"] or row["days_before_renewal"], row["owner_role"]) for row in rows]
        for level, rows in groupby(tables["retention_steps"], lambda row: row["level"])
    }
    assert steps == {
        "high": [
            ("immediate", 5, "CEO or VP Sales"),
            ("immediate", 7, "VP Operations"),
            ("immediate", 7, "VP Customer Success"),
            ("short_term", 21, "CEO, VP Sales and VP Operations"),
            ("short_term", 28, "VP Sales with CFO"),
            ("short_term", 28, "VP Sales with Marketing"),
        ],
        "medium": [
            ("immediate", 7, "CSM"),
            ("short_term", 14, "CSM with AE"),
            ("short_term", 21, "VP Sales or VP Customer Success"),
            ("short_term", 28, "CSM"),
            ("short_term", 42, "AE"),
        ],
        "renewal": [
            ("renewal", 180, "CSM"),
            ("renewal", 120, "CSM"),
            ("renewal", 90, "AE"),
            ("renewal", 60, "AE"),
            ("renewal", 30, "AE"),
        ],
    }
    only = {row["step"]: row["only_with"] for row in tables["retention_steps"] if row["only_with"]}
    assert only == {"competitive_defence": "competitive_inquiry"}
    decisions = [(*tuple(list(row.values())[3:7]), row["due_days"]) for row in tables["executive_rules"]]
    assert decisions == [
        ("RED", 100000, None, None, 7),
        (None, None, "rfp", 90, 7),
        (None, None, "executive_complaint", 90, 7),
        ("YELLOW", 200000, None, None, 30),
    ]
    additions = [tuple(row.values()) for row in tables["expansion_close_additions"] if row["addition"]]
    assert additions == [
        ("score", 90, FARTHEST, Decimal("0.25")),
        ("score", 85, 90 - STEP, Decimal("0.15")),
        ("score", 80, 85 - STEP, Decimal("0.05")),
        ("expansions", 3, FARTHEST, Decimal("0.1")),
        ("expansions", 1, 3 - STEP, Decimal("0.05")),
    ]
    assert [tuple(row.values()) for row in tables["expansion_priorities"]] == [
        ("HIGH", 1, 40000, 85),
        ("MEDIUM", 2, 20000, 80),
        ("LOW", 3, -FARTHEST, -FARTHEST),
    ]
    assert [row["week"] for row in tables["expansion_stages"]] == [1, 2, 3, 4, 5]


def test_the_baseline_score_is_the_specified_one(tables: dict[str, list[dict[str, Any]]]) -> None:
    def risk(field: str, value: str) -> int:
        (row,) = [
            row
            for row in tables["baseline_bands"]
            if row["field"] == field and row["value_from"] <= Decimal(value) <= row["value_to"]
        ]
        return row["points"]

    assert list(dict.fromkeys(row["field"] for row in tables["baseline_bands"])) == list(BASELINE_FIELDS)
    assert [risk("days_to_renewal", value) for value in ("0", "90", "91")] == [2, 2, 0]
    assert [risk("usage_trend", value) for value in ("-15", "-14.999999", "-5", "-4.999999")] == [3, 1, 1, 0]
    assert [risk("service_adoption", value) for value in ("39.999999", "40", "59.999999", "60")] == [2, 1, 1, 0]
    assert [risk("tickets_open", value) for value in ("0", "1", "2", "3")] == [0, 1, 1, 2]
    assert [risk("csat", value) for value in ("3.499999", "3.5", "3.999999", "4")] == [2, 1, 1, 0]
    assert [risk("blocker", value) for value in ("0", "1", "2")] == [0, 1, 3]
    labels = [tuple(row.values()) for row in tables["baseline_labels"]]
    assert labels == [("Healthy", 0, 2), ("Watch", 3, 5), ("At risk", 6, 2**31 - 1)]


def test_themes_say_each_fact_once(tables: dict[str, list[dict[str, Any]]]) -> None:
    """Of the rules on one fact only the first that fits counts, so no evidence is said twice."""
    rules = tables["theme_rules"]
    assert list(dict.fromkeys(row["theme"] for row in rules)) == list(THEMES)
    for row in rules:
        alike = [other for other in rules if other is not row and all(other[key] == row[key] for key in KEYS)]
        assert all(other["value_to"] < row["value_from"] or row["value_to"] < other["value_from"] for other in alike)
        assert row["fact"] in {**MEASURES, **OTHER_FACTS}
        assert row["lifecycle"] in (None, "onboarding", "!onboarding")
    blocker = [(row["value_from"], row["severity"], row["band"]) for row in rules if row["theme"] == "blocker"]
    assert blocker == [(2, 3, "major"), (1, 2, "minor")]
    adoption = [(row["band"], row["value_to"]) for row in rules if row["theme"] == "adoption_gap"][:2]
    assert adoption == [("below 40", 40 - STEP), ("below 60", 60 - STEP)]


KEYS = ("theme", "fact", "lifecycle")


def test_choices_are_those_of_the_streams() -> None:
    assert get_args(health_score.SignalType) == STREAMS["signals"].column("signal_type").values
    assert get_args(churn.ContactRole) == STREAMS["contacts"].column("role").values
    assert {facts.stream for facts in MEASURES.values()} <= STREAMS.keys()
    assert set(get_args(health_score.Lifecycle)) - {"not onboarding", "not active", "not renewal"} == set(
        STREAMS["accounts"].column("lifecycle").values
    ) - {"churned"}
    assert (*STREAMS["accounts"].column("segment").values, "unknown") == SEGMENTS
    assert set(churn.FACTORS) == set(churn.Factors.model_fields)
    assert "outage" in SignalGroups.model_fields
