"""How predictions are held against what happened: over which time, in which groups, and what is suggested from it.

Here: `backtest.yaml`. Not here: how many outcomes calibration takes and which probability acts (`churn.yaml`), and the
figures themselves (the dbt models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.base import Flag, Number, Percent, PolicyFile, PolicyModel, PositiveCount, WindowDays, setting
from orchestration.policy.problems import Finding, below_another, repeated

# However the months fall, so many days of each are there.
_DAYS_OF_A_MONTH = 28


class Fitting(PolicyModel):
    """What is suggested from what happened."""

    horizon_days: WindowDays = setting("Probabilities are about leaving within so many days; one of horizons.", "days")
    shrinkage_accounts: PositiveCount = setting(
        "The value in force weighs as much as so many accounts: few outcomes move little.", "accounts"
    )
    least_accounts: PositiveCount = setting(
        "Nothing is suggested for a value that speaks for fewer accounts, or is compared with fewer.", "accounts"
    )


class Backtest(PolicyFile):
    """Predictions held against what happened."""

    file_name: ClassVar[str] = "backtest.yaml"

    horizons_days: Annotated[tuple[WindowDays, ...], Field(min_length=1)] = setting(
        "Whether an account left is looked at so many days after it was scored.", "days"
    )
    months: Annotated[int, Field(strict=True, ge=1, le=60)] = setting(
        "Scores of so many calendar months before this one count.", "months"
    )
    reconstructed_too: Flag = setting(
        "Whether scores of dates whose sources were reconstructed from later records count.", "true or false"
    )
    score_groups: Annotated[int, Field(strict=True, ge=2, le=100)] = setting(
        "Accounts are put into so many groups by score; ten make deciles.", "groups"
    )
    probability_edges_pct: Annotated[tuple[Annotated[Percent, Field(gt=0, lt=100)], ...], Field(min_length=1)] = (
        setting("Where one band of probabilities ends and the next one begins.", "% probability, rising")
    )
    warning_statuses: Annotated[tuple[Literal["YELLOW", "RED"], ...], Field(min_length=1)] = setting(
        "A status that warns of leaving.", "status"
    )
    interval_z: Annotated[Number, Field(gt=0, le=10)] = setting(
        "How wide intervals are; 1.96 makes them 95 % intervals.", "standard deviations"
    )
    fitting: Fitting = setting("How values of the churn policy are fitted to what happened.", "settings")

    def lint(self) -> Iterator[Finding]:
        yield from repeated(("horizons_days",), map(str, self.horizons_days))
        yield from repeated(("warning_statuses",), self.warning_statuses)
        most = self.months * _DAYS_OF_A_MONTH
        for index, days in enumerate(self.horizons_days):
            if days > most:
                expected = f"at most {most}: the months that count must be longer"
                yield Finding(("horizons_days", index), str(days), expected)
        if self.fitting.horizon_days not in self.horizons_days:
            known = ", ".join(map(str, self.horizons_days))
            yield Finding(("fitting", "horizon_days"), str(self.fitting.horizon_days), f"one of horizons_days: {known}")
        edges = self.probability_edges_pct
        for index in range(1, len(edges)):
            path = ("probability_edges_pct", index)
            yield from below_another(path, edges[index], edges[index - 1], "the edge before", strictly=True)
