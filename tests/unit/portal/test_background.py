"""Work beside the requests: done once, one at a time, bounded, and told in words when it fails."""

import operator
import os
import time
from collections.abc import Iterator

import pytest

from portal.background import Background, BusyError, State, Task, ToldError


def told() -> None:
    """Work that says why there is no result."""
    raise ToldError("There is no such account.")


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background(seconds_most=20, waiting_most=2, kept=2)
    yield made
    made.close()


def test_it_is_done_in_another_process_and_once_a_key(background: Background) -> None:
    first = finished(background.ask("pid", "ann", os.getpid))
    assert first.state is State.DONE
    assert first.result != os.getpid()
    assert background.ask("pid", "bob", time.time) is first


def test_words_for_the_person_are_told_and_nothing_else_is(background: Background, caplog) -> None:
    assert finished(background.ask("told", "ann", told)).words == "There is no such account."
    broken = finished(background.ask("broken", "ann", int, "secret"))
    assert broken.state is State.FAILED
    assert "secret" not in broken.words
    assert "invalid literal for int() with base 10: 'secret'" in caplog.text


def test_what_takes_too_long_is_ended_and_the_next_one_is_done() -> None:
    background = Background(seconds_most=4, waiting_most=2, kept=2)
    try:
        background.ask("ready", "ann", os.getpid)
        began = time.monotonic()
        slow = background.ask("slow", "ann", time.sleep, 60)
        following = background.ask("next", "bob", operator.add, 1, 2)
        assert finished(slow).words == "It took more than 4 seconds, so it was ended."
        assert finished(following).result == 3
        assert time.monotonic() - began < 30
    finally:
        background.close()


def test_a_process_that_dies_fails_its_work_alone(background: Background) -> None:
    assert finished(background.ask("dies", "ann", os._exit, 3)).state is State.FAILED
    assert finished(background.ask("next", "ann", operator.add, 1, 2)).result == 3


def test_so_many_wait_and_no_more(background: Background) -> None:
    slow = background.ask("slow", "ann", time.sleep, 2)
    until(lambda: slow.state is State.WORKING)
    second = background.ask("b", "bob", operator.add, 1, 1)
    third = background.ask("c", "cleo", operator.add, 1, 2)
    assert [background.ahead(one) for one in (slow, second, third)] == [1, 1, 2]
    with pytest.raises(BusyError):
        background.ask("d", "dora", operator.add, 1, 3)


def test_what_somebody_asked_before_gives_way_to_what_they_ask_now(background: Background) -> None:
    slow = background.ask("slow", "ann", time.sleep, 2)
    until(lambda: slow.state is State.WORKING)
    given_up = background.ask("b", "bob", operator.add, 1, 1)
    shared = background.ask("c", "cleo", operator.add, 1, 2)
    background.ask("c", "dora", operator.add, 1, 2)
    background.ask("e", "bob", operator.add, 1, 4)
    assert background.ask("b", "bob", operator.add, 1, 1) is not given_up
    # Another one waits for it too.
    with pytest.raises(BusyError):
        background.ask("f", "cleo", operator.add, 1, 5)
    assert finished(shared).result == 3


def test_results_are_kept_up_to_a_number(background: Background) -> None:
    tasks = [finished(background.ask(number, "ann", operator.add, number, 0)) for number in range(3)]
    assert background.ask(2, "ann", operator.add, 2, 0) is tasks[2]
    assert background.ask(0, "ann", operator.add, 0, 0) is not tasks[0]


def test_results_go_with_their_publication(background: Background) -> None:
    background.shows("first")
    done = finished(background.ask("done", "ann", operator.add, 1, 2))
    background.shows("first")
    assert background.ask("done", "ann", operator.add, 1, 2).result == 3
    working = background.ask("working", "ann", time.sleep, 1)
    until(lambda: working.state is State.WORKING)
    background.shows("second")
    for task in (done, finished(working)):
        assert (task.state, task.result) == (State.FAILED, None)
        assert task.words == "Another publication took the place of the one it was made of: ask for it again."
    assert finished(background.ask("done", "ann", operator.add, 1, 2)).result == 3


def test_closing_ends_what_is_under_way() -> None:
    background = Background(seconds_most=60, waiting_most=2, kept=2)
    task = background.ask("slow", "ann", time.sleep, 60)
    until(lambda: task.state is State.WORKING)
    began = time.monotonic()
    background.close()
    assert time.monotonic() - began < 10


def finished(task: Task) -> Task:
    """The task when it is over."""
    until(lambda: task.state.is_over)
    return task


def until(holds) -> None:
    """Wait until it holds, for a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it doesn't come"
        time.sleep(0.01)
