"""The queue: what enters, what is replaced, withdrawn, leased, accepted, tried again, dead."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from crm_feeds import accepted, queued

from orchestration.ledger.store import Store
from orchestration.policy.ledger import Work
from orchestration.systems.salesforce.write import Outcome
from orchestration.write_back import queue
from orchestration.write_back.queue import Changed, Counts, Row
from tests.support.ledger import NOW

T = "accounts"
WORK = Work(lease_seconds=300, attempts=3, first_wait_seconds=60, wait_factor=3, longest_wait_seconds=100, at_most=1000)
OK, LOCKED, REFUSED = Outcome(), Outcome("UNABLE_TO_LOCK_ROW: busy", again=True), Outcome("CLOSED: never")
LATER = NOW + timedelta(seconds=301)


def wants(store: Store, now: datetime = NOW, whole: bool = False, target: str = T, **values: str) -> Changed:
    """Take in what is wanted, as `a="1"`."""
    rows = [(name, f'{{"x":{value}}}') for name, value in values.items()]
    return queue.take_in(store, target, iter(rows), now, whole=whole)


def claim(store: Store, owner: str = "w", now: datetime = NOW, at_most: int = 200) -> list[Row]:
    return queue.claim(store, T, owner, now, WORK, at_most)


def record(store: Store, *outcomes: Outcome, owner: str = "w", now: datetime = NOW) -> int:
    """Claim as many and record what became of them; gives how many were still the owner's."""
    rows = claim(store, owner, now, len(outcomes))
    assert len(rows) == len(outcomes)
    return len(queue.record(store, T, owner, dict(zip(rows, outcomes, strict=True)), now, WORK))


def told(changed: Changed) -> tuple[int, int, int]:
    return changed.new, changed.replaced, changed.withdrawn


def wanted(store: Store) -> dict[str, str]:
    return {name: row["wanted"] for name, row in queued(store).items()}


