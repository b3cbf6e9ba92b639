"""Taking publications in: what enters, what closes, what follows its mode, and what people's decisions outlast."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from ledgers import DAY, log, reasons, row, statuses, take

from orchestration.actions.decide import Desk
from orchestration.actions.states import MODES
from orchestration.actions.sync import tend
from orchestration.ledger.store import Store
from orchestration.policy.models import Policies
from tests.support.ledger import AS_OF, NOW, action

BY_MODE = {
    "auto": "queued",
    "approve": "pending_approval",
    "recommend": "recommended",
    "suppress": "suppressed",
}


def changed(taken) -> dict[str, int]:
    return {name: count for name, count in asdict(taken).items() if count}


def test_actions_enter_by_their_mode(store: Store, rules: Policies) -> None:
    rows = [action(f"m-{mode}", mode, guards=f"because of {mode}") for mode in MODES]
    held = action("m-held", "auto", status="held_back")
    taken = take(store, rules, *rows, held, scores={"a": "71.3"})
    assert changed(taken) == {"entered": 4}
    assert statuses(store) == {f"m-{mode}": status for mode, status in BY_MODE.items()}
    assert log(store, "m-auto") == [(None, "queued", "engine")]
    assert reasons(store, "m-approve") == ["because of approve"]
    entered = row(store, "m-auto")
    assert (entered["score"], entered["due_on"], entered["owner"]) == (Decimal("71.3"), AS_OF, "Cas Manager")


def test_the_most_urgent_enter_first(store: Store, rules: Policies) -> None:
    take(store, rules, action("b", priority="P1"), action("a", priority="P2"), action("c", priority="P1"))
    with store.reading() as con:
        from orchestration.ledger.tables import transitions

        found = con.execute(transitions.select().order_by(transitions.c.transition_id)).mappings().all()
    assert [one["action_id"] for one in found] == ["b", "c", "a"]


def test_the_same_publication_again_changes_nothing(store: Store, rules: Policies) -> None:
    rows = [action(f"m-{mode}", mode) for mode in MODES]
    take(store, rules, *rows)
    before = log(store)
    assert changed(take(store, rules, *rows, now=NOW + DAY)) == {}
    assert log(store) == before


def test_what_has_no_cause_any_more_closes_and_its_siblings_stay(store: Store, rules: Policies) -> None:
    rows = [action(f"m-{mode}", mode) for mode in MODES]
    sibling = action("m-sibling", "approve", subject="another ticket")
    take(store, rules, *rows, sibling)
    assert changed(take(store, rules, sibling, as_of=AS_OF + DAY)) == {"cleared": 4}
    assert statuses(store) == dict.fromkeys(sorted(f"m-{mode}" for mode in MODES), "cause_cleared") | {
        "m-sibling": "pending_approval"
    }
    # A new episode is another action; the closed one stays closed, though its id were to come again.
    assert changed(take(store, rules, sibling, rows[0], as_of=AS_OF + 2 * DAY)) == {}


def test_an_earlier_as_of_is_not_taken_in(store: Store, rules: Policies) -> None:
    take(store, rules, action("m"))
    assert take(store, rules, as_of=AS_OF - DAY) is None
    assert statuses(store) == {"m": "queued"}
    assert changed(take(store, rules, as_of=AS_OF)) == {"cleared": 1}


@pytest.mark.parametrize("before", MODES)
@pytest.mark.parametrize("after", MODES)
def test_what_nobody_touched_follows_its_mode(lite: Store, rules: Policies, before: str, after: str) -> None:
    take(lite, rules, action("m", before))
    taken = take(lite, rules, action("m", after, title="New title"), as_of=AS_OF + DAY)
    assert changed(taken) == ({} if before == after else {"followed_mode": 1})
    assert statuses(lite) == {"m": BY_MODE[after]}
    assert row(lite, "m")["title"] == "New title"
    log(lite)


@pytest.mark.parametrize(
    ("mode", "status"),
    [("auto", "queued"), ("approve", "queued"), ("recommend", "recommended"), ("suppress", "suppressed")],
)
def test_an_approval_stands_until_the_mode_is_stricter(store: Store, rules: Policies, mode: str, status: str) -> None:
    take(store, rules, action("m", "approve"))
    Desk(store, rules, "ann", NOW).approve("m")
    taken = take(store, rules, action("m", mode, guards="a guard"), as_of=AS_OF + DAY)
    assert statuses(store) == {"m": status}
    if status != "queued":
        assert changed(taken) == {"taken_back": 1}
        assert reasons(store, "m")[-1] == "held back more than when it was decided: a guard"
        assert row(store, "m")["approved_by"] is None


def test_a_promotion_stands_while_the_mode_stays(store: Store, rules: Policies) -> None:
    take(store, rules, action("r", "recommend"), action("s", "suppress"))
    desk = Desk(store, rules, "dee", NOW)
    desk.promote("r", "worth it")
    desk.promote("s", "worth it")
    take(store, rules, action("r", "recommend"), action("s", "suppress"), as_of=AS_OF + DAY)
    assert statuses(store) == {"r": "pending_approval", "s": "pending_approval"}
    take(store, rules, action("r", "suppress"), action("s", "suppress"), as_of=AS_OF + 2 * DAY)
    assert statuses(store) == {"r": "suppressed", "s": "pending_approval"}


def test_approvals_expire_after_fourteen_days(store: Store, rules: Policies) -> None:
    take(store, rules, action("m", "approve"), action("other", "recommend"))
    assert tend(store, rules, NOW + 14 * DAY - timedelta(microseconds=1)) == (0, 0)
    assert tend(store, rules, NOW + 14 * DAY) == (0, 1)
    assert statuses(store) == {"m": "expired", "other": "recommended"}
    assert reasons(store, "m")[-1] == "nobody approved it in 14 days"
    # The episode goes on; the action doesn't come back.
    assert changed(take(store, rules, action("m", "approve"), as_of=AS_OF + 15 * DAY)) == {"cleared": 1}


def test_what_was_put_off_comes_back_on_its_day(store: Store, rules: Policies) -> None:
    names = ("waits", "approved", "promoted", "auto")
    modes = ("approve", "approve", "recommend", "auto")
    rows = [action(name, mode) for name, mode in zip(names, modes, strict=True)]
    take(store, rules, *rows)
    Desk(store, rules, "ann", NOW).approve("approved")
    Desk(store, rules, "cas", NOW).promote("promoted", "worth it")
    for name in names:
        Desk(store, rules, "cas", NOW).snooze(name, date(2026, 7, 2), "on holiday")
    assert set(statuses(store).values()) == {"snoozed"}
    assert changed(take(store, rules, *rows, as_of=AS_OF + DAY, now=NOW + DAY)) == {}
    assert tend(store, rules, NOW + 2 * DAY) == (4, 0)
    assert statuses(store) == {
        "approved": "queued",
        "auto": "queued",
        "promoted": "pending_approval",
        "waits": "pending_approval",
    }
    log(store)


def test_what_was_put_off_closes_when_its_cause_is_gone(store: Store, rules: Policies) -> None:
    take(store, rules, action("m", "approve"))
    Desk(store, rules, "cas", NOW).snooze("m", date(2026, 7, 30), "on holiday")
    assert changed(take(store, rules, as_of=AS_OF + DAY)) == {"cleared": 1}


def test_texts_with_anything_in_them_enter_as_they_are(store: Store, rules: Policies) -> None:
    odd = 'O\'Hara "Ltd"\t\\N \n ; drop table actions; -- 🙂 ' + "x" * 10_000
    take(store, rules, action("m", account_name=odd, rationale="nul\x00here", guards="", subject=None))
    found = row(store, "m")
    assert (found["account_name"], found["rationale"], found["guards"], found["subject"]) == (odd, "nulhere", "", None)


def test_many_actions_are_taken_in_with_few_statements(store: Store, rules: Policies) -> None:
    rows = [action(f"m{number:06d}", MODES[number % 4], account_id=f"a{number}") for number in range(5_000)]
    assert changed(take(store, rules, *rows)) == {"entered": 5_000}
    assert changed(take(store, rules, *rows[1:], as_of=AS_OF + DAY)) == {"cleared": 1}
