"""Making the decks that are due: those of document_queue, as far as they aren't there with the same content already.

One that can't be made stops no other: it is told, and stays due.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.documents import shelf
from orchestration.documents.content import Deck
from orchestration.documents.deck import health_check_deck
from orchestration.documents.executive import executive_report
from orchestration.documents.facts import facts_of
from orchestration.documents.rows import Row, Rows, rows_of
from orchestration.policy.models import Policies
from orchestration.publishing.reader import Publication

log = logging.getLogger("orchestration.documents")

QUEUE = "document_queue"
# So many accounts are read at once: few enough for memory, many enough that no table is read a thousand times.
_CHUNK = 500
# Fewer decks than this are sooner made than processes for them.
_WORTH_PROCESSES = 12

Tell = Callable[[str], None]
# Path below the folder of documents, its file, and what goes there.
_Wanted = tuple[str, Path, Deck]


@dataclass
class Made:
    """What a round of making came to; `failed` has path and reason."""

    made: list[str] = field(default_factory=list)
    unchanged: int = 0
    needs_person: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    # Due, and beyond what one run makes.
    left: int = 0
    seconds: float = 0.0


def make_due(snapshot: Path, documents: Path, policies: Policies, tell: Tell = lambda _: None) -> Made:
    """Make what is due by a snapshot into the folder `documents`; `tell` hears how far it is."""
    started = time.monotonic()
    made = Made()
    with Publication.open_snapshot(snapshot) as publication:
        if QUEUE not in publication.manifest.tables:
            return made
        rows, as_of = rows_of(publication), publication.manifest.as_of_date
        queue = rows(
            "select account_id, account_name, target_id, path, status, needs_person_reason from {document_queue}"
            ' order by "rank", document_id'
        )
        due = [row for row in queue if row["status"] == "due"]
        made.needs_person = [
            (str(row["account_name"] or row["account_id"]), row["needs_person_reason"] or "")
            for row in queue
            if row["status"] == "needs_person"
        ]
        most = policies.documents.documents_a_run
        with _makers(policies, len(due)) as makers:
            for first in range(0, len(due), _CHUNK):
                chunk = due[first : first + _CHUNK]
                wanted = list(_wanted(rows, chunk, documents, as_of, policies, made))
                room = max(0, most - len(made.made) - len(made.failed))
                made.left += len(wanted[room:])
                _make(wanted[:room], makers, made)
                tell(f"decks: {first + len(chunk)} of {len(due)} looked at, {len(made.made)} made")
    made.seconds = time.monotonic() - started
    return made


def write_executive_report(snapshot: Path, folder: Path, policies: Policies) -> Path:
    """The executive report of a snapshot as PDF, in place of one of the same date."""
    from orchestration.documents.pages import pdf

    with Publication.open_snapshot(snapshot) as publication:
        as_of = publication.manifest.as_of_date
        paper = executive_report(rows_of(publication), policies, as_of, is_whole=True)
    file = folder / f"{paper.kind}-{as_of}.pdf"
    shelf.put(file, pdf(paper))
    return file


def _wanted(
    rows: Rows, chunk: Sequence[Row], documents: Path, as_of, policies: Policies, made: Made
) -> Iterator[_Wanted]:
    """The decks of a chunk whose content isn't there yet, with where they go."""
    facts = facts_of(rows, [row["account_id"] for row in chunk], as_of, policies.documents.trend_months)
    for row in chunk:
        try:
            file = shelf.place(documents, row["path"])
            account = facts[row["account_id"]]
            target = next((one for one in account.targets if one["target_id"] == row["target_id"]), None)
            deck = health_check_deck(account, target, policies)
            if shelf.fingerprint_of(file) == deck.fingerprint:
                made.unchanged += 1
            else:
                yield row["path"], file, deck
        except Exception as error:
            _failed(made, row["path"], error)


def _make(wanted: Sequence[_Wanted], makers: Executor | None, made: Made) -> None:
    rest = wanted if makers is None else _made_beside(wanted, makers, made)
    for path, file, deck in rest:
        try:
            write_deck(file, deck)
            made.made.append(path)
        except Exception as error:
            _failed(made, path, error)


def _made_beside(wanted: Sequence[_Wanted], makers: Executor, made: Made) -> list[_Wanted]:
    """Made by processes of their own; gives back what is left where those have died, to be made by this one."""
    under_way: dict[Future, _Wanted] = {}
    with suppress(BrokenProcessPool):
        for path, file, deck in wanted:
            under_way[makers.submit(write_deck, file, deck)] = (path, file, deck)
    rest = list(wanted[len(under_way) :])
    for done in as_completed(under_way):
        path, file, deck = under_way[done]
        try:
            done.result()
            made.made.append(path)
        except BrokenProcessPool:
            rest.append((path, file, deck))
        except Exception as error:
            _failed(made, path, error)
    if rest:
        log.warning("processes that make decks have died; %d decks are made without them", len(rest))
    return rest


def write_deck(file: Path, deck: Deck) -> None:
    """Draw a deck and put it in its place."""
    from orchestration.documents.slides import pptx

    shelf.put(file, pptx(deck))


def _failed(made: Made, path: str, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"
    log.error("the document %s can't be made: %s", path, reason)
    made.failed.append((path, reason))


@contextmanager
def _makers(policies: Policies, due: int) -> Iterator[Executor | None]:
    """Processes that draw decks; none where they aren't worth their start."""
    count = policies.documents.processes or os.cpu_count() or 1
    if count < 2 or due < _WORTH_PROCESSES:
        yield None
        return
    # Started anew: a fork of a process with threads can hang.
    with ProcessPoolExecutor(min(count, due), multiprocessing.get_context("spawn")) as makers:
        yield makers
