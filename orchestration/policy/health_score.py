"""How healthy an account is: measures, the bands they meet, the weights of dimensions, and what follows from the sum.

Here: `health_score.yaml`, and what a value is for a segment (its override wins, key by key). Not here: how bands
become intervals (`bands.py`), the tables made of it (`tables/health_score.py`) and how a measure is computed (the dbt
models).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.bands import Range, number_text
from orchestration.policy.base import (
    Number,
    OneLine,
    Percent,
    PolicyFile,
    PolicyModel,
    PositiveCount,
    Text,
    WindowDays,
    setting,
)
from orchestration.policy.health_checks import Segment
from orchestration.policy.health_score_lint import lint_health_score
from orchestration.policy.measures import DIMENSIONS, FACT_WORDS, MEASURES, OTHER_FACTS, THEMES
from orchestration.policy.problems import Finding

_MOST_POINTS = 1000


DimensionName = Literal[DIMENSIONS]
MeasureName = Literal[tuple(MEASURES)]
FactName = Literal[(*MEASURES, *OTHER_FACTS)]
ThemeName = Literal[THEMES]
SignalType = Literal[
    "leadership_change",
    "budget_pressure",
    "pricing_inquiry",
    "cost_reduction",
    "rfp",
    "competitor_mention",
    "pricing_comparison",
    "executive_complaint",
    "feature_request",
    "blocker",
    "outage",
]
# Churned accounts aren't scored.
Lifecycle = Literal["onboarding", "active", "renewal", "not onboarding", "not active", "not renewal"]
Weight = Annotated[Number, Field(gt=0, le=100, decimal_places=2)]
Points = Annotated[Number, Field(ge=0, le=_MOST_POINTS, decimal_places=2)]
MaxPoints = Annotated[Number, Field(gt=0, le=_MOST_POINTS, decimal_places=2)]
RiskPoints = Annotated[int, Field(strict=True, ge=0, le=_MOST_POINTS)]
SignalTypes = Annotated[tuple[SignalType, ...], Field(min_length=1)]

_WEIGHT = ("What the dimension adds to the score when it earns all its points; weights sum to 100.", "points of 100")
_MAX_POINTS = ("The most the measure can earn; its share of its dimension.", "points")
_BANDS = ("The part of the values that earns points, best first: the first that fits counts, else 0.", "bands")
_STATUS = ("The score from which an account is GREEN or YELLOW; below it is RED.", "cut-offs")
_TIER = ("The score from which an account is healthy, stable or at_risk; below it is critical.", "cut-offs")
_CUTOFF = {
    "green_at_least": ("GREEN from this score on.", "score, 0 to 100"),
    "yellow_at_least": ("YELLOW from this score on; below it RED.", "score, 0 to 100"),
    "healthy_at_least": ("healthy from this score on.", "score, 0 to 100"),
    "stable_at_least": ("stable from this score on.", "score, 0 to 100"),
    "at_risk_at_least": ("at_risk from this score on; below it critical.", "score, 0 to 100"),
}


class Band(Range):
    """A part of a measure's range and the points it earns."""

    points: Points = setting("What a value in it earns.", "points")

    def words(self) -> str:
        return f"{self.sign} → {number_text(self.points)}"


class RiskBand(Range):
    """A part of a field's range and the risk it adds to the baseline score."""

    points: RiskPoints = setting("The risk a value in it adds.", "risk points")

    def words(self) -> str:
        return f"{self.sign} → {self.points}"


Bands = Annotated[tuple[Band, ...], Field(min_length=1)]
RiskBands = Annotated[tuple[RiskBand, ...], Field(min_length=1)]


class Dimension(PolicyModel):
    """One of the five dimensions."""

    weight: Weight = setting(*_WEIGHT)


class Measure(PolicyModel):
    """How far back a measure looks and what its values earn."""

    window_days: WindowDays = setting(
        "The last so many days, as_of included; not for tenure_years, expansions and reference.", "days", default=None
    )
    max_points: MaxPoints = setting(*_MAX_POINTS)
    bands: Bands = setting(*_BANDS)


class StatusCutoffs(PolicyModel):
    """Where the colours begin."""

    green_at_least: Percent = setting(*_CUTOFF["green_at_least"])
    yellow_at_least: Percent = setting(*_CUTOFF["yellow_at_least"])


class TierCutoffs(PolicyModel):
    """Where the tiers begin."""

    healthy_at_least: Percent = setting(*_CUTOFF["healthy_at_least"])
    stable_at_least: Percent = setting(*_CUTOFF["stable_at_least"])
    at_risk_at_least: Percent = setting(*_CUTOFF["at_risk_at_least"])


class DimensionOverride(PolicyModel):
    """What differs for a dimension."""

    weight: Weight = setting(*_WEIGHT)


