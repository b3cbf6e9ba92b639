"""Finding the account that a person means, among the published: by id, exact or normalised name; never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.publishing.reader import Publication
from orchestration.sources.matching import normalise_name

_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Account:
    """An account as published."""

    account_id: str
    account_name: str


class UnknownAccountError(LookupError):
    """No account, or more than one, goes by that name; says which come near."""


def find_account(
    publication: Publication, text: str, legal_forms: Sequence[str], accounts: str = "account_health"
) -> Account:
    """The scored account that `text` means, among those of a table or query; raises UnknownAccountError."""
    wanted = " ".join(text.split())
    found = _by(publication, accounts, "account_id = ?", wanted)
    found = found or _by(publication, accounts, "account_name = ?", wanted)
    if not found and (name := normalise_name(wanted, legal_forms)):
        everybody = _by(publication, accounts, "account_name is not null")
        found = [one for one in everybody if normalise_name(one.account_name, legal_forms) == name]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(one.account_id for one in found)
        raise UnknownAccountError(f'"{wanted}" is the name of {len(found)} accounts; give the id of one: {ids}')
    raise UnknownAccountError(f'no scored account is called "{wanted}"{_near(publication, accounts, wanted)}')


def _by(publication: Publication, accounts: str, condition: str, *values: str) -> list[Account]:
    rows = publication.rows(
        f"select account_id, coalesce(account_name, account_id) as account_name from {accounts}"  # noqa: S608 - our own
        f" where {condition} order by account_id",
        values,
    )
    return [Account(**row) for row in rows]


def _near(publication: Publication, accounts: str, wanted: str) -> str:
    rows = publication.rows(
        f"select account_id, account_name from {accounts} where account_name is not null"  # noqa: S608 - our own
        " order by jaro_winkler_similarity(lower(account_name), lower(?)) desc, account_id limit ?",
        [wanted, _SUGGESTIONS],
    )
    names = ", ".join(f"{row['account_name']} ({row['account_id']})" for row in rows)
    return f"; nearest: {names}" if names else ""
