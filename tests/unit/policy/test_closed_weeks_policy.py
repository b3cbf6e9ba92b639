"""Closed weeks as the calendar has them: what they become, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.policy.load import load_policies
from orchestration.policy.models import Policies
from orchestration.policy.problems import PolicyError
from orchestration.settings import PROJECT_ROOT


def policies_with(folder: Path, *closed: dict[str, Any]) -> Policies:
    import shutil

    shutil.copytree(PROJECT_ROOT / "policies", folder / "policies")
    file = folder / "policies" / "calendar.yaml"
    values = yaml.safe_load(file.read_text(encoding="utf-8")) | {"closed": list(closed)}
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return load_policies(folder / "policies")


def week(first: str, last: str, *industries: str) -> dict[str, Any]:
    return {"industries": list(industries or ("Schools",)), "from": first, "to": last, "why": "holidays"}


def test_what_touches_is_one_and_industries_are_apart(tmp_path: Path) -> None:
    given = policies_with(
        tmp_path,
        week("2026-07-01", "2026-07-10", "Schools", "Camps"),
        week("2026-07-11", "2026-07-20"),
        week("2026-07-22", "2026-07-22", "SCHOOLS"),
    )
    assert given.calendar.closed_periods() == {
        "camps": [(date(2026, 7, 1), date(2026, 7, 10))],
        "schools": [(date(2026, 7, 1), date(2026, 7, 20)), (date(2026, 7, 22), date(2026, 7, 22))],
    }


def test_what_comes_every_year_goes_over_its_end_and_knows_leap_days(tmp_path: Path) -> None:
    winter = policies_with(tmp_path, week("12-20", "01-06")).calendar.closed_periods()["schools"]
    assert (date(2026, 12, 20), date(2027, 1, 6)) in winter
    leap = policies_with(tmp_path / "leap", week("02-29", "02-29")).calendar.closed_periods()["schools"]
    assert (date(2028, 2, 29), date(2028, 2, 29)) in leap
    assert (date(2027, 2, 28), date(2027, 2, 28)) in leap


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("06-31", "07-10", "expected a day of every year"),
        ("summer", "07-10", "expected a day of every year"),
        ("06-20", "2027-07-10", "both MM-DD, or both dates"),
        ("2027-07-11", "2027-07-10", "a date on or after 2027-07-11"),
        ("01-01", "12-31", "leaves some of the year open"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, first: str, last: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=expected):
        policies_with(tmp_path, week(first, last))