class MeasureOverride(PolicyModel):
    """The keys of a measure that differ; those left out stay as they are."""

    max_points: MaxPoints = setting(*_MAX_POINTS, default=None)
    bands: Bands = setting(*_BANDS, default=None)


class StatusOverride(PolicyModel):
    """Where the colours begin elsewhere; those left out stay."""

    green_at_least: Percent = setting(*_CUTOFF["green_at_least"], default=None)
    yellow_at_least: Percent = setting(*_CUTOFF["yellow_at_least"], default=None)


class TierOverride(PolicyModel):
    """Where the tiers begin elsewhere; those left out stay."""

    healthy_at_least: Percent = setting(*_CUTOFF["healthy_at_least"], default=None)
    stable_at_least: Percent = setting(*_CUTOFF["stable_at_least"], default=None)
    at_risk_at_least: Percent = setting(*_CUTOFF["at_risk_at_least"], default=None)


class ScoreOverride(PolicyModel):
    """Other values for the accounts of a segment."""

    segment: Segment = setting("The segment of the accounts.", "segment")
    dimensions: dict[DimensionName, DimensionOverride] = setting(
        "What differs, by dimension.", "dimension: keys that differ", default=None
    )
    measures: dict[MeasureName, MeasureOverride] = setting(
        "What differs, by measure; windows are the same for all.", "measure: keys that differ", default=None
    )
    status: StatusOverride = setting("The colours' cut-offs that differ.", "cut-offs that differ", default=None)
    tier: TierOverride = setting("The tiers' cut-offs that differ.", "cut-offs that differ", default=None)


class Confidence(PolicyModel):
    """How many available dimensions make a score trustworthy."""

    high_dimensions: PositiveCount = setting("High confidence from so many on.", "dimensions", le=len(DIMENSIONS))
    medium_dimensions: PositiveCount = setting(
        "Medium confidence from so many on; fewer are low and need review.", "dimensions", le=len(DIMENSIONS)
    )


class Change(PolicyModel):
    """What a score is compared with, and which change is a large one."""

    week_days: WindowDays = setting("The weekly change is against the latest row so many days ago or earlier.", "days")
    week_oldest_days: WindowDays = setting("An older row than this gives no weekly change.", "days")
    month_days: WindowDays = setting(
        "The monthly change is against the latest row so many days ago or earlier.", "days"
    )
    month_oldest_days: WindowDays = setting("An older row than this gives no monthly change.", "days")
    large_change_points: Annotated[Percent, Field(gt=0)] = setting(
        "A monthly change of more than this either way is large.", "points of 100"
    )


class Calls(PolicyModel):
    """How long a call holds."""

    most_days: WindowDays = setting("How long a call holds at most after it was made.", "days")


class StatusMix(PolicyModel):
    """When the mix of statuses has moved."""

    days: WindowDays = setting("The mix is compared with the one so many days ago.", "days")
    points: Annotated[Percent, Field(gt=0)] = setting(
        "A status whose share of accounts moved by more than this has moved.", "percentage points"
    )


class Arr(PolicyModel):
    """How a contract's amount becomes annual recurring revenue."""

    annual_term_days: WindowDays = setting("A contract of at most this term counts with its whole amount.", "days")
    year_days: WindowDays = setting("A longer one counts with amount × this ÷ term.", "days")


class SignalGroups(PolicyModel):
    """The types of signals of each meaning."""

    competitive: SignalTypes = setting("A competitor is looked at.", "signal types")
    budget_pressure: SignalTypes = setting("Money is short, or said to be.", "signal types")
    leadership_change: SignalTypes = setting("Somebody who decides came or went.", "signal types")
    outage: SignalTypes = setting("The service was down.", "signal types")
    feature_request: SignalTypes = setting("More is wanted.", "signal types")
    rfp: SignalTypes = setting("A tender is out.", "signal types")
    executive_complaint: SignalTypes = setting("An executive complained.", "signal types")
    blocker: SignalTypes = setting("Something stops the customer.", "signal types")


class BlockerPoints(PolicyModel):
    """The risk an open blocker adds."""

    major: RiskPoints = setting("The risk a major one adds.", "risk points")
    minor: RiskPoints = setting("The risk a minor one, or one without severity, adds.", "risk points")


class BaselineLabel(OneLine):
    """A label and the risk it begins with."""

    label: Text = setting("As readers see it.", "text")
    points_from: RiskPoints = setting("It holds from so many points to where the next begins.", "risk points")

    def words(self) -> str:
        return f"{self.label} from {self.points_from}"


