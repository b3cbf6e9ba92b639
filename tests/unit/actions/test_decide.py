"""What people decide, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from ledgers import DAY, log, reasons, row, statuses, take

from orchestration.actions.decide import DecisionError, Desk, NotAllowedError, is_same_person
from orchestration.ledger.store import Store
from orchestration.policy.models import Policies
from tests.support.ledger import NOW, action, policies

JULY = date(2026, 7, 15)


def desk(store: Store, rules: Policies, person: str) -> Desk:
    return Desk(store, rules, person, NOW)


def test_an_approval_queues_the_action(store: Store, rules: Policies) -> None:
    take(store, rules, action("m", "approve"))
    assert desk(store, rules, " ann ").approve("m", "go  on")["status"] == "queued"
    assert log(store, "m")[1:] == [("pending_approval", "approved", "ann"), ("approved", "queued", "ann")]
    assert reasons(store, "m")[1:] == ["go on", None]
    assert row(store, "m")["approved_by"] == "ann"


@pytest.mark.parametrize(
    ("person", "sensitivity", "name", "may"),
    [
        ("ann", "low", "notify_owner", True),
        ("ann", "medium", "create_support_task", False),
        ("ann", "high", "send_check_in_email", False),
        ("eve", "low", "notify_owner", True),
        ("eve", "medium", "create_support_task", True),
        ("eve", "high", "send_check_in_email", False),
        ("ben", "high", "send_check_in_email", True),
        ("ben", "low", "notify_owner", True),
        # An action with approvers of its own: sensitivity doesn't count.
        ("ben", "high", "reassign_ownership", False),
        ("dee", "high", "reassign_ownership", True),
        ("cas", "low", "notify_owner", False),
        ("nobody", "low", "notify_owner", False),
    ],
)
def test_approvers_go_by_sensitivity_and_action(
    lite: Store, rules: Policies, person: str, sensitivity: str, name: str, may: bool
) -> None:
    take(lite, rules, action("m", "approve", action=name, sensitivity=sensitivity))
    decisions: list[Callable[[Desk], object]] = [lambda one: one.approve("m"), lambda one: one.reject("m", "no")]
    for decision in decisions if not may else decisions[:1]:
        if may:
            decision(desk(lite, rules, person))
        else:
            with pytest.raises(NotAllowedError, match=rf"^{person} may not .* that takes one of .*access.yaml"):
                decision(desk(lite, rules, person))
    assert statuses(lite) == {"m": "queued" if may else "pending_approval"}


def test_nobody_approves_what_they_asked_for(store: Store, rules: Policies) -> None:
    take(store, rules, action("m", "recommend"))
    desk(store, rules, "ben").promote("m", "worth it")
    with pytest.raises(NotAllowedError, match="ben asked for action m, so somebody else"):
        desk(store, rules, "ben").approve("m")
    assert desk(store, rules, "ann").approve("m")["requested_by"] == "ben"
    assert log(store, "m") == [
        (None, "recommended", "engine"),
        ("recommended", "pending_approval", "ben"),
        ("pending_approval", "approved", "ann"),
        ("approved", "queued", "ann"),
    ]


@pytest.mark.parametrize(
    ("mode", "person", "may"),
    [
        ("recommend", "cas", True),
        ("suppress", "cas", False),
        ("suppress", "dee", True),
        ("recommend", "nobody", False),
    ],
)
def test_promoting_takes_the_right_role(lite: Store, rules: Policies, mode: str, person: str, may: bool) -> None:
    take(lite, rules, action("m", mode))
    if may:
        assert desk(lite, rules, person).promote("m", "worth it")["status"] == "pending_approval"
    else:
        with pytest.raises(NotAllowedError, match="may not promote"):
            desk(lite, rules, person).promote("m", "worth it")


@pytest.mark.parametrize("mode", ["auto", "approve"])
def test_only_what_is_held_back_is_promoted(lite: Store, rules: Policies, mode: str) -> None:
    take(lite, rules, action("m", mode))
    with pytest.raises(DecisionError, match="only what is recommended or suppressed"):
        desk(lite, rules, "ben").promote("m", "worth it")


@pytest.mark.parametrize("reason", [None, "", " \n "])
def test_a_rejection_needs_a_reason(lite: Store, rules: Policies, reason: str | None) -> None:
    take(lite, rules, action("m", "approve"), action("r", "recommend"))
    refusing: list[Callable[[Desk], object]] = [
        lambda one: one.reject("m", reason),
        lambda one: one.promote("r", reason),
        lambda one: one.snooze("m", JULY, reason),
        lambda one: one.retry("m", reason),
    ]
    for decision in refusing:
        with pytest.raises(DecisionError, match="needs a reason"):
            decision(desk(lite, rules, "ben"))
    assert statuses(lite) == {"m": "pending_approval", "r": "recommended"}


def test_a_rejection_is_for_good(store: Store, rules: Policies) -> None:
    take(store, rules, action("m", "approve"))
    desk(store, rules, "ann").reject("m", "not now")
    assert log(store, "m")[-1] == ("pending_approval", "rejected", "ann")
    assert reasons(store, "m")[-1] == "not now"
    for decision in (lambda one: one.approve("m"), lambda one: one.snooze("m", JULY, "later")):
        with pytest.raises(DecisionError, match="action m is rejected, so it can't become"):
            decision(desk(store, rules, "ann"))
    assert take(store, rules, action("m", "approve"), now=NOW + DAY)
    assert statuses(store) == {"m": "rejected"}


@pytest.mark.parametrize(("until", "may"), [(0, False), (1, True), (90, True), (91, False)])
def test_putting_off_has_an_end(lite: Store, rules: Policies, until: int, may: bool) -> None:
    take(lite, rules, action("m", "approve"))
    day = NOW.date() + until * DAY
    if may:
        desk(lite, rules, "cas").snooze("m", day, "on holiday")
        assert row(lite, "m")["snoozed_until"] == day
        assert reasons(lite, "m")[-1] == f"on holiday (until {day})"
    else:
        with pytest.raises(DecisionError, match="a day after 2026-06-30, at most 2026-09-28"):
            desk(lite, rules, "cas").snooze("m", day, "on holiday")


def test_what_is_not_there_and_who_is_nobody(lite: Store, rules: Policies) -> None:
    with pytest.raises(DecisionError, match="there is no action m"):
        desk(lite, rules, "ann").approve("m")
    with pytest.raises(DecisionError, match="needs the name of who makes it"):
        desk(lite, rules, "  ")


def test_two_who_decide_at_once_decide_once(store: Store, ledger_url: str, rules: Policies) -> None:
    import threading

    take(store, rules, action("m", "approve"))
    said: list[str] = []
    together = threading.Barrier(4)

    def decide(person: str, approves: bool) -> None:
        with Store.at(ledger_url) as own:
            together.wait()
            try:
                if approves:
                    desk(own, rules, person).approve("m")
                else:
                    desk(own, rules, person).reject("m", "no")
            except DecisionError:
                said.append("too late")
            else:
                said.append("decided")

    threads = [threading.Thread(target=decide, args=one) for one in (("ann", 1), ("ben", 0), ("eve", 1), ("ben", 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["decided", *["too late"] * 3]
    assert len(log(store, "m")) in (2, 3)


@pytest.mark.parametrize(
    ("known_as", "is_one"),
    [
        ({"ben": ["Ben Okafor", "Ann"]}, True),
        ({"ben@example.com": ["Ben Okafor"], "BEN": ["ben okafor"], "ann": ["ben@example.com"]}, True),
        ({"ben": ["Ben Okafor"], "ann": ["Ann Berg"]}, False),
    ],
)
def test_nobody_approves_under_another_of_their_names(
    lite: Store, known_as: dict[str, list[str]], is_one: bool
) -> None:
    rules = policies(access={"known_as": known_as})
    take(lite, rules, action("m", "recommend"))
    desk(lite, rules, "ben").promote("m", "worth it")
    if is_one:
        with pytest.raises(NotAllowedError, match=r"^ann, who is ben in policies/access.yaml, asked for action m"):
            desk(lite, rules, "ann").approve("m")
        assert statuses(lite) == {"m": "pending_approval"}
    else:
        assert desk(lite, rules, "ann").approve("m")["approved_by"] == "ann"


@pytest.mark.parametrize(
    "written", ["Ze\u0301 Leroy", "z\u00e9  leroy", "Z\u00e9\u200b Leroy", "\u2068Z\u00c9 LEROY\u2069"]
)
def test_nobody_is_somebody_else_by_spelling(written: str) -> None:
    assert is_same_person("Z\u00e9 Leroy", written)
    assert not is_same_person("Ze Leroy", written)
