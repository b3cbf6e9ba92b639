"""Asking one system for all that it has of our sources, one after the other.

Each source is a folder of its own under `HOME/pulled/<system>`; one pull of a system at a time. What goes wrong with
one source doesn't keep the others from being asked: an outage is told for each, and what was pulled before stays.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pyarrow import ArrowException

from orchestration.policy.models import Policies
from orchestration.policy.sources import Source
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.base import ORGANIZATIONS, Context, Pulled, System
from orchestration.systems.build import build_system
from orchestration.systems.store import RecordStore

_LOG = logging.getLogger(__name__)
# What reading a damaged file of an earlier pull raises, or a state that makes no sense.
_DAMAGED = (duckdb.Error, ArrowException, ValueError)
_LOCK = ".lock"
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one source: what was pulled, or why not."""

    source: str
    stream: str
    pulled: Pulled | None
    problem: str | None


def sources_of(policies: Policies, system: str) -> list[Source]:
    """The sources that a system has, in the order policy has them."""
    return [source for source in policies.sources.sources if source.system == system]


def folder_of(settings: Settings, policies: Policies, source: str) -> Path:
    """Where what was pulled of a source is kept."""
    system = next(one.system for one in policies.sources.sources if one.name == source and one.system)
    return settings.pulled_path / str(system) / source


def organization_files(settings: Settings, policies: Policies) -> list[Path]:
    """Where pulls of tickets left what organizations of support desks are, those that are there."""
    files = [
        folder_of(settings, policies, source.name) / ORGANIZATIONS
        for source in policies.sources.sources
        if source.system in policies.systems.zendesk
    ]
    return [file for file in files if file.is_file()]


def pull_system(
    name: str,
    settings: Settings,
    policies: Policies,
    only: Sequence[Source] | None = None,
    *,
    whole: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Asked]:
    """Ask a system for its sources, or for some of them. `whole`: everything anew. Never raises for one that fails.

    Raises SourceError where another pull of it is under way.
    """
    wanted = sources_of(policies, name) if only is None else list(only)
    folder = settings.pulled_path / name
    with _alone(folder, name):
        deadline = time.monotonic() + policies.systems.pulling.longest_minutes * _MINUTE
        try:
            system = build_system(name, policies, settings, deadline)
        except SourceError as error:
            return [Asked(source.name, source.stream, None, str(error)) for source in wanted]
        context = Context(folder, lambda source: folder_of(settings, policies, source), whole, now)
        try:
            return [_ask(system, source, folder / source.name, policies, context) for source in wanted]
        finally:
            system.close()


def _ask(system: System, source: Source, folder: Path, policies: Policies, context: Context) -> Asked:
    """Ask for one source; whatever goes wrong is told, so that the others are asked too."""
    started = time.perf_counter()
    try:
        pulled = _pull(system, source, folder, policies, context)
    except SourceError as error:
        return Asked(source.name, source.stream, None, str(error))
    except OSError as error:
        words = (
            f"{folder}: it can't be written ({error.strerror or type(error).__name__}). Free disk space, or mend it."
        )
        return Asked(source.name, source.stream, None, words)
    except Exception as error:
        # The trace is for whoever mends it; a refresh goes on with what is known.
        _LOG.exception("%s: a pull failed unforeseen", source.name)
        return Asked(source.name, source.stream, None, f"{system.name}: {type(error).__name__}: {_first_line(error)}")
    return Asked(source.name, source.stream, replace(pulled, seconds=time.perf_counter() - started), None)


def _pull(system: System, source: Source, folder: Path, policies: Policies, context: Context) -> Pulled:
    """Pull; where what is kept of earlier pulls can't be read, forget it and pull everything."""
    store = RecordStore(folder, policies.systems.pulling, context.now())
    try:
        return system.pull(source, store, context)
    except _DAMAGED as error:
        if isinstance(error, duckdb.OutOfMemoryException) or not folder.is_dir():
            raise
        _LOG.warning("%s: what was kept of it can't be read; it is read anew", source.name)
        shutil.rmtree(folder)
        return system.pull(source, store, replace(context, whole=True))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    # The kernel lets go of the lock of a process that dies.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("a")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        action = "see that the home is a folder this user may write to, with space left"
        raise SourceError(f"{folder} can't be written ({reason}).", file=name, action=action) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SourceError(
                "another pull of it is under way.", file=name, action="wait until it is done; nothing is lost"
            ) from None
        yield
