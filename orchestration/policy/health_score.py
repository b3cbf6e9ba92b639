"""How healthy an account is: measures, the bands they meet, the weights of dimensions, and what follows from the sum.

Here: `health_score.yaml`, and what a value is for a segment (its override wins, key by key). Not here: how bands
become intervals (`bands.py`), the tables made of it (`tables/health_score.py`) and how a measure is computed (the dbt
models).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.policy.bands import Path, Range, band_findings, number_text
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
from orchestration.policy.problems import Finding, Severity, below_another, repeated

# An account without a segment takes the values that no segment overrides.
NO_SEGMENT = "unknown"
SEGMENTS = ("smb", "mid_market", "enterprise", NO_SEGMENT)

_MOST_POINTS = 1000


@dataclass(frozen=True, slots=True)
class MeasureFacts:
    """What a measure is, whatever the policy says of it."""

    dimension: str
    stream: str
    label: str
    unit: str
    decimals: int
    has_window: bool = True
    least: Decimal | None = None
    most: Decimal | None = None


_ZERO, _HUNDRED = Decimal(0), Decimal(100)

MEASURES: Mapping[str, MeasureFacts] = MappingProxyType(
    {
        "ticket_volume": MeasureFacts("support_quality", "tickets", "ticket volume", "tickets a month", 1, least=_ZERO),
        "escalation_rate": MeasureFacts(
            "support_quality", "tickets", "escalation rate", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "resolution_hours": MeasureFacts("support_quality", "tickets", "resolution time", "hours", 1, least=_ZERO),
        "sla_adherence": MeasureFacts(
            "support_quality", "tickets", "SLA adherence", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "csat": MeasureFacts("support_quality", "tickets", "CSAT", "points", 2, least=_ZERO),
        "qbr_attendance": MeasureFacts(
            "engagement", "activities", "QBR attendance", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "email_response_hours": MeasureFacts(
            "engagement", "activities", "e-mail response time", "hours", 1, least=_ZERO
        ),
        "portal_logins": MeasureFacts("engagement", "usage", "portal logins", "logins a month", 1, least=_ZERO),
        "meeting_acceptance": MeasureFacts(
            "engagement", "activities", "meeting acceptance", "%", 1, least=_ZERO, most=_HUNDRED
        ),
        "capacity_utilisation": MeasureFacts("product_usage", "usage", "capacity utilisation", "%", 1, least=_ZERO),
        "uptime_vs_sla": MeasureFacts("product_usage", "usage", "uptime against SLA", "points", 3),
        "service_adoption": MeasureFacts("product_usage", "usage", "service adoption", "%", 1, least=_ZERO),
        "usage_trend": MeasureFacts("product_usage", "usage", "usage trend", "%", 1, least=-_HUNDRED),
        "tenure_years": MeasureFacts("relationship", "accounts", "tenure", "years", 1, has_window=False),
        "expansions": MeasureFacts(
            "relationship", "opportunities", "won expansions", "expansions", 0, has_window=False, least=_ZERO
        ),
        "reference": MeasureFacts(
            "relationship", "accounts", "reference customer", "yes or no", 0, False, _ZERO, Decimal(1)
        ),
        "nps": MeasureFacts("relationship", "survey_responses", "NPS", "points", 0, least=_ZERO),
        "tone": MeasureFacts("sentiment", "activities", "tone", "points", 2, least=Decimal(-1), most=Decimal(1)),
        "escalations": MeasureFacts("sentiment", "tickets", "escalations", "tickets", 0, least=_ZERO),
        "competitive": MeasureFacts("sentiment", "signals", "competitive signals", "signals", 0, least=_ZERO),
        "budget_pressure": MeasureFacts("sentiment", "signals", "budget signals", "signals", 0, least=_ZERO),
    }
)
DIMENSIONS = tuple(dict.fromkeys(facts.dimension for facts in MEASURES.values()))
WINDOWED = tuple(name for name, facts in MEASURES.items() if facts.has_window)

# What themes may ask for beside the measures: how it is called, and its unit.
OTHER_FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "days_to_renewal": ("time to renewal", "days"),
        "tickets_open": ("open tickets", "tickets"),
        "urgent_tickets_open": ("open urgent tickets", "tickets"),
        "blocker": ("open blocker", "2 major, 1 minor, 0 none"),
        "leadership_change": ("leadership change", "1 yes, 0 no"),
        "competitive_inquiry": ("competitive inquiry", "1 yes, 0 no"),
        "recent_outage": ("recent outage", "1 yes, 0 no"),
        "engagement_decline": ("engagement decline", "1 yes, 0 no"),
        "days_without_login": ("time without a login", "days"),
        "status_red": ("status RED", "1 yes, 0 no"),
        "status_yellow": ("status YELLOW", "1 yes, 0 no"),
    }
)
# Facts whose values are words, as numbers.
_YES_NO = {Decimal(0): "no", Decimal(1): "yes"}
_FACT_WORDS = {
    "reference": _YES_NO,
    "blocker": {Decimal(0): "none", Decimal(1): "minor", Decimal(2): "major"},
    **{name: _YES_NO for name, (_, unit) in OTHER_FACTS.items() if unit == "1 yes, 0 no"},
}
# The worst theme of an account is its root cause; among equals the one named first here.
THEMES = (
    "blocker",
    "onboarding_friction",
    "support_strain",
    "usage_decline",
    "adoption_gap",
    "disengagement",
    "relationship_gap",
    "commercial_risk",
    "renewal_risk",
)
SEVERITIES: Mapping[str, int] = MappingProxyType({"low": 1, "medium": 2, "high": 3})

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
    """The colours' cut-offs that differ."""

    green_at_least: Percent = setting(*_CUTOFF["green_at_least"], default=None)
    yellow_at_least: Percent = setting(*_CUTOFF["yellow_at_least"], default=None)


