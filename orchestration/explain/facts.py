"""What is published of one account, as of one date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from orchestration.operations.accounts import find_account
from orchestration.publishing.errors import PublishingError
from orchestration.publishing.manifest import is_snapshot_id, read_snapshot
from orchestration.publishing.reader import Publication

Row = dict[str, Any]

HISTORY = "account_health_history"


class NoSuchDateError(LookupError):
    """Nothing is published as of that date; says which dates there are."""


@dataclass(frozen=True)
class Facts:
    """One account. Where only its history is kept, `is_whole` is false, and so is everything but health and churn."""

    snapshot_id: str
    published_at: datetime
    is_whole: bool
    health: Row
    churn: Row | None
    measures: Sequence[Row] = ()
    themes: Sequence[Row] = ()
    plan: Sequence[Row] = ()
    offers: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    expansion: Sequence[Row] = ()
    candidates: Sequence[Row] = ()
    actions: Sequence[Row] = ()
    sources: Sequence[Row] = ()


def facts_of(published_dir: Path, text: str, as_of: date | None, legal_forms: Sequence[str]) -> Facts:
    """What is published of the account that `text` means, as of a date (default: the newest).

    Raises UnknownAccountError, NoSuchDateError, or PublishingError where nothing is published.
    """
    folder = _snapshot_of(published_dir, as_of) if as_of else None
    with _opened(published_dir, folder) as publication:
        if HISTORY not in publication.manifest.tables:
            raise PublishingError("this publication is older than the scores; run `account-health refresh`")
        if as_of is None or publication.manifest.as_of_date == as_of:
            account = find_account(publication, text, legal_forms).account_id
            snapshot = publication.snapshot.snapshot_id
            return whole_facts(publication.rows, account, snapshot, publication.manifest.published_at)
        return _from_history(publication, text, as_of, legal_forms)


def _snapshot_of(published_dir: Path, as_of: date) -> Path | None:
    """The newest snapshot of that date which retention left."""
    folders = sorted((path for path in published_dir.glob("*") if is_snapshot_id(path.name)), reverse=True)
    return next((folder for folder in folders if read_snapshot(folder).manifest.as_of_date == as_of), None)


@contextmanager
def _opened(published_dir: Path, folder: Path | None) -> Iterator[Publication]:
    with Publication.open_snapshot(folder) if folder else Publication.open(published_dir) as publication:
        yield publication


def whole_facts(
    query: Callable[[str, Sequence[Any]], list[Row]], account_id: str, snapshot_id: str, published_at: datetime
) -> Facts:
    """All facts of an account, from whatever answers a query with rows of published tables."""

    def rows(table: str, order: str) -> list[Row]:
        return query(f"select * from {table} where account_id = ? order by {order}", [account_id])  # noqa: S608 - our own

    return Facts(
        snapshot_id,
        published_at,
        is_whole=True,
        health=rows("account_health", "account_id")[0],
        churn=next(iter(rows("account_churn", "account_id")), None),
        measures=rows("account_health_measures", "measure_rank"),
        themes=rows("account_themes", "place"),
        plan=rows("retention_plans", '"rank"'),
        offers=rows("retention_offers", "component_rank"),
        decisions=rows("executive_decisions", '"rank"'),
        expansion=rows("expansion_pipeline", "type_rank"),
        candidates=rows("health_check_candidates", '"rank"'),
        actions=rows("recommended_actions", "priority, due_on, action_id"),
        sources=query("select * from source_freshness order by is_present desc, stream", []),
    )


def _from_history(publication: Publication, text: str, as_of: date, legal_forms: Sequence[str]) -> Facts:
    then = f"where as_of_date = date '{as_of}'"
    dates = publication.rows(f"select distinct as_of_date from {HISTORY} order by 1")  # noqa: S608 - names of our own
    if as_of not in (known := [row["as_of_date"] for row in dates]):
        raise NoSuchDateError(f"nothing is published as of {as_of}; there is: {_span(known)}")
    accounts = f"(select * from {HISTORY} {then})"  # noqa: S608 - as above
    account = find_account(publication, text, legal_forms, accounts).account_id

    def row(table: str) -> Row | None:
        query = f"select * from {table} {then} and account_id = ?"  # noqa: S608 - as above
        return next(iter(publication.rows(query, [account])), None)

    health = row(HISTORY) or {}
    return Facts(
        publication.snapshot.snapshot_id,
        health["published_at"],
        is_whole=False,
        health=health,
        churn=row("account_churn_history"),
    )


def _span(days: Sequence[date]) -> str:
    """The dates, or where they are many the first and the last."""
    if len(days) <= 12:
        return ", ".join(map(str, days)) or "nothing yet"
    return f"{len(days)} dates from {days[0]} to {days[-1]}"
