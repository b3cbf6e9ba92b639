"""A typed account is what was typed, over a neutral account that has every measure: as the models see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.policy.load import load_policies
from orchestration.policy.measures import MEASURES
from orchestration.policy.simulator import TypedAccount
from orchestration.refresh.inputs import freeze_inputs
from orchestration.settings import PROJECT_ROOT
from orchestration.whatif.inputs import made_up_tables
from orchestration.whatif.typed import rows_of
from tests.support.compiled import compiled_models
from tests.support.compiled import rows_of as rows_of_query

AS_OF = date(2026, 6, 30)
POLICIES = load_policies(PROJECT_ROOT / "policies")
NEUTRAL = POLICIES.simulator.ordinary
BLOCKERS = {"none": (0, 0), "minor": (0, 1), "major": (1, 0)}


@dataclass(frozen=True)
class Seen:
    health: dict[str, Any]
    signals: dict[str, Any]
    measures: dict[str, dict[str, Any]]


def seen(folder: Path, account: TypedAccount) -> Seen:
    inputs = folder / "inputs"
    freeze_inputs(inputs, made_up_tables(rows_of(account, POLICIES.simulator, AS_OF), POLICIES, AS_OF))
    with compiled_models().run(inputs, "account_health", "account_signals", "account_health_measures") as con:
        (health,) = rows_of_query(con, "select * from published.account_health")
        (signals,) = rows_of_query(con, "select * from published.account_signals")
        measures = rows_of_query(con, "select * from published.account_health_measures")
    return Seen(health, signals, {row["measure"]: row for row in measures})


@pytest.mark.parametrize("account", [*POLICIES.simulator.examples, NEUTRAL], ids=lambda account: account.name)
def test_what_was_typed_is_what_the_models_see(tmp_path: Path, account: TypedAccount) -> None:
    found = seen(tmp_path, account)
    words, signals = POLICIES.simulator.words, found.signals
    assert (signals["account_name"], signals["segment"]) == (account.name, account.segment)
    assert (signals["lifecycle"], signals["days_to_renewal"]) == (account.lifecycle, account.days_to_renewal)
    assert signals["usage_trend"] == words.usage_trend[account.usage_trend]
    assert signals["service_adoption"] == words.adoption[account.adoption]
    assert (signals["tickets_open"], signals["urgent_tickets_open"]) == (account.open_issues, account.urgent_issues)
    assert signals["csat"] == account.csat
    assert (signals["open_major_blockers"], signals["open_minor_blockers"]) == BLOCKERS[account.blocker]


@pytest.mark.parametrize("account", [*POLICIES.simulator.examples, NEUTRAL], ids=lambda account: account.name)
def test_every_measure_is_there(tmp_path: Path, account: TypedAccount) -> None:
    found = seen(tmp_path, account)
    assert found.measures.keys() == MEASURES.keys()
    assert [measure for measure, row in found.measures.items() if not row["is_present"]] == []
    assert found.health["score_low"] == found.health["score"] == found.health["score_high"]
    assert found.health["confidence"] == "high"


def test_the_neutral_account_is_what_the_policy_says(tmp_path: Path) -> None:
    found, neutral = seen(tmp_path, NEUTRAL), POLICIES.simulator.neutral
    value = {name: row["value"] for name, row in found.measures.items()}
    assert value["ticket_volume"] == neutral.tickets_per_month
    assert value["resolution_hours"] == neutral.resolution_hours
    assert value["email_response_hours"] == neutral.response_hours
    assert value["portal_logins"] == neutral.logins_per_month
    assert (value["qbr_attendance"], value["meeting_acceptance"], value["sla_adherence"]) == (100, 100, 100)
    assert value["capacity_utilisation"] == neutral.capacity_used_pct
    assert value["uptime_vs_sla"] == neutral.uptime_pct - neutral.sla_target_pct
    assert value["tenure_years"].quantize(Decimal("0.1")) == neutral.tenure_years
    assert (value["expansions"], value["nps"], value["tone"]) == (neutral.expansions, neutral.nps, neutral.tone)
    assert (value["escalations"], value["competitive"], value["budget_pressure"], value["reference"]) == (0, 0, 0, 0)
    assert found.health["arr"] == neutral.arr
    factors = {name: held for name, held in found.signals.items() if name.startswith("has_") and held}
    assert factors == {}
    assert found.health["status"] == "GREEN"


@pytest.mark.parametrize("days", [0, 364, 365, 3650])
def test_a_contract_is_current_however_far_its_renewal_is(tmp_path: Path, days: int) -> None:
    found = seen(tmp_path, NEUTRAL.model_copy(update={"days_to_renewal": days}))
    assert found.signals["days_to_renewal"] == days
    assert abs(found.health["arr"] - POLICIES.simulator.neutral.arr) <= Decimal("0.01")
