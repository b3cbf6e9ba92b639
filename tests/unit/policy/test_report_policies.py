"""What can be wrong with feeds.yaml and reports.yaml is told by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken import Case, assert_told

FEEDS, REPORTS = "feeds.yaml", "reports.yaml"

CASES = [
    Case("promoter of eleven", FEEDS, "promoter_at_least: 9", "promoter_at_least: 11", "promoter_at_least: 11",
         "marketing.promoter_at_least", "11", "at most 10"),
    Case("window of no day", FEEDS, "requests_days: 180", "requests_days: 0", "requests_days: 0",
         "product.requests_days", "0", "at least 1"),
    Case("score over 100", FEEDS, "beta_score_above: 85", "beta_score_above: 101", "beta_score_above: 101",
         "product.beta_score_above", "101", "at most 100"),
    Case("tenure of the unborn", FEEDS, "tenure_at_least_years: 2", "tenure_at_least_years: -1",
         "tenure_at_least_years: -1", "marketing.tenure_at_least_years", "-1", "at least 0"),
    Case("empty lists", REPORTS, "listed: 10", "listed: 0", "listed: 0", "dashboard.listed", "0", "at least 1"),
    Case("intervention for nothing", REPORTS, "renewal_quarters: 4", "renewal_quarters: 4\n  intervention_cost: 0",
         "intervention_cost: 0", "measuring.intervention_cost", "0", "more than 0"),
    Case("two targets", REPORTS, "{title: Annual churn, below: 5}", "{title: Annual churn, at_least: 1, below: 5}",
         "at_least: 1", "success_metrics.annual_churn.below", "5", "at_least or below, not both"),
    Case("an end without a beginning", REPORTS, "{title: Expansion ARR}", "{title: Expansion ARR, up_to: 5}",
         "up_to: 5", "success_metrics.expansion_arr.up_to", "5", "up_to beside at_least only"),
    Case("an end before the beginning", REPORTS, "at_least: 10, up_to: 15", "at_least: 10, up_to: 10", "up_to: 10",
         "success_metrics.nps_gain.up_to", "10", "more than at_least, 10"),
    Case("metric without a title", REPORTS, "{title: Return on interventions}", "{at_least: 3}", "at_least: 3",
         "success_metrics.intervention_return.title", "no such key", "As readers see it."),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)
