"""One round of writing back: every target takes in what a publication wants, then sends what waits.

What goes wrong with one target is told and doesn't keep the others from being written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import publications
from orchestration.policy.models import Policies
from orchestration.policy.write_back import Target
from orchestration.publishing import durable
from orchestration.publishing.reader import Publication
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.build import build_writer
from orchestration.systems.salesforce.write import Writer
from orchestration.write_back import queue
from orchestration.write_back.queue import Changed, Counts
from orchestration.write_back.send import Sender, Sent, told
from orchestration.write_back.wanted import wanted_rows


@dataclass(frozen=True, slots=True)
class Noted:
    """What a dry run would write: so many accounts, and the file that has them."""

    records: int
    file: Path


@dataclass(frozen=True, slots=True)
class Report:
    """What a round did for a target, or why it did nothing.

    `noted`: of a dry run. `is_past`: nothing is taken in, since a later date was.
    """

    target: str
    changed: Changed | None = None
    sent: Sent | None = None
    counts: Counts = field(default_factory=Counts)
    noted: Noted | None = None
    is_past: bool = False
    problem: str | None = None

    @property
    def is_fine(self) -> bool:
        """Whether everything that is wanted has been written, or noted."""
        return self.problem is None and not (self.counts.waiting or self.counts.dead)

    def words(self) -> str:
        """The report as a line."""
        if self.noted is not None:
            return f"{self.target}: dry run, {self.noted.records:,} accounts would be written"
        told = []
        if self.is_past:
            told.append("a later as-of date was written before")
        if self.changed is not None:
            told.append(f"{self.changed.wanted:,} changed")
        if self.sent is not None:
            told.append(f"{self.sent.accepted:,} accepted in {self.sent.calls:,} calls")
        told += [f"{self.counts.waiting:,} waiting", f"{self.counts.dead:,} dead"]
        return f"{self.target}: {', '.join(told)}" + (f". {self.problem}" if self.problem else "")


@dataclass(frozen=True, slots=True)
class Round:
    """What a round works with. `now` gives naive UTC."""

    settings: Settings
    policies: Policies
    now: Callable[[], datetime] = utc_now

    def write(self, store: Store, publication: Publication, *, whole: bool = False) -> list[Report]:
        """Take a publication in and send; dry targets are noted. `whole`: whatever was accepted before."""
        targets = self.policies.write_back.targets.items()
        return [self._one(name, target, store, publication, whole) for name, target in targets]

    def send(self, store: Store) -> list[Report]:
        """Send what waits of before."""
        live = [(name, target) for name, target in self.policies.write_back.targets.items() if not target.dry_run]
        return [self._sent(store, name, target, None) for name, target in live if queue.is_due(store, name, self.now())]

    def note(self, store: Store | None, publication: Publication, name: str) -> Report:
        """Note what would be written to a target; nothing is changed, here or there."""
        target = self.policies.write_back.targets[name]
        try:
            rows = wanted_rows(publication, target, self.policies.write_back)
            differing = queue.compare(store, name, rows)
            return Report(name, noted=_note(differing, self.settings.operations_path / file_name(name)))
        except (ValueError, OSError) as error:
            return Report(name, problem=str(error))

    def _one(self, name: str, target: Target, store: Store, publication: Publication, whole: bool) -> Report:
        if target.dry_run:
            return self.note(store, publication, name)
        try:
            if _is_older(store, publication):
                return Report(name, counts=queue.counts(store, name), is_past=True)
            rows = wanted_rows(publication, target, self.policies.write_back)
            changed = queue.take_in(store, name, rows, self.now(), whole=whole)
        except ValueError as error:
            return Report(name, counts=queue.counts(store, name), problem=str(error))
        return self._sent(store, name, target, changed)

    def _sent(self, store: Store, name: str, target: Target, changed: Changed | None) -> Report:
        policies = self.policies
        calling = policies.systems.calling
        try:
            # A call is made again by the round, which knows of leases.
            once = calling.model_copy(update={"attempts": 1})
            writer = build_writer(target.system, policies.systems, self.settings, once)
        except SourceError as error:
            return Report(name, changed, counts=queue.counts(store, name), problem=told(error))
        with closing(writer):
            sent = self._sender(store, name, target, writer).run()
        return Report(name, changed, sent, queue.counts(store, name), problem=sent.stopped)

    def _sender(self, store: Store, name: str, target: Target, writer: Writer) -> Sender:
        return Sender(
            store,
            name,
            target,
            writer,
            work=self.policies.ledger.work,
            calling=self.policies.systems.calling,
            rows_a_call=self.policies.write_back.rows_a_call,
            now=self.now,
        )


def file_name(target: str) -> str:
    """The file of the home's operations that holds what a dry run would write."""
    return f"write_back.{target}.jsonl"


def _note(differing: Iterator[tuple[str, str, str | None]], file: Path) -> Noted:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft, records = file.with_name(f"{durable.TEMPORARY_PREFIX}{file.name}"), 0
    with draft.open("w", encoding="utf-8") as out:
        for record_id, wanted, written in differing:
            line = {"record_id": record_id, "wanted": json.loads(wanted), "written": written and json.loads(written)}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            records += 1
    durable.sync_file(draft)
    durable.move(draft, file)
    return Noted(records, file)


def _is_older(store: Store, publication: Publication) -> bool:
    with store.reading() as con:
        newest = con.execute(sa.select(sa.func.max(publications.c.as_of_date))).scalar()
    return newest is not None and newest > publication.manifest.as_of_date
