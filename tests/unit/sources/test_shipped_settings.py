"""The shipped policies read the reports as people export them: footers go, companies with odd names stay."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from orchestration.policy.handover import extraction_settings
from orchestration.policy.load import load_policies
from tests.support.extraction import CONTRACTS

POLICIES = Path(__file__).parents[3] / "policies"
ROW = "Acme,Gold,2026-01-01,2026-12-31,5\n"


@pytest.fixture(scope="module")
def shipped():
    return dataclasses.replace(extraction_settings(load_policies(POLICIES)), settle_seconds=0)


@pytest.mark.parametrize(
    ("footer", "lines"),
    [
        ('Grand Totals (2 records),,,,"$10.00"\n', 1),
        ("Sum of Amount,,,,10\n", 0),
        ("Total Records: 2\n\nEnd of report\n", 2),
        ("As of 30/06/2026 10:15\nFiltered By: all accounts\nTime Zone: (GMT+01:00) Central European Time\n", 3),
        ("© 2026 Vendor\nExported by: Ann\n", 2),
    ],
)
def test_footers(desk, shipped, footer, lines):
    desk.settings = shipped
    desk.put("contracts.csv", CONTRACTS + ROW + ROW + footer)
    outcome = desk.extract("contracts")
    assert sum(outcome.passed_over.values()) == lines
    # What no pattern knows stays a record, for the checks to list.
    assert outcome.rows_landed == 2 + (lines == 0)


def test_companies_whose_names_begin_like_footers_stay(desk, shipped):
    desk.settings = shipped
    names = ["Total", "Count", "Total Energies", "Confidential Ltd", "Report: Inc", "2 Records", "Copyright Clearance"]
    desk.put("contracts.csv", CONTRACTS + "".join(ROW.replace("Acme", name) for name in names))
    assert desk.extract("contracts").rows_landed == len(names)
