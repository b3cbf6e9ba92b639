"""What documents say is true, whole, and in words that whoever reads them knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from orchestration.documents import findings
from orchestration.documents.brief import brief
from orchestration.documents.customer import CustomerFacts, customer_facts_of
from orchestration.documents.deck import health_check_deck
from orchestration.documents.executive import executive_report
from orchestration.documents.facts import Facts
from orchestration.documents.paper import Paper, Section
from orchestration.documents.qbr import qbr_deck
from orchestration.explain.brief import _churn


@pytest.fixture(scope="module")
def red(told) -> Facts:
    return told.facts(told.account("h.final_status = 'RED' and h.missing_dimensions is null"))


@pytest.fixture(scope="module")
def customer(told, red) -> CustomerFacts:
    facts = customer_facts_of(told.rows, red.account["account_id"], told.as_of)
    assert facts is not None
    return facts


def section(paper: Paper, title: str) -> Section:
    return next(one for one in paper.sections if one.title == title)


def check(customer: CustomerFacts, status: str, days: int, product: str = "Platform") -> dict:
    held = customer.as_of + timedelta(days=days)
    done = status.startswith("completed")
    return {
        **{"target_id": f"{product}{days}", "contract_id": "C", "product": product, "milestone": "pre_end"},
        **{"due_date": held, "status": status, "completed_on": held if done else None, "completed_by": None},
    }


def checks_slide(told, customer: CustomerFacts, *targets: dict):
    facts = replace(customer, targets=targets)
    first, *_ = qbr_deck(facts, told.policies.documents).slides
    slide = next(
        one for one in qbr_deck(facts, told.policies.documents).slides if one.kicker.startswith("Health checks")
    )
    assert f"{slide.finding}." in first.blocks[0].items
    return slide


def test_a_customer_hears_of_a_check_that_is_past_its_day(told, customer):
    held, late = check(customer, "completed", -134, "Analytics"), check(customer, "past_due", -87)
    slide = checks_slide(told, customer, held, late)
    assert slide.finding.startswith("Your last health check was on ")
    assert slide.finding.endswith("; one for Platform is to be arranged")
    assert ("Platform", "Before the end of the contract", "to be arranged", "") in slide.blocks[0].rows
    ahead = check(customer, "upcoming", 30, "Connect")
    assert checks_slide(told, customer, late, ahead).finding.endswith("; one for Platform is to be arranged")
    two = checks_slide(told, customer, late, check(customer, "pending", -5, "Connect"))
    assert two.finding.endswith("; two for Platform and Connect are to be arranged")
    assert checks_slide(told, customer, held).finding.endswith("; no other is due at present")


def test_a_slide_with_a_part_of_the_checks_says_so(told, customer):
    many = [check(customer, "completed", -day) for day in range(100, 92, -1)]
    assert checks_slide(told, customer, *many).kicker == "Health checks, 6 of 8"


def test_the_weakest_area_is_called_the_weakest(told, customer):
    most = {row["dimension"]: Decimal(0) for row in customer.measures}
    for row in customer.measures:
        most[row["dimension"]] += row["max_points"]
    health = customer.health | most | {"engagement": most["engagement"] / 2}
    deck = qbr_deck(replace(customer, health=health), told.policies.documents)
    assert deck.slides[1].finding.endswith("; engagement, with 50 %, is the weakest")


def test_uptime_has_its_unit(red):
    uptime = {"measure": "uptime_vs_sla", "unit": "points", "value": Decimal("-0.03")}
    assert findings.value_of(uptime) == "−0.03 percentage points"


def test_what_is_expected_to_be_lost_is_of_one_year(told, red):
    rows = dict(section(brief(red, told.policies), "Value at risk").grid.rows)
    assert rows["Expected to be lost"].endswith(" a year")
    churn = told.rows("select * from {account_churn} where account_id = $id", id=red.account["account_id"])[0]
    assert " a year expected to be lost; three-year value " in _churn(churn).caption


def test_a_call_that_differs_is_named_with_what_the_machine_says(told, red):
    called = {"status": "RED", "csm_status": "GREEN", "final_status": "GREEN", "csm_called_by": "Emeka Nwosu"}
    called |= {"csm_called_on": red.as_of, "csm_expires_on": red.as_of + timedelta(days=45), "csm_reason": "they renew"}
    facts = replace(red, account=red.account | called)
    said = findings.of_call(facts)
    assert said is not None
    for part in ("RED by the machine", "Emeka Nwosu called GREEN on ", " until ", ": they renew"):
        assert part in said
    paper = brief(facts, told.policies)
    assert said in paper.finding
    assert ("Status", said) in section(paper, "Profile").grid.rows
    assert paper.tiles[1].label == "status by the CSM"
    assert f"{said}." in health_check_deck(facts, None, told.policies).slides[0].blocks[0].items
    assert findings.of_call(replace(red, account=facts.account | {"csm_status": "RED"})) is None


def test_what_is_held_back_is_no_open_action(told):
    held = told.rows("select account_id from {recommended_actions} where status = 'held_back' limit 1")
    assert held
    facts = told.facts(held[0]["account_id"])
    assert all(row["status"] != "held_back" for row in facts.actions)


def test_a_list_that_is_cut_says_of_how_many(told, red):
    one = red.actions[0]
    many = replace(red, plan=(), actions=[one | {"title": f"Action {number}"} for number in range(11)])
    assert "Actions and owners, first 7 of 11" in [
        slide.kicker for slide in health_check_deck(many, None, told.policies).slides
    ]
    assert section(brief(many, told.policies), "Plan").sentence.endswith(", first 8 of 11.")
    twice = replace(red, actions=[one, one | {"subject": "another"}])
    assert findings.of_actions(twice).startswith("1 action is open")


def test_a_brief_tells_the_checks_and_alerts_that_wait(told):
    waiting = told.rows(
        "select account_id from {alerts} where is_open and next_step is not null and account_id in"
        " (select account_id from {health_check_targets} where status in ('past_due', 'pending')) limit 1"
    )
    assert waiting
    facts = told.facts(waiting[0]["account_id"])
    paper = brief(facts, told.policies)
    checks, alerts = section(paper, "Health checks to hold"), section(paper, "Open alerts")
    assert len(checks.grid.rows) == sum(row["status"] in ("past_due", "pending") for row in facts.targets)
    assert alerts.grid.rows[0][0] == facts.alerts[0]["title"]
    assert len(alerts.grid.rows) == len(facts.alerts)


def test_the_report_has_one_word_for_how_the_score_moved_and_the_date_it_compares_with(told):
    def rows(query, **values):
        found = told.rows(query, **values)
        if "{portfolio_summary}" not in query:
            return found
        before = {"previous_figure": Decimal("68.6"), "previous_on": told.as_of.replace(month=1, day=21)}
        scored = {"item": "mean_score", "figure": Decimal("68.7"), "arrow": "→", **before}
        return [row | scored if row["item"] == "mean_score" else row for row in found]

    paper = executive_report(rows, told.policies, told.as_of, is_whole=True)
    assert f"The mean score is 68.7, level with 68.6 on 21 January {told.as_of.year}." in paper.finding
    assert "up from 68.6" not in paper.finding
    assert section(paper, "Quarter over quarter").grid.columns[2] == f"On 21 Jan {told.as_of.year}"


def test_the_report_counts_by_the_status_that_people_go_by(told):
    paper = executive_report(told.rows, told.policies, told.as_of, is_whole=True)
    final = told.rows(
        "select count(*) filter (final_status = 'RED') as red, count(*) filter (status = 'RED') as machine"
        " from {account_health}"
    )[0]
    assert final["red"] != final["machine"], "no call of the small company differs"
    assert paper.tiles[0].value == f"{final['red']:,}"
    assert f"{final['red']:,} RED" in paper.finding
