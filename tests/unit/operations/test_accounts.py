"""Which published account a person means."""

from __future__ import annotations

import pytest

from orchestration.operations.accounts import UnknownAccountError, find_account

FORMS = ("GmbH", "Corp", "Ltd", "S.A.")


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("A1", "A1"),
        ("Acme Corp", "A1"),
        ("  Acme   Corp ", "A1"),
        ("acme", "A1"),
        ("ACME, S.A.", "A1"),
        ("ümlaut und söhne", None),
        ("umlaut", None),
        ("Ümlaut Söhne", "A2"),
        ("ÜMLAUT - SÖHNE GMBH", "A2"),
        ("A3", "A3"),
    ],
)
def test_an_account_is_found_by_id_name_or_normalised_name(publication, text, account):
    if account is None:
        with pytest.raises(UnknownAccountError, match="nearest: Ümlaut"):
            find_account(publication, text, FORMS)
    else:
        assert find_account(publication, text, FORMS).account_id == account


def test_a_name_of_two_accounts_is_never_guessed(publication):
    with pytest.raises(UnknownAccountError, match='"Twin Ltd" is the name of 2 accounts; give the id of one: A3, A4'):
        find_account(publication, "Twin Ltd", FORMS)


@pytest.mark.parametrize("text", ["", "  ", "Ltd", "' or 1=1 --"])
def test_nothing_much_means_no_account(publication, text):
    with pytest.raises(UnknownAccountError):
        find_account(publication, text, FORMS)
