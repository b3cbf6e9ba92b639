"""Work that takes seconds, beside the requests: one piece at a time, in a process of its own, bounded in time.

A page asks for work by a key and gets a `Task`; it shows how far the task is, and asks again. What is done is kept by
its key, so the same question is answered at once. Requests are never held up: the process has a lower priority, its own
memory, and is ended when it takes too long.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

log = logging.getLogger("portal.background")

# A failed piece may be tried again after so long.
_FAILED_SECONDS = 20
_NICE = 5
_END_SECONDS = 5
_BROKE = "It broke; the reason is in the portal's log. Try again in a moment."
_CANCELLED = "It was cancelled."
_OUTDATED = "Another publication took the place of the one it was made of: ask for it again."


class ToldError(Exception):
    """Raised by work: its words are for the person who asked."""


class BusyError(RuntimeError):
    """Too much is waiting already."""


class State(Enum):
    """How far a piece of work is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        return self in (State.DONE, State.FAILED)


@dataclass
class Task:
    """One piece of work: what came of it, or why nothing did, in words."""

    key: Hashable
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    # Who waits for it.
    askers: set[str] = field(default_factory=set)
    state: State = State.WAITING
    result: Any = None
    words: str | None = None
    is_cancelled: bool = False
    is_outdated: bool = False
    # Seconds of a clock that only goes forward.
    asked_at: float = field(default_factory=time.monotonic)
    began_at: float = 0.0
    ended_at: float = 0.0

    @property
    def seconds(self) -> int:
        """For how long it has been worked on."""
        return int(time.monotonic() - self.began_at) if self.state is State.WORKING else 0


class Background:
    """Does work that was asked for, in order; safe for many threads. `close` it when the app ends."""

    def __init__(self, seconds_most: float, waiting_most: int, kept: int) -> None:
        self._seconds_most = seconds_most
        self._waiting_most = waiting_most
        self._kept = kept
        self._tasks: OrderedDict[Hashable, Task] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._worker: _Worker | None = None
        self._is_closed = False
        self._shown: str | None = None

    def ask(self, key: Hashable, asker: str, work: Callable[..., Any], *arguments: Any) -> Task:
        """The task of this key, begun when there is none; raises BusyError.

        `work` is a function of a module, called with `arguments` in another process; all of them can be pickled. What
        this asker waited for before, and nobody else does, gives way.
        """
        with self._changed:
            task = self._tasks.get(key)
            if task is not None and task.state is State.FAILED and time.monotonic() - task.ended_at > _FAILED_SECONDS:
                task = None
            if task is None:
                self._give_way(asker)
                if len(self._waiting()) >= self._waiting_most:
                    raise BusyError
                task = self._tasks[key] = Task(key, work, arguments)
                self._start()
                self._changed.notify_all()
            task.askers.add(asker)
            self._tasks.move_to_end(key)
            return task

    def ahead(self, task: Task) -> int:
        """How many pieces come before a waiting one."""
        with self._changed:
            waiting = self._waiting()
            working = any(one.state is State.WORKING for one in self._tasks.values())
            return (waiting.index(task) if task in waiting else 0) + working

    def cancel(self, task: Task) -> None:
        """Do no more of it; whoever else asked for it is told so too."""
        with self._changed:
            if task.state.is_over:
                return
            task.is_cancelled = True
            worker = None
            if task.state is State.WORKING:
                # What comes next gets a worker of its own: this one ends, whatever it is at by then.
                worker, self._worker = self._worker, None
            else:
                task.state, task.words, task.ended_at = State.FAILED, _CANCELLED, time.monotonic()
        if worker is not None:
            worker.end()

    def shows(self, snapshot_id: str) -> None:
        """Let go of every result that was made before this publication took its place: they may have what it hasn't."""
        with self._changed:
            if snapshot_id == self._shown:
                return
            before, self._shown = self._shown, snapshot_id
            if before is None:
                return
            for key, task in list(self._tasks.items()):
                task.is_outdated = task.state is State.WORKING
                if task.state is State.DONE:
                    task.state, task.result, task.words = State.FAILED, None, _OUTDATED
                if task.state.is_over:
                    del self._tasks[key]

    def close(self) -> None:
        """End what is under way."""
        with self._changed:
            self._is_closed = True
            worker, self._worker = self._worker, None
            self._changed.notify_all()
        if worker is not None:
            worker.end()

    def _waiting(self) -> list[Task]:
        return sorted(
            (task for task in self._tasks.values() if task.state is State.WAITING), key=lambda task: task.asked_at
        )

    def _give_way(self, asker: str) -> None:
        for task in self._waiting():
            task.askers.discard(asker)
            if not task.askers:
                del self._tasks[task.key]

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="background", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._is_closed and not self._waiting():
                    self._changed.wait()
                if self._is_closed:
                    return
                task = self._waiting()[0]
                task.state, task.began_at = State.WORKING, time.monotonic()
                worker = self._worker = self._worker or _Worker()
            result, words = worker.do(task.work, task.arguments, self._seconds_most)
            with self._changed:
                if self._worker is worker and not worker.is_alive:
                    self._worker = None
                if task.is_cancelled:
                    result, words = None, _CANCELLED
                elif task.is_outdated:
                    result, words = None, _OUTDATED
                task.state = State.FAILED if words else State.DONE
                task.result, task.words, task.ended_at = result, words, time.monotonic()
                task.arguments = ()
                self._forget()

    def _forget(self) -> None:
        over = [key for key, task in self._tasks.items() if task.state.is_over]
        for key in over[: max(0, len(over) - self._kept)]:
            del self._tasks[key]


class _Worker:
    """The other process."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="background", daemon=True)
        self._process.start()
        theirs.close()
        # Two threads that wait for one process would take its end from each other.
        self._ending = threading.Lock()

    @property
    def is_alive(self) -> bool:
        with self._ending:
            return self._process.is_alive()

    def do(self, work: Callable[..., Any], arguments: tuple[Any, ...], seconds_most: float) -> tuple[Any, str | None]:
        """What the work gives, or why it gives nothing."""
        try:
            self._pipe.send((work, arguments))
            if not self._pipe.poll(seconds_most):
                log.error("background work took more than %s seconds and was ended", seconds_most)
                self.end()
                return None, f"It took more than {seconds_most:g} seconds, so it was ended."
            result, words, details = self._pipe.recv()
        except (EOFError, OSError):
            log.error("the process of background work ended")
            self.end()
            return None, _BROKE
        if details:
            log.error("background work failed:\n%s", details)
        return result, words

    def end(self) -> None:
        """End it: kindly first, so that it takes its temporary folders along."""
        with self._ending:
            self._process.terminate()
            self._process.join(_END_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


def _serve(pipe: Connection) -> None:
    # Ctrl-C is for the portal, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    os.nice(_NICE)
    while True:
        try:
            work, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = work(*arguments), None, None
        except ToldError as error:
            answer = None, str(error), None
        except Exception:
            answer = None, _BROKE, traceback.format_exc()
        try:
            pipe.send(answer)
        except OSError:
            return


def _leave(*_: object) -> None:
    raise SystemExit(1)