def test_only_what_changed_is_wanted(store: Store) -> None:
    assert told(wants(store, a="1", b="2", c="null")) == (3, 0, 0)
    assert told(wants(store, LATER, a="1", b="2", c="null")) == (0, 0, 0)
    assert {row["first_wanted_at"] for row in queued(store).values()} == {NOW}
    record(store, OK, OK, OK)
    assert queued(store) == {}
    assert accepted(store) == {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": None}}
    assert told(wants(store, a="1", b="2", c="null")) == (0, 0, 0)
    assert told(wants(store, a="1", b="3", c="0", d="4")) == (3, 0, 0)
    assert wanted(store) == {"b": '{"x":3}', "c": '{"x":0}', "d": '{"x":4}'}


def test_a_newer_value_takes_the_place_of_one_that_waits(store: Store) -> None:
    wants(store, a="1", b="1")
    assert told(wants(store, LATER, a="2", b="1")) == (0, 1, 0)
    assert wanted(store) == {"a": '{"x":2}', "b": '{"x":1}'}
    assert queued(store)["a"]["first_wanted_at"] == LATER


def test_what_is_as_it_was_accepted_or_no_longer_told_is_withdrawn(store: Store) -> None:
    wants(store, a="1", b="1")
    record(store, OK, OK)
    wants(store, a="2", b="2", c="1")
    assert told(wants(store, a="1", b="2")) == (0, 0, 2)
    assert wanted(store) == {"b": '{"x":2}'}
    # What was written of an account that is gone stays known.
    assert accepted(store).keys() == {"a", "b"}


def test_targets_keep_to_themselves(store: Store) -> None:
    wants(store, a="1")
    assert told(wants(store, target="other", a="1", b="1")) == (2, 0, 0)
    record(store, OK)
    assert told(wants(store, target="other", a="1")) == (0, 0, 1)
    assert queue.counts(store, T) == Counts(0, 0)
    assert queue.counts(store, "other") == Counts(1, 0)


def test_a_row_that_somebody_has_is_nobody_else_s_until_the_lease_ends(store: Store) -> None:
    wants(store, a="1", b="1", c="1")
    mine = claim(store, "one", at_most=2)
    assert [row.record_id for row in mine] == ["a", "b"]
    assert [row.record_id for row in claim(store, "two")] == ["c"]
    assert not queue.is_due(store, T, NOW)
    # The first one died: somebody else has its rows now, and it can't record any more.
    taken = claim(store, "three", LATER)
    assert [(row.record_id, row.in_doubt) for row in taken] == [("a", True), ("b", True), ("c", True)]
    assert queue.record(store, T, "one", dict.fromkeys(mine, OK), LATER, WORK) == {}
    assert accepted(store) == {}
    assert len(queue.record(store, T, "three", dict.fromkeys(taken, OK), LATER, WORK)) == 3
    assert accepted(store).keys() == {"a", "b", "c"}


def test_the_longest_waiting_goes_first(store: Store) -> None:
    wants(store, b="1")
    wants(store, LATER, a="1", b="1")
    assert [row.record_id for row in claim(store, now=LATER)] == ["b", "a"]


def test_locks_are_tried_again_after_waits_that_grow_then_dead(store: Store) -> None:
    wants(store, a="1")
    record(store, LOCKED)
    row = queued(store)["a"]
    assert (row["attempts"], row["problem"], row["next_attempt_at"]) == (1, LOCKED.problem, NOW + timedelta(seconds=60))
    assert row["called_at"] is None
    assert claim(store, now=NOW + timedelta(seconds=59)) == []
    second = NOW + timedelta(seconds=60)
    record(store, LOCKED, now=second)
    assert queued(store)["a"]["next_attempt_at"] == second + timedelta(seconds=100)
    record(store, LOCKED, now=LATER)
    row = queued(store)["a"]
    assert (row["status"], row["problem"]) == ("dead", "UNABLE_TO_LOCK_ROW: busy (3 attempts)")
    assert not queue.is_due(store, T, LATER + timedelta(days=9))


def test_what_is_refused_is_dead_until_it_changes_or_a_person_says_so(store: Store) -> None:
    wants(store, a="1", b="1")
    record(store, REFUSED, REFUSED)
    assert queue.counts(store, T) == Counts(0, 2)
    # The same again: it stays.
    assert told(wants(store, a="1", b="1")) == (0, 0, 0)
    assert told(wants(store, a="2", b="1")) == (0, 1, 0)
    assert queue.counts(store, T) == Counts(1, 1)
    assert queue.retry(store, ["a", "b", "nobody"]) == ["b"]
    assert queue.counts(store, T) == Counts(2, 0)
    assert {(row["attempts"], row["problem"]) for row in queued(store).values()} == {(0, None)}
    record(store, OK, OK)
    assert queue.counts(store, T) == Counts(0, 0)


def test_a_newer_value_while_one_is_on_its_way_waits_for_it(store: Store) -> None:
    wants(store, a="1", b="1", c="1")
    rows = claim(store)
    assert told(wants(store, a="2", b="2", c="2")) == (0, 3, 0)
    # Nobody sends the newer one meanwhile: it would race the older.
    assert claim(store, "other") == []
    queue.record(store, T, "w", dict(zip(rows, (OK, LOCKED, REFUSED), strict=True)), NOW, WORK)
    assert accepted(store) == {"a": {"x": 1}}
    assert {(row["status"], row["attempts"], row["wanted"]) for row in queued(store).values()} == {
        ("waiting", 0, '{"x":2}')
    }
    record(store, OK, OK, OK)
    assert accepted(store) == {"a": {"x": 2}, "b": {"x": 2}, "c": {"x": 2}}


def test_a_call_whose_outcome_nobody_knows_is_made_again_whatever_is_wanted(store: Store) -> None:
    wants(store, a="1")
    record(store, OK)
    wants(store, a="2")
    rows = claim(store)
    queue.release(store, T, "w", rows, "no answer", in_doubt=True)
    assert queued(store)["a"]["problem"] == "no answer"
    # 1 stood there, 2 may: it isn't enough that 1 is wanted again.
    assert told(wants(store, a="1")) == (0, 1, 0)
    # A lock afterwards says nothing of the call before.
    record(store, LOCKED)
    assert told(wants(store, a="1")) == (0, 0, 0)
    assert record(store, OK, now=LATER) == 1
    assert queued(store) == {}
    assert accepted(store) == {"a": {"x": 1}}


def test_a_call_that_never_left_leaves_no_doubt(store: Store) -> None:
    wants(store, a="1")
    record(store, OK)
    wants(store, a="2")
    queue.release(store, T, "w", claim(store), "no way", in_doubt=False)
    assert queued(store)["a"]["attempts"] == 0
    assert told(wants(store, a="1")) == (0, 0, 1)
    # Others' rows aren't given back.
    wants(store, a="2")
    rows = claim(store, "other")
    queue.release(store, T, "w", rows, "mine?", in_doubt=False)
    assert queued(store)["a"]["lease_owner"] == "other"


def test_everything_may_be_written_anew(store: Store) -> None:
    wants(store, a="1", b="1")
    record(store, OK, OK)
    assert told(wants(store, whole=True, a="1", b="2")) == (2, 0, 0)


def test_comparing_changes_nothing(store: Store) -> None:
    wants(store, a="1", b="1")
    record(store, OK, OK)
    rows = [("a", '{"x":1}'), ("b", '{"x":2}'), ("c", '{"x":3}')]
    assert list(queue.compare(store, T, iter(rows))) == [("b", '{"x":2}', '{"x":1}'), ("c", '{"x":3}', None)]
    assert queued(store) == {}
    assert next(iter(queue.compare(None, T, iter(rows)))) == ("a", '{"x":1}', None)


@pytest.mark.parametrize("many", [2_000])
def test_many_rows_are_a_few_statements(store: Store, many: int) -> None:
    rows = [(f"{number:05d}", f'{{"x":{number}}}') for number in range(many)]
    assert queue.take_in(store, T, iter(rows), NOW).new == many
    assert queue.take_in(store, T, iter(rows), NOW).wanted == 0
    assert len(claim(store, at_most=200)) == 200
