"""Which account is meant, under which ids and names it is known, and which of them are its alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from orchestration.policy.models import Policies
from orchestration.publishing.sql import read_parquet
from orchestration.retention.traces import Traces
from orchestration.settings import Settings
from orchestration.sources.matching import normalise_name, normalise_text

_ID, _NAME = "account_id", "account_name"


class UnclearAccountError(ValueError):
    """No account, or several, are meant; says which."""


@dataclass(frozen=True)
class Identity:
    """An account as this home knows it.

    `keys`: its names in the form they are matched in, none that another account has too; `shared`: those that one has.
    """

    ids: frozenset[str]
    names: frozenset[str]
    keys: frozenset[str]
    shared: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    legal_forms: tuple[str, ...] = ()

    @cached_property
    def traces(self) -> Traces:
        own = frozenset(name for name in self.names if self.key(name) not in self.shared)
        return Traces(self.ids, own, self.others)

    def key(self, name: str) -> str:
        """A name in the form in which it is matched."""
        return normalise_name(name, self.legal_forms)

    def is_own_name(self, name: str) -> bool:
        """Whether a name means this account and no other."""
        return self.key(name) in self.keys


def identify(settings: Settings, policies: Policies, text: str) -> Identity:
    """The account of this id or name; raises UnclearAccountError where none or several are meant."""
    forms = tuple(policies.sources.matching.legal_forms)
    known = set(_known(settings))
    by_id: dict[str, set[str]] = {}
    for account_id, name in known:
        if account_id is not None:
            by_id.setdefault(account_id, set()).update({name} - {None})
    account_id = _meant(by_id, text, forms)
    names = by_id[account_id]
    own = {normalise_name(name, forms) for name in names}
    taken = {normalise_name(name, forms) for other, theirs in by_id.items() if other != account_id for name in theirs}
    keys = own - taken - {""}
    # Names that only rows without an id have, and that mean it.
    names |= {name for _, name in known if name is not None and normalise_name(name, forms) in keys}
    aliases = {one.alias for one in policies.account_aliases if one.account == account_id or one.account in names}
    keys |= {normalise_name(alias, forms) for alias in aliases} - taken - {""}
    names |= aliases
    theirs = {one for other, called in by_id.items() if other != account_id for one in (other, *called)}
    return Identity(
        frozenset({account_id}),
        frozenset(names),
        frozenset(keys),
        frozenset(own & taken),
        frozenset(_containing(theirs, {account_id, *names})),
        forms,
    )


def _meant(by_id: dict[str, set[str]], text: str, forms: Sequence[str]) -> str:
    if text in by_id:
        return text
    for same in (str, normalise_text, lambda name: normalise_name(name, forms)):
        found = sorted(one for one, names in by_id.items() if any(same(name) == same(text) for name in names))
        if len(found) > 1:
            raise UnclearAccountError(f"{text!r} may be {', '.join(found[:10])}; give the id")
        if found:
            return found[0]
    raise UnclearAccountError(f"there is no account {text!r} in this home: give its id or its name")


def _containing(theirs: Iterable[str], own: Iterable[str]) -> Iterator[str]:
    folded = [one.casefold() for one in own if one]
    return (one for one in theirs if any(part in one.casefold() and part != one.casefold() for part in folded))


def _known(settings: Settings) -> Iterator[tuple[str | None, str | None]]:
    """Every pair of id and name that landed, is kept, or is published."""
    accounts = settings.landing_path / "accounts"
    yield from _pairs(_files(accounts))
    for folder in (settings.history_path, settings.published_path):
        for files in _by_table(folder):
            yield from _pairs(files)
    for files in _by_table(settings.landing_path):
        if files and not files[0].is_relative_to(accounts):
            # What a row with an id calls its account may be another one's name.
            yield from ((None, name) for account_id, name in _pairs(files) if account_id is None)


def _by_table(folder: Path) -> Iterator[list[Path]]:
    if not folder.is_dir():
        return
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith("."):
            yield _files(inner)


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*.parquet")) if not file.name.startswith(".")]


def _pairs(files: Sequence[Path]) -> Iterator[tuple[str | None, str | None]]:
    shapes: dict[tuple[str, ...], list[Path]] = {}
    for file in files:
        there = set(pq.read_schema(file).names)
        if shape := tuple(name for name in (_ID, _NAME) if name in there):
            shapes.setdefault(shape, []).append(file)
    with duckdb.connect() as con:
        for shape, same in shapes.items():
            columns = ", ".join(name if name in shape else f"null as {name}" for name in (_ID, _NAME))
            # Rows of the accounts themselves pair ids with names; a reference by name has no id.
            query = f"select distinct {columns} from {read_parquet(same)}"  # noqa: S608 - quoted, names of our own
            yield from con.execute(query).fetchall()


def spoken(identity: Identity) -> str:
    """The account as a person calls it."""
    return min(identity.names, key=len, default=next(iter(identity.ids)))
