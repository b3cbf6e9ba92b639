"""Churn, retention and expansion of the models against an independent reading of the rules, cell by cell.

The oracles know nothing of the SQL, nor of the policy files; where they differ, one of them misreads the rules.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt.customer_outcomes import SETTINGS, Outcome, assert_same, outcome_of
from tests.support.oracle_churn import ADDITIONS, HIGH_STEPS, MEDIUM_STEPS, RENEWAL_STEPS
from tests.support.oracle_expansion import TYPES
from tests.support.oracle_facts import rounded

EVERYTHING = next(iter(SETTINGS))
CRITERIA = (
    *("plan_limit", "approaching_limit", "seat_growth", "feature_requests"),
    *("high_health", "no_billing_issue", "responsive", "qualified"),
)


@pytest.fixture(params=list(SETTINGS), ids=list(SETTINGS))
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome_of(request.param, tmp_path_factory.getbasetemp())


@pytest.fixture
def everything(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return outcome_of(EVERYTHING, tmp_path_factory.getbasetemp())


def test_the_world_has_every_edge(everything: Outcome) -> None:
    """A comparison proves little when nothing happens in the world."""
    churn, expansion = everything.churn, everything.expansion
    for factor in ADDITIONS:
        assert min(Counter(row[factor] for row in churn.churn.values()).values()) >= 5, factor
    assert {row["renewal_addition"] for row in churn.churn.values()} == {0, 10, 20}
    assert {step for _, step in churn.plans} == {*HIGH_STEPS, *MEDIUM_STEPS, *RENEWAL_STEPS}
    assert len({component for _, component in churn.offers}) == 4
    assert len({decision for _, decision in churn.decisions}) == 4
    assert {kind for _, kind in expansion.pipeline} == set(TYPES)
    for criterion in CRITERIA:
        assert min(Counter(row[criterion] for row in expansion.pipeline.values()).values()) >= 3, criterion
    assert {row["priority"] for row in expansion.pipeline.values()} == {"HIGH", "MEDIUM", "LOW", None}


def test_churn(outcome: Outcome) -> None:
    actual = outcome.published("account_churn", "account_id")
    assert_same(outcome.churn.churn, actual)


def test_what_drives_actions_is_the_prior(outcome: Outcome) -> None:
    """Nothing is calibrated here: that is said, and the prior stands in."""
    for account_id, row in outcome.published("account_churn", "account_id").items():
        assert row["acts_on_probability"] == row["churn_probability"], account_id
        assert row["churn_probability_calibrated"] is None, account_id
        assert row["calibration_reason"], account_id


def test_a_factor_says_what_it_rests_on(outcome: Outcome) -> None:
    for account_id, row in outcome.published("account_churn", "account_id").items():
        for factor in ADDITIONS:
            evidence = row[f"{factor}_evidence"]
            not_known = evidence is not None and evidence.startswith("not known")
            assert not_known == (not row[factor] and outcome.churn.source_is_missing(factor)), (account_id, evidence)
            assert evidence or not row[factor], (account_id, factor)


def test_outreach(outcome: Outcome) -> None:
    growing = {account_id for account_id, _ in outcome.expansion.pipeline}
    expected = {
        account_id: {"outreach_due_on": outcome.churn.outreach_due(account_id, account_id in growing)}
        for account_id in outcome.churn.churn
    }
    assert_same(expected, outcome.published("account_churn", "account_id"))


def test_plans(outcome: Outcome) -> None:
    actual = {
        key: row | {"is_joined": row["joined_by"] is not None}
        for key, row in outcome.published("retention_plans", "account_id", "step").items()
    }
    assert_same(outcome.churn.plans, actual)


def test_offers(outcome: Outcome) -> None:
    worth = {"service_credit": "credit_amount", "price_lock": "price_lock_years", "enhanced_sla": "sla_pct"}
    actual = {
        key: {"worth": row[worth[key[1]]] if key[1] in worth else None}
        for key, row in outcome.published("retention_offers", "account_id", "component").items()
    }
    expected = {key: {"worth": amount} for key, amount in outcome.churn.offers.items()}
    assert_same(expected, actual)


def test_success_metrics(outcome: Outcome) -> None:
    actual = outcome.published("retention_success_metrics", "account_id", "metric")
    assert_same(outcome.churn.metrics, actual)


def test_executive_decisions(outcome: Outcome) -> None:
    expected = {key: {"due_on": due_on} for key, due_on in outcome.churn.decisions.items()}
    assert_same(expected, outcome.published("executive_decisions", "account_id", "decision"))


def test_forecast(outcome: Outcome) -> None:
    key = ("quarter_starts_on", "owner_name", "geo", "region", "segment")
    actual = outcome.published("renewal_forecast", *key)
    expected: dict[Any, dict[str, Any]] = {}
    for cell, row in outcome.churn.forecast.items():
        ended = outcome.churn.retention.get(cell)
        is_worth = ended is not None and ended["arr"] > 0
        expected[cell] = {
            "fiscal_quarter": outcome.health.facts.quarter_name(cell[0]),
            "accounts": row["accounts"],
            "arr_up_for_renewal": rounded(row["arr"], 2),
            "expected_churned_arr": rounded(row["churned"], 2),
            "expected_retained_arr": rounded(row["arr"] - row["churned"], 2),
            "at_risk_arr_red": rounded(row["RED"], 2),
            "at_risk_arr_yellow": rounded(row["YELLOW"], 2),
            "arr_green": rounded(row["GREEN"], 2),
            "contracts_ended": 0 if ended is None else int(ended["ended"]),
            "contracts_renewed": 0 if ended is None else int(ended["renewed"]),
            "gross_retention_pct": rounded(ended["gross"] * 100 / ended["arr"], 6) if is_worth else None,
            "net_retention_pct": rounded(ended["net"] * 100 / ended["arr"], 6) if is_worth else None,
        }
    assert_same(expected, actual)


# -- expansion -----------------------------------------------------------------------------------------------------


def test_expansion_pipeline(outcome: Outcome) -> None:
    actual = outcome.published("expansion_pipeline", "account_id", "type")
    assert_same(outcome.expansion.pipeline, actual)


def test_expansion_rank(outcome: Outcome) -> None:
    """From large to small, what isn't known last; ties by the key."""
    rows = sorted(outcome.published("expansion_pipeline", "account_id", "type").items(), key=lambda one: one[1]["rank"])
    assert [row["rank"] for _, row in rows] == list(range(1, len(rows) + 1))
    order_of = outcome.expansion.order_of
    keys = [(*order_of(key), key[0], row["type_rank"]) for key, row in rows]
    assert keys == sorted(keys)