class Baseline(PolicyModel):
    """The coarse count of risk that stands beside the score to compare with."""

    days_to_renewal: RiskBands = setting("By the days to renewal.", "bands, days")
    usage_trend: RiskBands = setting("By the measure usage_trend.", "bands, %")
    service_adoption: RiskBands = setting("By the measure service_adoption.", "bands, %")
    tickets_open: RiskBands = setting("By the number of open tickets.", "bands, tickets")
    csat: RiskBands = setting("By the measure csat.", "bands, points")
    blocker: BlockerPoints = setting("By the worst open blocker.", "risk points")
    labels: Annotated[tuple[BaselineLabel, ...], Field(min_length=1)] = setting(
        "What the sum is called, the least first.", "labels"
    )


class ThemeRule(Range):
    """A part of a fact's range that speaks for a theme."""

    fact: FactName = setting("A measure, or another fact about the account.", "fact")
    severity: Literal["low", "medium", "high"] = setting("How bad it is.", "low, medium or high")
    lifecycle: Lifecycle = setting(
        "Only for accounts of this lifecycle, or (not …) of any other.", "lifecycle", default=None
    )

    @property
    def phrase(self) -> str:
        """As a sentence has it; a fact that is or isn't so says yes or no."""
        said = FACT_WORDS.get(self.fact, {})
        return said.get(self.equals) or super().phrase

    def words(self) -> str:
        where = f" ({self.lifecycle})" if self.lifecycle else ""
        return f"{self.fact} {self.sign}{where} → {self.severity}"


ThemeRules = Annotated[tuple[ThemeRule, ...], Field(min_length=1)]


class HealthScore(PolicyFile):
    """The health score."""

    file_name: ClassVar[str] = "health_score.yaml"

    dimensions: dict[DimensionName, Dimension] = setting("The five dimensions.", "dimension: weight")
    measures: dict[MeasureName, Measure] = setting("The measures of the dimensions.", "measure: settings")
    dimension_available_at_least_pct: Annotated[Percent, Field(gt=0)] = setting(
        "A dimension counts when its present measures hold at least this share of its measures' maxima.",
        "% of max_points",
    )
    confidence: Confidence = setting("From how many available dimensions.", "dimensions")
    status: StatusCutoffs = setting(*_STATUS)
    tier: TierCutoffs = setting(*_TIER)
    scored_within_days: WindowDays = setting(
        "An account is scored while a contract is current, or was within so many days.", "days"
    )
    days_per_month: WindowDays = setting("Figures a month are counts × this ÷ the window.", "days")
    days_per_year: Annotated[Number, Field(gt=0, le=400)] = setting("Years are days ÷ this.", "days")
    arr: Arr = setting("Annual recurring revenue.", "days")
    change: Change = setting("Change of the score.", "settings")
    csm_calls: Calls = setting("CSM calls.", "settings")
    status_mix: StatusMix = setting("The portfolio's mix of statuses.", "settings")
    signal_groups: SignalGroups = setting("Which types of signals mean what.", "signal types")
    baseline: Baseline = setting("The baseline score.", "risk points")
    themes: dict[ThemeName, ThemeRules] = setting(
        "What speaks for each theme. Of the rules on one fact the first that fits counts.",
        "theme: rules",
    )
    overrides: tuple[ScoreOverride, ...] = setting(
        "Other values by segment, key by key.", "list of overrides", default=()
    )

    def lint(self) -> Iterator[Finding]:
        yield from lint_health_score(self)

    def alike_rules(self, theme: str) -> list[list[tuple[int, ThemeRule]]]:
        """The rules of a theme with their places, those on the same fact and lifecycle together: the first fits."""
        alike: dict[tuple[str, str | None], list[tuple[int, ThemeRule]]] = {}
        for place, rule in enumerate(self.themes[theme]):
            alike.setdefault((rule.fact, rule.lifecycle), []).append((place, rule))
        return list(alike.values())

    def weight(self, segment: str, dimension: str) -> Decimal:
        """The weight of a dimension for the accounts of a segment."""
        changed = (self._override(segment, "dimensions") or {}).get(dimension)
        return (changed or self.dimensions[dimension]).weight

    def measure(self, segment: str, name: str) -> Measure:
        """A measure's settings for the accounts of a segment."""
        return _merged(self.measures[name], (self._override(segment, "measures") or {}).get(name))

    def status_cutoffs(self, segment: str) -> StatusCutoffs:
        """Where the colours begin for the accounts of a segment."""
        return _merged(self.status, self._override(segment, "status"))

    def tier_cutoffs(self, segment: str) -> TierCutoffs:
        """Where the tiers begin for the accounts of a segment."""
        return _merged(self.tier, self._override(segment, "tier"))

    def _override(self, segment: str, key: str):
        return next((getattr(override, key) for override in self.overrides if override.segment == segment), None)


def _merged(base, changes):
    """`base` with the keys that `changes` names."""
    if changes is None:
        return base
    return base.model_copy(update={key: getattr(changes, key) for key in changes.model_fields_set})
