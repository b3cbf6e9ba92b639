"""The tables say, set by set, what a naive look at the overrides says contract by contract."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.policy.health_checks import HealthChecks, normalise_subject
from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.policy.tables import SCHEMAS, policy_tables
from orchestration.sources.streams import STREAMS

SHIPPED = Path(__file__).parents[3] / "policies"
BASE = yaml.safe_load((SHIPPED / "health_checks.yaml").read_text())
LOADED = load_policies(SHIPPED)
# Nothing is closed until somebody says so.
EMPTY_AS_SHIPPED = {"closed_periods"}

SEGMENTS = ["smb", "mid_market", "enterprise"]
PRODUCTS = ["Gold", "gold", "*", "smb", "product=Gold"]
RULES = ["require_attachment", "horizon_quarters", "influence_days", "prepare_days_before_due", "near_miss_days"]
MILESTONE_KEYS = ["anchor", "offset_days", "opens_days_before", "closes_days_after"]

days = st.integers(0, 90)
milestone_changes = st.fixed_dictionaries(
    {},
    optional={
        "anchor": st.sampled_from(["contract_start", "contract_end"]),
        "offset_days": st.integers(-200, 200),
        "opens_days_before": days,
        "closes_days_after": days,
        "enabled": st.booleans(),
    },
)
override_values = st.fixed_dictionaries(
    {},
    optional={
        "require_attachment": st.booleans(),
        "horizon_quarters": st.integers(0, 8),
        "influence_days": days,
        "prepare_days_before_due": days,
        "near_miss_days": days,
        "subject_patterns": st.lists(st.sampled_from(["Check-In", "review", "Health  Check"]), min_size=1, unique=True),
        "milestones": st.dictionaries(st.sampled_from(["post_start", "pre_end"]), milestone_changes),
        "minimum_term_days": st.dictionaries(st.sampled_from(["post_start", "pre_end"]), days),
    },
)
scopes = st.tuples(st.sampled_from([None, *SEGMENTS]), st.sampled_from([None, *PRODUCTS])).filter(any)


def policies_with(overrides: list[dict[str, Any]]) -> Policies:
    """The shipped policies with these overrides: not linted, for random windows may make no sense."""
    checks = HealthChecks.model_validate(BASE | {"overrides": overrides})
    return LOADED.model_copy(update={"health_checks": checks})


def as_override(scope: tuple[str | None, str | None], values: dict[str, Any]) -> dict[str, Any]:
    named = {"segment": scope[0], "product": scope[1]}
    return {key: value for key, value in named.items() if value is not None} | values


def leaf(part: dict[str, Any], path: tuple[str, ...]) -> Any:
    for key in path:
        part = part.get(key, {}) if isinstance(part, dict) else {}
    return None if part == {} else part


def naively(overrides: list[dict[str, Any]], segment: str | None, product: str | None, *path: str) -> Any:
    """One value for one contract: the most specific override that names the key, else the base."""
    for wanted in ((True, True), (False, True), (True, False)):
        for override in overrides:
            named = ("segment" in override, "product" in override)
            fits = override.get("segment", segment) == segment and override.get("product", product) == product
            if named == wanted and fits and leaf(override, path) is not None:
                return leaf(override, path)
    return leaf(BASE, path)


def applying(table: pa.Table, segment: str | None, product: str | None) -> list[dict[str, Any]]:
    """The rows for a contract as a model picks them: the greatest specificity that fits."""
    fitting = [
        row for row in table.to_pylist() if row["segment"] in (None, segment) and row["product"] in (None, product)
    ]
    most = max(row["specificity"] for row in fitting)
    return [row for row in fitting if row["specificity"] == most]


@settings(max_examples=150, deadline=None)
@given(
    by_scope=st.dictionaries(scopes, override_values, max_size=7),
    segment=st.sampled_from([None, *SEGMENTS]),
    product=st.sampled_from([*PRODUCTS, "never overridden"]),
)
def test_tables_agree_with_a_naive_look(
    by_scope: dict[tuple, dict[str, Any]], segment: str | None, product: str
) -> None:
    overrides = [as_override(scope, values) for scope, values in by_scope.items()]
    tables = policy_tables(policies_with(overrides))

    (rules,) = applying(tables["health_check_rules"], segment, product)
    milestones = applying(tables["health_check_milestones"], segment, product)
    patterns = applying(tables["health_check_subject_patterns"], segment, product)

    for key in RULES:
        assert rules[key] == naively(overrides, segment, product, key)
    assert [row["milestone"] for row in milestones] == ["post_start", "pre_end"]
    for row in milestones:
        name = row["milestone"]
        for key in MILESTONE_KEYS:
            assert row[key] == naively(overrides, segment, product, "milestones", name, key)
        assert row["minimum_term_days"] == naively(overrides, segment, product, "minimum_term_days", name)
        enabled = naively(overrides, segment, product, "milestones", name, "enabled")
        assert row["is_enabled"] == (True if enabled is None else enabled)
    expected = naively(overrides, segment, product, "subject_patterns")
    assert [row["pattern"] for row in patterns] == sorted(
        " ".join(text.lower().split()).replace("-", " ") for text in expected
    )
    assert {row["scope_id"] for row in [*milestones, *patterns]} == {rules["scope_id"]}


@settings(max_examples=40, deadline=None)
@given(by_scope=st.dictionaries(scopes, override_values, max_size=7), seed=st.randoms(use_true_random=False))
def test_rows_are_in_one_order_and_scopes_are_unique(by_scope: dict[tuple, dict[str, Any]], seed: Any) -> None:
    overrides = [as_override(scope, values) for scope, values in by_scope.items()]
    tables = policy_tables(policies_with(overrides))
    seed.shuffle(overrides)

    assert policy_tables(policies_with(overrides)) == tables
    turned = {key: dict(reversed(BASE[key].items())) for key in ("milestones", "minimum_term_days")}
    checks = HealthChecks.model_validate(BASE | turned | {"overrides": overrides})
    assert policy_tables(LOADED.model_copy(update={"health_checks": checks})) == tables
    ids = tables["health_check_rules"]["scope_id"].to_pylist()
    assert len(set(ids)) == len(ids)


def test_columns_are_documented_and_typed() -> None:
    tables = policy_tables(LOADED)

    assert tables.keys() == SCHEMAS.keys()
    for name, table in tables.items():
        assert table.schema.equals(SCHEMAS[name])
        assert table.num_rows > 0 or name in EMPTY_AS_SHIPPED
        for field in table.schema:
            assert field.metadata[b"description"], f"{name}.{field.name} has no meaning"
            assert field.nullable or table[field.name].null_count == 0


def test_shipped_values_are_the_specified_ones() -> None:
    tables = {name: table.to_pylist() for name, table in policy_tables(LOADED).items()}

    assert tables["calendar"] == [{"time_zone": "UTC", "fiscal_year_start_month": 1, "reporting_currency": "USD"}]
    base = {"scope_id": "base", "segment": None, "product": None, "specificity": 0}
    assert tables["health_check_rules"] == [
        base
        | {
            "require_attachment": True,
            "horizon_quarters": 4,
            "influence_days": 180,
            "prepare_days_before_due": 14,
            "near_miss_days": 30,
        }
    ]
    columns = ["milestone", *MILESTONE_KEYS, "minimum_term_days", "is_enabled"]
    assert [tuple(row[column] for column in columns) for row in tables["health_check_milestones"]] == [
        ("post_start", "contract_start", 90, 30, 30, 120, True),
        ("pre_end", "contract_end", -120, 45, 30, 180, True),
    ]
    assert [row["pattern"] for row in tables["health_check_subject_patterns"]] == ["health check", "healthcheck"]
    ages = {row["stream"]: (row["cadence"], row["max_age_days"], row["on_stale"]) for row in tables["stream_settings"]}
    assert ages.keys() == STREAMS.keys()
    assert ages["tickets"] == ("daily", 2, "omit")
    assert ages["usage"] == ("weekly", 8, "omit")
    assert ages["fx_rates"] == ("daily", 7, "use_last_known")
    ageless = {"csm_calls", "hygiene_acceptances", "action_log", "alert_log"}
    assert {ages[stream] for stream in ageless} == {("daily", 36525, "use_last_known")}
    others = ages.keys() - {"tickets", "usage", "fx_rates"} - ageless
    assert {ages[stream] for stream in others} == {("daily", 2, "use_last_known")}
    required = {row["stream"] for row in tables["stream_settings"] if row["is_required"]}
    assert required == {"accounts", "contracts", "activities"}


def test_sources_rank_as_ordered_then_as_declared_then_files() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(SHIPPED, Path(place) / "policies"))
        path = folder / "sources.yaml"
        declared = "".join(
            f"  - {{name: {name}, stream: {stream}, path: {name}.csv}}\n"
            for name, stream in [("first", "signals"), ("second", "signals"), ("else", "usage")]
        )
        text = path.read_text().replace("sources: []", f"sources:\n{declared}")
        signals = "signals: {cadence: daily, max_age_days: 2, on_stale: use_last_known"
        path.write_text(text.replace(signals, f"{signals}, source_order: [second]"))
        rows = policy_tables(load_policies(folder))["stream_sources"].to_pylist()

    assert [(row["source"], row["source_rank"]) for row in rows if row["stream"] == "signals"] == [
        ("second", 1),
        ("first", 2),
        ("files", 3),
    ]


def test_subjects_are_compared_without_case_and_hyphens() -> None:
    assert normalise_subject("Q2 HEALTH - \t Check: Acme") == "q2 health check: acme"