def test_expansion_stages(outcome: Outcome) -> None:
    """Five weeks for each that is qualified."""
    expected = {
        (*key, week) for key, row in outcome.expansion.pipeline.items() if row["qualified"] for week in range(1, 6)
    }
    assert outcome.published("expansion_stages", "account_id", "type", "week").keys() == expected


def test_a_missing_potential_is_listed(outcome: Outcome) -> None:
    expected = {key for key, row in outcome.expansion.pipeline.items() if row["potential_arr"] is None}
    listed = [
        row
        for row in outcome.published("hygiene_issues", "issue_id").values()
        if row["rule"] == "expansion_potential_known"
    ]
    assert Counter(row["account_id"] for row in listed) == Counter(account_id for account_id, _ in expected)


# -- what holds whatever the rules' numbers are ------------------------------------------------------------------


def test_probabilities_add_up_to_the_cap(outcome: Outcome) -> None:
    for account_id, row in outcome.published("account_churn", "account_id").items():
        parts = [row["base"], row["renewal_addition"], *(row[f"{factor}_addition"] for factor in ADDITIONS)]
        assert row["churn_probability"] == min(Decimal(95), sum(parts)), account_id
        assert row["probability_reason"], account_id


def test_churn_is_kept_for_every_score(outcome: Outcome) -> None:
    scored = {key for key, row in outcome.published("account_health", "account_id").items() if row["score"] is not None}
    assert outcome.published("account_churn", "account_id").keys() == scored