class TierOverride(PolicyModel):
    """The tiers' cut-offs that differ."""

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
    first_run_new_days: WindowDays = setting("On a first run, what is dated within so many days counts as new.", "days")


class Calls(PolicyModel):
    """CSM calls."""

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
    """Which types of signals mean what."""

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


BASELINE_FIELDS = ("days_to_renewal", "usage_trend", "service_adoption", "tickets_open", "csat", "blocker")


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
        said = _FACT_WORDS.get(self.fact, {})
        return said.get(self.equals) or super().phrase

    def words(self) -> str:
        where = f" ({self.lifecycle})" if self.lifecycle else ""
        return f"{self.fact} {self.sign}{where} → {self.severity}"


ThemeRules = Annotated[tuple[ThemeRule, ...], Field(min_length=1)]


def rules_alike(rules: Iterable[ThemeRule]) -> dict[tuple[str, str | None], list[tuple[int, ThemeRule]]]:
    """Rules of a theme with their places, by fact and lifecycle: among these the first that fits counts."""
    alike: dict[tuple[str, str | None], list[tuple[int, ThemeRule]]] = {}
    for place, rule in enumerate(rules):
        alike.setdefault((rule.fact, rule.lifecycle), []).append((place, rule))
    return alike


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
        for key, known in (("dimensions", DIMENSIONS), ("measures", MEASURES), ("themes", THEMES)):
            for name in known:
                if name not in getattr(self, key):
                    yield Finding((key, name), "no such key", f"every one of the {key}: {', '.join(known)}")
        if set(self.dimensions) == set(DIMENSIONS) and set(self.measures) == set(MEASURES):
            yield from _weight_findings(("dimensions",), self, NO_SEGMENT)
            for name in MEASURES:
                yield from _window_findings(("measures", name), name, self.measures[name])
                yield from _measure_findings(("measures", name), name, self.measures[name])
            yield from self._override_findings()
        yield from _cutoff_findings((), self.status, self.tier)
        yield from below_another(
            ("confidence", "high_dimensions"),
            self.confidence.high_dimensions,
            self.confidence.medium_dimensions,
            "medium_dimensions",
            strictly=True,
        )
        for period in ("week", "month"):
            path, days = ("change", f"{period}_oldest_days"), getattr(self.change, f"{period}_days")
            yield from below_another(path, getattr(self.change, path[-1]), days, f"{period}_days")
        for group in SignalGroups.model_fields:
            yield from repeated(("signal_groups", group), getattr(self.signal_groups, group))
        yield from _baseline_findings(self.baseline)
        for theme, rules in self.themes.items():
            yield from _theme_findings(("themes", theme), rules)

    def _override_findings(self) -> Iterator[Finding]:
        yield from repeated(("overrides",), [override.segment for override in self.overrides])
        for index, override in enumerate(self.overrides):
            here: Path = ("overrides", index)
            if not override.model_fields_set - {"segment"}:
                yield Finding(here, "nothing that is overridden", "at least one key beside segment")
            for key in sorted(override.model_fields_set - {"segment"}):
                if not _says_something(getattr(override, key)):
                    yield Finding((*here, key), "nothing that is overridden", "at least one key")
            if override.dimensions:
                yield from _weight_findings((*here, "dimensions"), self, override.segment)
            for name, changes in (override.measures or {}).items():
                path = (*here, "measures", name)
                if not changes.model_fields_set:
                    yield Finding(path, "nothing that is overridden", "at least one key")
                else:
                    yield from _measure_findings(path, name, _merged(self.measures[name], changes))
            yield from _cutoff_findings(here, _merged(self.status, override.status), _merged(self.tier, override.tier))

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


def _says_something(changes: object) -> bool:
    return bool(changes.model_fields_set if isinstance(changes, PolicyModel) else changes)


