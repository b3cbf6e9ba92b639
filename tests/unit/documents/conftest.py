"""One small publication that all tests of documents read, with hostile names in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from orchestration.documents.facts import Facts, facts_of
from orchestration.documents.rows import Rows, rows_of
from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.publishing.reader import Publication
from orchestration.settings import Settings
from tests.support.portal import home


@dataclass(frozen=True)
class Told:
    """What is published, and by which policies."""

    settings: Settings
    policies: Policies
    rows: Rows
    as_of: date
    folder: Path

    def facts(self, account_id: str) -> Facts:
        return facts_of(self.rows, [account_id], self.as_of, self.policies.documents.trend_months)[account_id]

    def account(self, condition: str) -> str:
        """The first account that a condition holds for, among those with a name of letters alone."""
        found = self.rows(
            "select s.account_id from {account_signals} s left join {account_health} h on s.account_id = h.account_id"
            f" where regexp_full_match(s.account_name, '[A-Za-z ]+') and {condition} order by s.account_id limit 1"
        )
        assert found, f"no account of the small company is so: {condition}"
        return found[0]["account_id"]


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    settings = home(tmp_path_factory.mktemp("documents"))
    with Publication.open(settings.published_path, load=True) as publication:
        policies = load_policies(settings.policies)
        folder = publication.snapshot.folder
        yield Told(settings, policies, rows_of(publication), publication.manifest.as_of_date, folder)
    shutil.rmtree(settings.home_path, ignore_errors=True)
