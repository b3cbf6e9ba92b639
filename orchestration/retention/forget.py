"""Forgetting an account: everywhere in a home, in an order that a kill can't spoil.

1. Who is meant is written down (`operations/forgetting.json`), and what keeps them from coming back.
2. Landing zone, then every other file of the home, the publication, the ledger.
3. The home is searched. Only where nothing is left is it recorded as done, and what was written down first goes.

Killed at any moment, the next call of any account ends what was begun. Sources aren't touched: the list of forgotten
accounts keeps out what they still have.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.ledger.store import FILE as LEDGER_FILE
from orchestration.ledger.store import Store
from orchestration.policy.models import Policies
from orchestration.retention import forgotten
from orchestration.retention.files import clean_file, contents, names_raw, remove
from orchestration.retention.identity import Identity, identify
from orchestration.retention.landing import clean_landing
from orchestration.retention.ledger import clean_ledger
from orchestration.retention.parquet import Found, Rewriter, is_draft
from orchestration.retention.published import WAIT_SECONDS, clean_published
from orchestration.settings import Settings

_LEDGER_FILES = tuple(f"{LEDGER_FILE}{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))
# Made anew by every refresh from what is left.
_MADE_ANEW = ("warehouse.duckdb", "warehouse.duckdb.wal", "spark", "tmp")


class StillThereError(RuntimeError):
    """Something of the account is left; says where."""


@dataclass
class Done:
    """What forgetting did, or with a dry run would do, by place."""

    places: dict[str, Found] = field(default_factory=dict)
    # Where the account is still, and may come back from unless it is kept out.
    sources: list[str] = field(default_factory=list)
    record: dict[str, Any] | None = None

    def add(self, place: str, found: Found) -> None:
        if found:
            self.places.setdefault(place, Found()).add(found)

    def counts(self) -> dict[str, dict[str, int]]:
        """The same as plain numbers."""
        return {place: vars(found) for place, found in sorted(self.places.items())}


def look(settings: Settings, policies: Policies, identity: Identity) -> Done:
    """What forgetting would remove; nothing is changed."""
    return _everywhere(settings, policies, identity, Done(), dry=True, wait_seconds=0, step=lambda _: None)


def forget(
    settings: Settings,
    policies: Policies,
    account: str,
    *,
    by: str,
    reason: str,
    may_return: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    step: Callable[[str], None] = lambda _: None,
) -> Done:
    """Remove an account everywhere; hold the home meanwhile. `step` is told what comes next.

    Raises UnclearAccountError where it isn't known, StillThereError where something of it is left.
    """
    if forgotten.read_pending(settings) is not None:
        resume(settings, policies, wait_seconds=wait_seconds, step=step)
        if is_forgotten(settings, policies, account):
            return Done(record=forgotten.read_records(settings)[-1])
    identity = identify(settings, policies, account)
    records = forgotten.read_records(settings)
    record = {
        "number": 1 + max((one["number"] for one in records), default=0),
        "asked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked_by": by,
        "reason": identity.traces.cleaned(reason),
        "may_return": may_return,
        "kept_out": {"ids": [], "names": []} if may_return else forgotten.hashes(settings, identity),
        "done_at": None,
        "removed": {},
    }
    forgotten.write_pending(settings, {"record": record, "identity": _written(identity), "removed": {}})
    return resume(settings, policies, wait_seconds=wait_seconds, step=step)


def resume(
    settings: Settings,
    policies: Policies,
    *,
    wait_seconds: float = WAIT_SECONDS,
    step: Callable[[str], None] = lambda _: None,
) -> Done:
    """End what was begun."""
    pending = forgotten.read_pending(settings)
    if pending is None:
        return Done()
    identity, record = _read(pending["identity"]), pending["record"]
    done = Done({place: Found(**found) for place, found in pending["removed"].items()})
    # First what keeps it out: whatever is read from here on is without it.
    forgotten.put_record(settings, record)

    def told(place: str) -> None:
        forgotten.write_pending(settings, {**pending, "removed": done.counts()})
        step(place)

    _everywhere(settings, policies, identity, done, dry=False, wait_seconds=wait_seconds, step=told)
    step("search")
    if left := list(search(settings, identity)):
        raise StillThereError(
            "something of the account is left, so this isn't done: "
            + ", ".join(str(path.relative_to(settings.home_path)) for path in left[:10])
            + "; try again when nothing else uses the home"
        )
    done.record = record | {"done_at": datetime.now(UTC).isoformat(timespec="seconds"), "removed": done.counts()}
    forgotten.put_record(settings, done.record)
    _log(settings, done.record)
    done.sources = sources(settings, identity)
    forgotten.end_pending(settings)
    return done


def is_forgotten(settings: Settings, policies: Policies, account: str) -> bool:
    """Whether this id or name is one that is kept out."""
    forms = tuple(policies.sources.matching.legal_forms)
    return forgotten.forgotten_accounts(settings, forms).is_forgotten(account)


def search(settings: Settings, identity: Identity) -> Iterator[Path]:
    """Files of the home that still name the account, but for those of its sources."""
    rewriter = Rewriter(identity, dry=True)
    for file in _files(settings, settings.home_path):
        is_named = _names_itself(file, settings.home_path, identity)
        if not is_named and file.suffix == ".parquet":
            is_named = bool(rewriter.rewrite(file))
        if is_named or any(names_raw(content, identity) for content in contents(file)):
            yield file


def sources(settings: Settings, identity: Identity) -> list[str]:
    """Files of the drop folder that name the account: they are their owner's to change."""
    return [
        str(file)
        for folder in _source_folders(settings)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and any(names_raw(content, identity) for content in contents(file))
    ]


