"""What every connected system can do, and what a pull says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestration.policy.sources import Source

if TYPE_CHECKING:
    from orchestration.systems.store import RecordStore

# Reasons for which a pull passes records over, as source_freshness counts them.
DELETED = "deleted_at_source"
# Beside a support desk's tickets: its organizations, and the account each belongs to.
ORGANIZATIONS = "organizations.parquet"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of asking a system for one source.

    `files`: what extraction reads, in this order, each an extraction of its own (several only where several reports
    arrived). `rows`: records fetched by this pull; `records`: those the system has now, as far as is known. `calls`,
    `pages`: made and fetched. `whole`: everything was asked for, not only what changed.
    """

    source: str
    stream: str
    files: tuple[Path, ...] = ()
    rows: int = 0
    records: int | None = None
    deleted: int = 0
    pages: int = 0
    calls: int = 0
    whole: bool = False
    quota: str | None = None
    watermark: str | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def passed_over(self) -> Mapping[str, int]:
        """Records that are not handed on, by reason."""
        return {DELETED: self.deleted} if self.deleted else {}


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that `doctor` tried. `mend`: what to do; None where it works."""

    what: str
    words: str
    mend: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.mend is None


@dataclass(frozen=True, slots=True)
class Context:
    """What a pull knows beside its source. `whole`: read everything anew, whatever was read before.

    `folder_of` gives the folder of another source, for what one system knows of another (accounts' domains).
    `now` is aware.
    """

    folder: Path
    folder_of: Callable[[str], Path]
    whole: bool = False
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class System(Protocol):
    """One connected system. Made for one pull or one examination, then closed."""

    name: str

    def pull(self, source: Source, store: RecordStore, context: Context) -> Pulled:
        """Bring what it has of a source; raises SourceError, after which the next pull goes on where this one was."""

    def examine(self, sources: Sequence[Source]) -> Iterator[Found]:
        """Try everything that pulling these sources needs, and say what works; never raises for what doesn't."""

    def close(self) -> None:
        """Let go of connections."""
