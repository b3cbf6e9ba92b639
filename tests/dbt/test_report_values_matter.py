"""Every value of feeds.yaml and reports.yaml is changed, and what is published follows, by hand.

The lists' lengths, level arrows and the cost of an intervention are changed in test_reports_examples.py and
test_reviews_examples.py.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.coloured_accounts import Customers, built, day, number
from tests.dbt.policy_folders import SHIPPED, read_policy
from tests.dbt.test_feeds_examples import TABLES as FEEDS
from tests.dbt.test_feeds_examples import advocates, asked, billed, growing
from tests.dbt.test_reports_examples import measured, successes
from tests.dbt.test_reviews_examples import PIPELINES, portfolio, reviewed
from tests.support.compiled import rows_of
from tests.support.inputs import Row
from tests.support.policy_leaves import leaves

ELSEWHERE = {
    ("reports", "dashboard", "listed"),
    ("reports", "dashboard", "flat_below_pct"),
    ("reports", "reviews", "listed"),
}
FEED_VALUES = {
    "product": {"requests_days": 181, "beta_score_above": 82, "beta_growing_at_least_pct": number("4.9")},
    "finance": {"overdue_after_days": 1, "trend_days": 91},
    "marketing": {"promoter_at_least": number("8.9"), "tenure_at_least_years": number("1.99")},
}
MEASURED = {
    "year_days": 366,
    "csat_days": 91,
    "satisfied_at_least": number("3.9"),
    "renewal_quarters": 5,
}
REVIEWED = {"week_days": 1, "held_months": 4}
PLAIN_TARGETS = read_policy(SHIPPED, "reports")["success_metrics"]


def other_target(target: dict[str, Any]) -> dict[str, Any]:
    """The target with another title and other numbers."""
    return {key: f"{value}!" if key == "title" else value + 1 for key, value in target.items()}


TARGETS = {name: other_target(target) for name, target in PLAIN_TARGETS.items()}


def plain(values: Any) -> Any:
    """Numbers as YAML writes them."""
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    return float(values) if isinstance(values, Decimal) else values


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[Row]]]:
    """The feeds by the shipped policy, and by one in which every value is another."""
    found = {}
    for name, changes in (("shipped", {}), ("changed", {"feeds": plain(FEED_VALUES)})):
        folder, customers = tmp_path_factory.mktemp(name), Customers()
        for fill in (asked, growing, billed, advocates):
            fill(customers)
        customers.signal("grows-5", "feature_request", 180, note="dark mode")
        with built(customers.world(folder, **changes), folder, *FEEDS) as con:
            found[name] = {table: rows_of(con, f"select * from published.{table}") for table in FEEDS}
    return found


def of(rows: list[Row], column: str, **where: object) -> set[object]:
    return {row[column] for row in rows if all(row[key] == value for key, value in where.items())}


def test_feeds_follow(feeds: dict[str, dict[str, list[Row]]]) -> None:
    before, after = feeds["shipped"], feeds["changed"]
    themes = [of(one["feed_product"], "theme", section="theme") for one in (before, after)]
    assert themes[1] - themes[0] == {"dark mode"}
    candidates = [of(one["feed_product"], "account_id", section="beta_candidate") for one in (before, after)]
    assert candidates == [{"grows-5"}, {"grows-5", "grows-4.9", "grows-but-low"}]
    overdue = [of(one["feed_finance"], "overdue_invoices", account_id="owes") for one in (before, after)]
    assert overdue == [{1}, {0}]
    due = [of(one["feed_finance"], "invoices_due", account_id="slower") for one in (before, after)]
    assert due == [{3}, {4}]
    speakers = [of(one["feed_marketing"], "account_id") for one in (before, after)]
    assert speakers[1] - speakers[0] == {"passive", "nearly-two-years"}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    made = successes()
    # Ended 365 days ago, the last quarter that counts with five: the one before April to June 2025 isn't.
    made.contract("stayed", 729, 400, product="Older")
    # A rating of 3.9 satisfies now.
    made.ticket("stayed", 5, priority="low", csat=number("3.9"))
    return measured(*(tmp_path_factory.mktemp("metrics"), made), measuring=plain(MEASURED), success_metrics=TARGETS)


def test_metrics_follow(metrics: dict[str, Row]) -> None:
    """Expansions won 365 days ago count now, and so do ratings 90 days ago and contracts of April to June 2025."""
    values = {name: (row["value"], row["n"]) for name, row in metrics.items()}
    assert values["expansion_arr"] == (number("1507.50"), 4)
    # 5, 3.99, 4, 4.5, 3.9 and the one of 90 days ago: all but none fail at 3.9.
    assert values["csat"] == (100, 6)
    assert values["critical_satisfaction"] == (100, 3)
    assert values["renewal_rate"][1] > 1


def test_targets_follow(metrics: dict[str, Row]) -> None:
    for name, target in PLAIN_TARGETS.items():
        assert metrics[name]["title"] == f"{target['title']}!"
        wanted = target.get("at_least", target.get("below"))
        assert metrics[name]["target"] == (None if wanted is None else wanted + 1)
    assert metrics["nps_gain"]["target_words"] == "11 to 16"
    assert metrics["annual_churn"]["target_words"] == "below 6"


def test_reviews_follow(tmp_path: Path) -> None:
    """An intervention that worked today is of the last day; pipelines of four months ago begin with February's."""
    shipped = read_policy(SHIPPED, "reports")["reviews"]
    with reviewed(tmp_path, portfolio(), "quarterly", (), PIPELINES, reports={"reviews": shipped | REVIEWED}) as items:
        criteria = {row["text"] for row in items["playbook_review", "expansion_criteria"]}
    assert any(text.startswith("seat growth: 1 of 1 accounts that met it on 28 February 2026") for text in criteria)


def test_interventions_of_the_week_follow(tmp_path: Path) -> None:
    """Back since yesterday: of the last two days, not of the last one."""
    shipped = read_policy(SHIPPED, "reports")["reviews"]
    for days, found in ((1, 0), (2, 1)):
        made = Customers()
        made.add("back")
        made.streams["interventions"] = []
        made.row("interventions", "back", intervention_id="v", strategy="Call", opened_on=day(30))
        folder = tmp_path / str(days)
        folder.mkdir()
        world = made.world(folder, reports={"reviews": shipped | {"week_days": days}})
        world.cadence = "weekly"
        world.earlier["intervention_outcomes"] = [
            {
                **{"origin": "stream", "intervention_id": "v", "account_id": "back", "opened_on": day(30)},
                **{"runs_recovered": 2, "opening_score": number("50"), "recovered_on": day(1)},
                "recovered_score": number("80"),
            }
        ]
        with built(world, folder, "weekly_review") as con:
            rows = rows_of(con, "select * from published.weekly_review where section = 'interventions_worked'")
        assert max(row["rank"] for row in rows) == 1 + found


def test_every_value_is_changed() -> None:
    shipped = {(file, *path) for file in ("feeds", "reports") for path in leaves(read_policy(SHIPPED, file))}
    changed = {("feeds", *path) for path in leaves(FEED_VALUES)}
    changed |= {("reports", "measuring", *path) for path in leaves(MEASURED)}
    changed |= {("reports", "reviews", *path) for path in leaves(REVIEWED)}
    changed |= {("reports", "success_metrics", *path) for path in leaves(TARGETS)}
    assert shipped - changed - ELSEWHERE == set()