def _weight_findings(path: Path, policy: HealthScore, segment: str) -> Iterator[Finding]:
    total = sum(policy.weight(segment, dimension) for dimension in DIMENSIONS)
    if total != _HUNDRED:
        where = "" if segment == NO_SEGMENT else f" for {segment}"
        yield Finding(path, f"weights that sum to {number_text(total)}{where}", "weights that sum to 100")


def _window_findings(path: Path, name: str, measure: Measure) -> Iterator[Finding]:
    if MEASURES[name].has_window and measure.window_days is None:
        yield Finding((*path, "window_days"), "no such key", "a value (days): how far back the measure looks")
    elif not MEASURES[name].has_window and measure.window_days is not None:
        yield Finding((*path, "window_days"), str(measure.window_days), "no window: this measure looks at all there is")


def _measure_findings(path: Path, name: str, measure: Measure) -> Iterator[Finding]:
    here = (*path, "bands")
    yield from band_findings(here, measure.bands, MEASURES[name].least, MEASURES[name].most)
    for index, band in enumerate(measure.bands):
        if band.points > measure.max_points:
            yield Finding(
                (*here, index, "points"),
                number_text(band.points),
                f"at most max_points, {number_text(measure.max_points)}",
            )
    yield from _order_findings(here, measure.bands, "points")
    best = measure.bands[0].points
    if best < measure.max_points:
        yield Finding(
            (*path, "max_points"),
            number_text(measure.max_points),
            f"the points of the best band, {number_text(best)}",
            "nobody can earn the maximum",
            Severity.WARNING,
        )


def _order_findings(path: Path, bands: tuple[Band, ...] | tuple[RiskBand, ...], what: str) -> Iterator[Finding]:
    """The first band that fits is the best one (of risk: the worst), so none after it may be worth more."""
    for index in range(1, len(bands)):
        before, points = bands[index - 1].points, bands[index].points
        if points > before:
            expected = f"at most the {what} of the band before, {number_text(Decimal(before))}"
            yield Finding((*path, index, "points"), number_text(Decimal(points)), expected)
    for index, band in enumerate(bands):
        before = bands[index - 1].points if index else None
        if band.points == before or band.points == 0:
            other = "the band before" if band.points == before else "values that fit no band"
            yield Finding(
                (*path, index, "points"),
                number_text(Decimal(band.points)),
                f"other {what} than {other}",
                "the band makes no difference",
                Severity.WARNING,
            )


def _cutoff_findings(here: Path, status: StatusCutoffs, tier: TierCutoffs) -> Iterator[Finding]:
    """Each colour and tier needs scores of its own, the last one those below the last cut-off."""
    for key, cutoffs in (("status", status), ("tier", tier)):
        names = list(type(cutoffs).model_fields)
        for name, lower in zip(names, [*names[1:], None], strict=True):
            value, least = getattr(cutoffs, name), Decimal(0) if lower is None else getattr(cutoffs, lower)
            if value <= least:
                what = f"{lower}, {number_text(least)}" if lower else "0"
                yield Finding((*here, key, name), number_text(value), f"more than {what}")


def _baseline_findings(baseline: Baseline) -> Iterator[Finding]:
    for name in BASELINE_FIELDS:
        if name != "blocker":
            bands = getattr(baseline, name)
            least, most = _bounds(name)
            yield from band_findings(("baseline", name), bands, least, most)
            yield from _order_findings(("baseline", name), bands, "risk points")
    blocker = baseline.blocker
    yield from below_another(("baseline", "blocker", "major"), blocker.major, blocker.minor, "minor")
    labels = baseline.labels
    yield from repeated(("baseline", "labels"), [label.label for label in labels])
    if labels[0].points_from != 0:
        yield Finding(("baseline", "labels", 0, "points_from"), str(labels[0].points_from), "0 in the first label")
    for index in range(1, len(labels)):
        path = ("baseline", "labels", index, "points_from")
        before = labels[index - 1].points_from
        yield from below_another(path, labels[index].points_from, before, "the label before", strictly=True)


def _theme_findings(path: Path, rules: tuple[ThemeRule, ...]) -> Iterator[Finding]:
    for (fact, _), alike in rules_alike(rules).items():
        places = [place for place, _ in alike]
        for finding in band_findings((), [rule for _, rule in alike], *_bounds(fact)):
            yield replace(finding, path=(*path, places[finding.path[0]]))


def _bounds(fact: str) -> tuple[Decimal | None, Decimal | None]:
    """The least and the greatest value a fact can have, where there is one."""
    if fact in MEASURES:
        return MEASURES[fact].least, MEASURES[fact].most
    if fact in _FACT_WORDS:
        return _ZERO, max(_FACT_WORDS[fact])
    return _ZERO, None
