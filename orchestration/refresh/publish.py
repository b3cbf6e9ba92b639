"""Publish: check what the models made, then put it before readers, all tables at once in each medium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from orchestration.publishing.bi_file import publish_bi_file, snapshot_in_bi_file
from orchestration.publishing.manifest import Snapshot, TableDescription, current_snapshot_id, read_snapshot
from orchestration.publishing.postgres import PostgresOutcome, publish_postgres
from orchestration.publishing.retention import Pruned, prune
from orchestration.publishing.snapshot import publish_snapshot, renew_histories
from orchestration.quality.published import check_published
from orchestration.quality.results import CheckResult
from orchestration.quality.suites import load_published_suites
from orchestration.refresh.freeze import published_at
from orchestration.refresh.histories import PublishedHistories, keep
from orchestration.refresh.run import Run
from orchestration.warehouse import published_tables


def check_models(run: Run) -> list[CheckResult]:
    """Run every published suite over what the models made."""
    with run.timed("check_published"), published_tables(run.settings) as con:
        return check_published(con, load_published_suites(run.settings.expectations))


def publish(
    run: Run, keys: Mapping[str, Sequence[str]], descriptions: Mapping[str, TableDescription]
) -> tuple[Snapshot, Pruned]:
    """Make a snapshot of the published tables and keep the state that later as-ofs need.

    It becomes the current one unless the current one is of a later as_of: current tables hold the newest (spec 80).
    Then the current one is published again with its histories as they are now, this run's as_of in them.
    """
    is_current = is_newest(run)
    histories = PublishedHistories.of(run, keys, descriptions)
    with run.timed("publish_snapshot"), published_tables(run.settings) as con:
        keep(run, con, keys)
        snapshot = publish_snapshot(
            con,
            run.settings.published_path,
            run_id=run.run_id,
            as_of=run.as_of,
            policy_version=run.policies.version,
            published_at=published_at(run),
            keys={**keys, **histories.keys},
            # A model that is gone leaves its table behind; what is published is what there are models of.
            tables=sorted(descriptions.keys() - histories.folders.keys()),
            descriptions={**descriptions, **histories.descriptions},
            history=histories.folders,
            make_current=is_current,
        )
        for_media = snapshot if is_current else _renewed(run, histories)
        pruned = prune(
            run.settings.published_path,
            run.policies.publishing.snapshots_kept,
            # The BI file reads the histories of the snapshot it was made from, until it is replaced.
            spared=snapshot_in_bi_file(run.settings.published_path),
        )
    run.note(
        "publication",
        {
            "snapshot_id": snapshot.snapshot_id,
            "folder": str(snapshot.folder),
            "is_current": is_current,
            "for_media": for_media.snapshot_id,
        },
    )
    return snapshot, pruned


def is_newest(run: Run) -> bool:
    """Whether no publication of a later as_of is current."""
    current = current_as_of(run)
    return current is None or current <= run.as_of


def current_as_of(run: Run) -> date | None:
    """The as_of of the current publication."""
    snapshot_id = current_snapshot_id(run.settings.published_path)
    return read_snapshot(run.settings.published_path / snapshot_id).manifest.as_of_date if snapshot_id else None


def _renewed(run: Run, histories: PublishedHistories) -> Snapshot:
    return renew_histories(
        run.settings.published_path,
        histories.folders,
        moment=datetime.now(UTC),
        keys=histories.keys,
        descriptions=histories.descriptions,
    )


def publish_file(run: Run) -> bool:
    """Replace the BI file by what this run made current; False when a newer publication is current by now."""
    with run.timed("publish_bi_file"):
        return publish_bi_file(_snapshot(run))


def publish_database(run: Run) -> PostgresOutcome | None:
    """Swap what this run made current into PostgreSQL; None when no database is set."""
    url = run.settings.postgres_url()
    if url is None:
        return None
    with run.timed("publish_postgres"):
        return publish_postgres(url, _snapshot(run))


def _snapshot(run: Run) -> Snapshot:
    return read_snapshot(run.settings.published_path / run.noted("publication")["for_media"])
