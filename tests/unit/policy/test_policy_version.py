"""`policy_version` follows the values and nothing else."""

from __future__ import annotations

import copy
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.policy.load import load_policies
from orchestration.policy.problems import key_path
from tests.support.policy_leaves import CHECKS_OVERRIDE, LEAVES, POLICIES, READ, SHAPING, SHIPPED, parsed, with_another

VALUES = {name: yaml.safe_load((SHIPPED / file).read_text()) for name, file in SHAPING.items()}
VALUES["health_checks"]["overrides"] = [CHECKS_OVERRIDE]


def version(files: dict[str, str]) -> str:
    """The version of the shipped policies with these files in place of theirs."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(SHIPPED, Path(place) / "policies"))
        for name, text in files.items():
            (folder / SHAPING.get(name, name)).write_text(text, encoding="utf-8")
        return load_policies(folder).version


def dumped(values: dict[str, Any]) -> dict[str, str]:
    return {name: yaml.safe_dump(part, sort_keys=False, allow_unicode=True) for name, part in values.items()}


BASE = version(dumped(VALUES))


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    return value


@settings(max_examples=25, deadline=None)
@given(
    chance=st.randoms(use_true_random=False),
    flow=st.booleans(),
    comment=st.sampled_from(["", "# a note\n", "\n\n#x: 1\n"]),
)
def test_order_layout_and_comments_leave_the_version(chance: random.Random, flow: bool, comment: str) -> None:
    values = shuffled(VALUES, chance)
    files = {
        name: comment + yaml.safe_dump(part, sort_keys=False, default_flow_style=flow) + comment
        for name, part in values.items()
    }
    assert version(files) == BASE


@pytest.mark.parametrize(("name", "path"), LEAVES, ids=lambda part: part if isinstance(part, str) else key_path(part))
def test_any_value_changes_the_version(name: str, path: tuple) -> None:
    assert with_another(name, path).version != parsed(name, READ[name]).version


@pytest.mark.parametrize("name", SHAPING)
def test_each_file_is_part_of_the_version(name: str) -> None:
    text = (SHIPPED / SHAPING[name]).read_text(encoding="utf-8")
    edits = {
        "calendar": ("start_month: 1", "start_month: 2"),
        "health_checks": ("horizon_quarters: 4", "horizon_quarters: 5"),
        "health_score": ("green_at_least: 80", "green_at_least: 81"),
        "churn": ("cap_pct: 95", "cap_pct: 96"),
        "retention": ("credit_months: 2", "credit_months: 2.5"),
        "expansion": ("overdue_days: 30", "overdue_days: 31"),
        "actions": ("default: balanced", "default: aggressive"),
        "alerts": ("kept_days: 90", "kept_days: 91"),
        "surveys": ("throttle_days: 14", "throttle_days: 15"),
        "interventions": ("gap_days: 90", "gap_days: 91"),
        "backtest": ("score_groups: 10", "score_groups: 11"),
        "reports": ("flat_below_pct: 1", "flat_below_pct: 2"),
        "feeds": ("requests_days: 180", "requests_days: 181"),
    }
    changed = text.replace(*edits[name])
    assert changed != text
    assert version({name: changed}) != POLICIES.version


def test_an_anchor_changes_the_version() -> None:
    values = copy.deepcopy(VALUES)
    values["health_checks"]["milestones"]["post_start"] |= {"anchor": "contract_end", "offset_days": 0}
    with_offset = copy.deepcopy(VALUES)
    with_offset["health_checks"]["milestones"]["post_start"] |= {"offset_days": 0}
    assert len({BASE, version(dumped(values)), version(dumped(with_offset))}) == 3


def test_an_override_that_repeats_the_base_is_another_policy() -> None:
    values = copy.deepcopy(VALUES)
    base = values["health_checks"]["influence_days"]
    values["health_checks"]["overrides"][0]["influence_days"] = base
    assert version(dumped(values)) != BASE


def test_where_data_comes_from_is_no_policy() -> None:
    text = (SHIPPED / "sources.yaml").read_text().replace("max_age_days: 8", "max_age_days: 15")
    aliases = "alias,account\nAcme,ACME Corp\n"
    assert version(dumped(VALUES) | {"sources.yaml": text, "account_aliases.csv": aliases}) == BASE


def test_the_version_is_short_hexadecimal() -> None:
    assert len(BASE) == 16
    int(BASE, 16)


def test_a_changed_copy_has_a_version_of_its_own() -> None:
    policies = load_policies(SHIPPED)
    before = policies.version
    calendar = policies.calendar.model_copy(update={"fiscal_year_start_month": 7})
    assert policies.model_copy(update={"calendar": calendar}).version != before