def _everywhere(
    settings: Settings,
    policies: Policies,
    identity: Identity,
    done: Done,
    *,
    dry: bool,
    wait_seconds: float,
    step: Callable[[str], None],
) -> Done:
    rewriter = Rewriter(identity, dry=dry)
    step("landing")
    done.add("landing", clean_landing(settings.landing_path, rewriter))
    step("files")
    _clean_files(settings, rewriter, done)
    step("publication")
    url = settings.postgres_url()
    done.add("published", clean_published(settings.published_path, rewriter, url, wait_seconds))
    step("ledger")
    if Store.exists(settings):
        with Store.open(settings) as store:
            done.add("ledger", clean_ledger(store, identity, dry=dry))
    return done


def _clean_files(settings: Settings, rewriter: Rewriter, done: Done) -> None:
    home = settings.home_path
    if not rewriter.dry:
        for draft in filter(is_draft, list(_files(settings, home))):
            draft.unlink()
        for name in _MADE_ANEW:
            _remove_made(home / name)
        for folder in (
            path for path in sorted(home.rglob("*")) if path.is_dir() and path.name in rewriter.identity.ids
        ):
            if not _is_spared(folder, settings) and folder.is_dir():
                done.add(_place(folder, home), Found(files=sum(one.is_file() for one in folder.rglob("*"))))
                remove(folder)
    skipped = (settings.landing_path, settings.published_path, *(home / name for name in (*_LEDGER_FILES, *_MADE_ANEW)))
    for file in list(_files(settings, home)):
        if is_draft(file) or any(file.is_relative_to(path) for path in skipped) or not file.exists():
            continue
        if _names_itself(file, home, rewriter.identity):
            done.add(_place(file, home), Found(files=1))
            if not rewriter.dry:
                file.unlink()
        else:
            done.add(_place(file, home), clean_file(file, rewriter))


def _remove_made(path: Path) -> None:
    if path.name == "tmp":
        for inner in path.glob("*"):
            remove(inner)
    else:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _files(settings: Settings, folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not _is_spared(path, settings):
            yield path


def _is_spared(path: Path, settings: Settings) -> bool:
    """The sources, and what forgetting itself keeps."""
    own = {settings.operations_path / name for name in (forgotten.LIST, forgotten.KEY, forgotten.PENDING)}
    return path in own or any(path.is_relative_to(folder) for folder in _source_folders(settings))


def _source_folders(settings: Settings) -> list[Path]:
    """Where people put their files: the drop folder, and that of the demo; never a folder that the home is in."""
    folders = dict.fromkeys((settings.drop_path, settings.home_path / "demo"))
    return [folder for folder in folders if folder.is_dir() and not settings.home_path.is_relative_to(folder)]


def _names_itself(path: Path, home: Path, identity: Identity) -> bool:
    return any(identity.traces.is_in(part) for part in path.relative_to(home).parts)


def _place(path: Path, home: Path) -> str:
    return path.relative_to(home).parts[0]


def _log(settings: Settings, record: dict[str, Any]) -> None:
    if Store.exists(settings):
        import sqlalchemy as sa

        from orchestration.ledger.store import utc_now
        from orchestration.ledger.tables import audit_log

        rows = sum(found["rows"] for found in record["removed"].values())
        with Store.open(settings) as store, store.writing() as con:
            con.execute(
                sa.insert(audit_log).values(
                    happened_at=utc_now(),
                    person=record["asked_by"],
                    event="forget",
                    subject=f"forgotten account {record['number']}",
                    detail=f"{rows:,} rows removed; {record['reason']}",
                )
            )


def _written(identity: Identity) -> dict[str, list[str]]:
    names = ("ids", "names", "keys", "shared", "others", "legal_forms")
    return {name: sorted(getattr(identity, name)) for name in names}


def _read(written: dict[str, list[str]]) -> Identity:
    sets = {name: frozenset(values) for name, values in written.items() if name != "legal_forms"}
    return Identity(**sets, legal_forms=tuple(written["legal_forms"]))
