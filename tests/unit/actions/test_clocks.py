"""Alerts in the ledger: raised once, escalated once, told of once a day, and answered in order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from ledgers import DAY, HOUR, table, take

from orchestration.actions.clocks import STEPS, StepError, Ticked, due_at, next_step, note_step, tick
from orchestration.ledger.store import Store
from orchestration.policy.models import Policies
from tests.support.ledger import AS_OF, NOW, Row, alert, policies

# Nine in the morning, after the hour of digests; NIGHT is before it.
NIGHT = datetime(2026, 6, 30, 3, 0)


def entries(store: Store) -> list[tuple[str, str, str | None, str | None]]:
    return [(row["alert_id"], row["step"], row["acted_by"], row["to_role"]) for row in table(store, "alert_entries")]


def told(store: Store) -> list[tuple[str, str, str | None]]:
    return [(row["notice_id"], row["to_role"], row["to_name"]) for row in table(store, "notices")]


def test_an_alert_is_raised_when_it_is_taken_in_and_once(store: Store, rules: Policies) -> None:
    first = take(store, rules, alerts=(alert("l1"), alert("l2"), alert("over", is_open=False)))
    assert (first.alerts_raised, first.alerts_cleared) == (2, 0)
    again = take(store, rules, alerts=(alert("l1"), alert("l2")), as_of=AS_OF + DAY, now=NOW + DAY)
    assert (again.alerts_raised, again.alerts_cleared) == (0, 0)
    assert entries(store) == [("l1", "raised", "engine", "csm"), ("l2", "raised", "engine", "csm")]
    assert [row["raised_at"] for row in table(store, "alerts")] == [NOW, NOW]
    cleared = take(store, rules, alerts=(alert("l2"),), as_of=AS_OF + 2 * DAY, now=NOW + 2 * DAY)
    assert (cleared.alerts_raised, cleared.alerts_cleared) == (0, 1)
    assert [row["cleared_at"] for row in table(store, "alerts")] == [NOW + 2 * DAY, None]


@pytest.mark.parametrize(
    ("kind", "hours", "role"),
    [
        ("inactive", 2, "cs_manager"),
        ("critical_score", 24, "vp_customer_success"),
        ("billing", 2, "cs_manager"),
        ("urgent_ticket", 4, "cs_manager"),
        ("detractor", 24, "cs_manager"),
        ("large_drop", 24, "cs_manager"),
        ("hc_past_due", 24, "sales_manager"),
    ],
)
def test_what_nobody_acknowledges_goes_up_one_role_once(
    lite: Store, rules: Policies, kind: str, hours: int, role: str
) -> None:
    take(lite, rules, alerts=(alert("l", kind),), now=NIGHT)
    assert tick(lite, rules, NIGHT + hours * HOUR - timedelta(microseconds=1)).escalated == 0
    assert tick(lite, rules, NIGHT + hours * HOUR).escalated == 1
    assert tick(lite, rules, NIGHT + 30 * DAY).escalated == 0
    assert entries(lite) == [("l", "raised", "engine", "csm"), ("l", "escalated", "engine", role)]
    assert ("escalation:l", role, None) in told(lite)


@pytest.mark.parametrize("step", ["acknowledged", "closed"])
def test_what_was_answered_stays_where_it_is(lite: Store, rules: Policies, step: str) -> None:
    take(lite, rules, alerts=(alert("l"),))
    note_step(lite, rules, "l", step, "cas", NOW + HOUR, "seen")
    assert tick(lite, rules, NOW + 10 * DAY).escalated == 0


def test_what_has_cleared_stays_where_it_is(lite: Store, rules: Policies) -> None:
    take(lite, rules, alerts=(alert("l"),))
    take(lite, rules, as_of=AS_OF + DAY)
    assert tick(lite, rules, NOW + 10 * DAY) == Ticked()


def test_at_once_alerts_are_told_at_once_and_by_themselves(store: Store, rules: Policies) -> None:
    take(store, rules, alerts=(alert("l1", "inactive", at_once=True), alert("l2")), now=NIGHT)
    assert tick(store, rules, NIGHT) == Ticked(sent_at_once=1)
    assert tick(store, rules, NIGHT + HOUR) == Ticked()
    [notice] = table(store, "notices")
    assert (notice["notice_id"], notice["title"]) == ("alert:l1", "Acme: Urgent ticket open")
    assert notice["body"] == "Ticket T1 is urgent and open."


def test_an_owner_gets_one_digest_a_day(store: Store, rules: Policies) -> None:
    named: list[Row] = [alert(f"l{number}") for number in range(3)]
    other = alert("other", to_role="owner", to_name="Olu Owner", account_name="Beta", title="Health check past due")
    nobody = alert("nobody", to_name=None)
    take(store, rules, alerts=(*named, other, nobody), now=NIGHT)
    assert tick(store, rules, NIGHT.replace(hour=6, minute=59)).digests == 0
    morning = NIGHT.replace(hour=8)
    # Nobody acknowledged them for four hours by then: they are with the next role up, as one digest.
    first = tick(store, rules, morning)
    assert (first.escalated, first.digests) == (5, 1)
    assert tick(store, rules, morning + 15 * HOUR).digests == 0
    assert tick(store, rules, morning + DAY).digests == 1


def test_a_digest_names_what_is_open_and_counts_the_rest(lite: Store) -> None:
    few = policies(ledger={"messages": {"digest_lines": 2}})
    take(lite, few, alerts=(*(alert(f"l{n}") for n in range(3)), alert("b", to_name="Bo", account_name=None)))
    assert tick(lite, few, NOW).digests == 2
    bo, cas = table(lite, "notices")
    assert bo["notice_id"] == "digest:2026-06-30:csm:Bo"
    assert (bo["title"], bo["body"]) == ("1 open alert", "a: Urgent ticket open")
    assert cas["notice_id"] == "digest:2026-06-30:csm:Cas Manager"
    assert (cas["title"], cas["body"]) == (
        "3 open alerts",
        "Acme: Urgent ticket open\nAcme: Urgent ticket open\nand 1 more",
    )


def test_the_day_of_a_digest_is_the_business_day(lite: Store) -> None:
    auckland = policies(calendar={"time_zone": "Pacific/Auckland"})
    take(lite, auckland, alerts=(alert("l"),), now=datetime(2026, 6, 30, 19, 59))
    # Eight in the morning of 1 July there.
    assert tick(lite, auckland, datetime(2026, 6, 30, 19, 59)).digests == 0
    assert tick(lite, auckland, datetime(2026, 6, 30, 20, 0)).digests == 1
    assert table(lite, "notices")[0]["notice_id"] == "digest:2026-07-01:csm:Cas Manager"


# What people do


def test_steps_are_noted_in_order(store: Store, rules: Policies) -> None:
    take(store, rules, alerts=(alert("l"),))
    assert STEPS == ("acknowledged", "assessed", "planned", "executed", "followed_up")
    for place, step in enumerate(STEPS):
        for other in STEPS:
            if other != step:
                with pytest.raises(StepError, match=f"next it has to be {step}"):
                    note_step(store, rules, "l", other, "cas", NOW)
        note_step(store, rules, "l", step, " cas ", NOW + place * HOUR, "  done  so far ")
    with pytest.raises(StepError, match="next it has to be closed"):
        note_step(store, rules, "l", "followed_up", "cas", NOW)
    note_step(store, rules, "l", "closed", "dee", NOW + DAY, "all well")
    assert [(step, by) for _, step, by, _ in entries(store)] == [
        ("raised", "engine"),
        *((step, "cas") for step in STEPS),
        ("closed", "dee"),
    ]
    assert table(store, "alert_entries")[1]["note"] == "done so far"
    with pytest.raises(StepError, match="is over: it was closed"):
        note_step(store, rules, "l", "acknowledged", "cas", NOW)


def test_closing_needs_a_note_and_answering_a_role(lite: Store, rules: Policies) -> None:
    take(lite, rules, alerts=(alert("l"),))
    with pytest.raises(StepError, match="needs a note"):
        note_step(lite, rules, "l", "closed", "cas", NOW, " ")
    with pytest.raises(StepError, match=r"ann may not answer alerts; that takes one of .*manager"):
        note_step(lite, rules, "l", "acknowledged", "ann", NOW)
    with pytest.raises(StepError, match="there is no alert x"):
        note_step(lite, rules, "x", "acknowledged", "cas", NOW)
    take(lite, rules, as_of=AS_OF + DAY)
    with pytest.raises(StepError, match="is over: its condition cleared"):
        note_step(lite, rules, "l", "acknowledged", "cas", NOW)


@pytest.mark.parametrize(
    ("kind", "step", "hours"),
    [
        ("urgent_ticket", "raised", 4),
        ("urgent_ticket", "acknowledged", 4),
        ("urgent_ticket", "assessed", 24),
        ("urgent_ticket", "planned", 48),
        ("urgent_ticket", "executed", 72),
        ("urgent_ticket", "followed_up", None),
        ("inactive", "raised", 2),
        ("inactive", "acknowledged", 4),
        # Acknowledging may take longer than the steps after it: they may, too.
        ("detractor", "acknowledged", 24),
        ("detractor", "assessed", 24),
        ("urgent_ticket", "closed", None),
    ],
)
def test_no_step_is_due_before_the_one_ahead_of_it(rules: Policies, kind: str, step: str, hours: int | None) -> None:
    row = {"alert": kind, "step": step, "raised_at": NOW, "cleared_at": None}
    assert due_at(row, rules) == (None if hours is None else NOW + hours * HOUR)
    assert due_at(row | {"cleared_at": NOW}, rules) is None


def test_the_step_after_the_last_is_closing() -> None:
    assert [next_step(step) for step in ("raised", *STEPS)] == [*STEPS, None]
