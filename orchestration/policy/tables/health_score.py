"""The health-score policy as tables.

Tables with a `segment_key` hold one set of rows for each segment and one for accounts without (`unknown`), overrides
worked out. Bands are intervals that share no value and leave none out, so that a value between `value_from` and
`value_to` is in exactly one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.bands import Range, intervals
from orchestration.policy.health_score import HealthScore, SignalGroups, ThemeRule
from orchestration.policy.measures import (
    BASELINE_FIELDS,
    DIMENSIONS,
    MEASURES,
    OTHER_FACTS,
    SEGMENTS,
    SEVERITIES,
    THEMES,
    WINDOWED,
)
from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import POINTS, Row, Rows, Schemas, column, number, text, whole

_NO_BAND = "else"
_ALL_POINTS = 2**31 - 1
_BLOCKER = {"major": Decimal(2), "minor": Decimal(1)}

_SEGMENT = text("segment_key", "smb, mid_market, enterprise, or unknown for accounts without a segment")
_DIMENSION = text("dimension", "dimension")
_DIMENSION_RANK = whole("dimension_rank", "place of the dimension, from 1")
_FROM = number("value_from", "the least value of the interval")
_TO = number("value_to", "the greatest value of the interval")

_SETTINGS = (
    *(whole(f"{name}_days", f"window of {name}, days") for name in WINDOWED),
    whole("days_per_month", "figures a month are counts times this by the window, days"),
    number("days_per_year", "years are days by this"),
    whole("scored_within_days", "scored while a contract is or was current within so many days"),
    number("available_at_least_pct", "share of maxima that makes a dimension available, percent"),
    whole("high_confidence_dimensions", "available dimensions of high confidence"),
    whole("medium_confidence_dimensions", "available dimensions of medium confidence"),
    whole("week_days", "weekly change: against so many days ago or earlier"),
    whole("week_oldest_days", "weekly change: against nothing older, days"),
    whole("month_days", "monthly change: against so many days ago or earlier"),
    whole("month_oldest_days", "monthly change: against nothing older, days"),
    number("large_change_points", "a monthly change above this is large"),
    whole("call_most_days", "how long a CSM call holds at most, days"),
    number("status_mix_points", "a status's share that moved by more has moved, percentage points"),
    whole("status_mix_days", "the mix is compared with so many days ago"),
    whole("annual_days", "term that counts with its whole amount, at most, days"),
    whole("year_days", "longer terms count with amount times this by term, days"),
)

SCHEMAS: Schemas = MappingProxyType(
    {
        "score_measures": pa.schema(
            [
                _SEGMENT,
                _DIMENSION,
                _DIMENSION_RANK,
                text("measure", "measure"),
                whole("measure_rank", "place of the measure, from 1"),
                text("stream", "the stream it is computed from"),
                column("max_points", POINTS, "the most it can earn"),
                text("unit", "unit of its values"),
                text("label", "as a sentence calls it"),
                whole("value_decimals", "decimals its values are shown with"),
            ]
        ),
        "score_bands": pa.schema(
            [
                _SEGMENT,
                text("measure", "measure"),
                whole("band_rank", "1 the best; the last takes what fits no band"),
                _FROM,
                _TO,
                text("band", "as readers see it"),
                column("points", POINTS, "what a value in it earns"),
                column("next_points", POINTS, "what the next better band earns; null for the best", nullable=True),
            ]
        ),
        "score_dimensions": pa.schema(
            [
                _SEGMENT,
                _DIMENSION,
                _DIMENSION_RANK,
                column("weight", POINTS, "what it adds to the score at most"),
                column("max_points", POINTS, "sum of its measures' maxima"),
            ]
        ),
        "score_cutoffs": pa.schema(
            [
                _SEGMENT,
                number("green_at_least", "GREEN from this score on"),
                number("yellow_at_least", "YELLOW from this score on"),
                number("healthy_at_least", "healthy from this score on"),
                number("stable_at_least", "stable from this score on"),
                number("at_risk_at_least", "at_risk from this score on"),
            ]
        ),
        "score_settings": pa.schema(_SETTINGS),
        "signal_groups": pa.schema(
            [text("signal_group", "what signals mean"), text("signal_type", "type of signals that mean it")]
        ),
        "baseline_bands": pa.schema(
            [
                text("field", "field of the baseline score; blocker is 2 major, 1 minor, 0 none"),
                whole("field_rank", "place of the field, from 1"),
                _FROM,
                _TO,
                text("band", "as readers see it"),
                whole("points", "the risk a value in it adds"),
            ]
        ),
        "baseline_labels": pa.schema(
            [
                text("label", "label"),
                whole("points_from", "the least points that it names"),
                whole("points_to", "the most points that it names"),
            ]
        ),
        "theme_rules": pa.schema(
            [
                text("theme", "theme"),
                whole("theme_rank", "place of the theme, from 1"),
                whole("rule_rank", "place in the theme, from 1"),
                text("fact", "the fact that speaks for it"),
                text("fact_label", "as a sentence calls the fact"),
                text("unit", "unit of the fact"),
                _FROM,
                _TO,
                whole("severity", "1 low, 2 medium, 3 high"),
                text("band", "as a sentence says the part of the values"),
                text("lifecycle", "only this lifecycle, or with ! any other; null: all", nullable=True),
            ]
        ),
    }
)


def _measures(policies: Policies) -> Iterable[Row]:
    for segment in SEGMENTS:
        for rank, (name, facts) in enumerate(MEASURES.items(), start=1):
            yield {
                "segment_key": segment,
                "dimension": facts.dimension,
                "dimension_rank": DIMENSIONS.index(facts.dimension) + 1,
                "measure": name,
                "measure_rank": rank,
                "stream": facts.stream,
                "max_points": policies.health_score.measure(segment, name).max_points,
                "unit": facts.unit,
                "label": facts.label,
                "value_decimals": facts.decimals,
            }


def _bands(policies: Policies) -> Iterable[Row]:
    for segment in SEGMENTS:
        for name in MEASURES:
            bands = policies.health_score.measure(segment, name).bands
            points = [*(band.points for band in bands), Decimal(0)]
            for interval in intervals(bands):
                place = len(bands) if interval.band is None else interval.band
                yield {
                    "segment_key": segment,
                    "measure": name,
                    "band_rank": place + 1,
                    "value_from": interval.value_from,
                    "value_to": interval.value_to,
                    "band": _sign(bands, interval.band),
                    "points": points[place],
                    "next_points": points[place - 1] if place else None,
                }


def _dimensions(policies: Policies) -> Iterable[Row]:
    score = policies.health_score
    for segment in SEGMENTS:
        for rank, dimension in enumerate(DIMENSIONS, start=1):
            names = [name for name, facts in MEASURES.items() if facts.dimension == dimension]
            yield {
                "segment_key": segment,
                "dimension": dimension,
                "dimension_rank": rank,
                "weight": score.weight(segment, dimension),
                "max_points": sum(score.measure(segment, name).max_points for name in names),
            }


def _cutoffs(policies: Policies) -> Iterable[Row]:
    for segment in SEGMENTS:
        status = policies.health_score.status_cutoffs(segment)
        tier = policies.health_score.tier_cutoffs(segment)
        yield {"segment_key": segment} | dict(status) | dict(tier)


def _settings(policies: Policies) -> Iterable[Row]:
    score = policies.health_score
    yield {f"{name}_days": score.measures[name].window_days for name in WINDOWED} | {
        "days_per_month": score.days_per_month,
        "days_per_year": score.days_per_year,
        "scored_within_days": score.scored_within_days,
        "available_at_least_pct": score.dimension_available_at_least_pct,
        "high_confidence_dimensions": score.confidence.high_dimensions,
        "medium_confidence_dimensions": score.confidence.medium_dimensions,
        **dict(score.change),
        "call_most_days": score.csm_calls.most_days,
        "status_mix_points": score.status_mix.points,
        "status_mix_days": score.status_mix.days,
        "annual_days": score.arr.annual_term_days,
        "year_days": score.arr.year_days,
    }


def _signal_groups(policies: Policies) -> Iterable[Row]:
    for group in SignalGroups.model_fields:
        for kind in sorted(set(getattr(policies.health_score.signal_groups, group))):
            yield {"signal_group": group, "signal_type": kind}


def _baseline_bands(policies: Policies) -> Iterable[Row]:
    baseline = policies.health_score.baseline
    for rank, name in enumerate(BASELINE_FIELDS, start=1):
        if name == "blocker":
            bands: Sequence[Range] = [Range(equals=value) for value in _BLOCKER.values()]
            signs = [*_BLOCKER, "none"]
            points = [getattr(baseline.blocker, severity) for severity in _BLOCKER]
        else:
            bands = getattr(baseline, name)
            signs = [*(band.sign for band in bands), _NO_BAND]
            points = [band.points for band in bands]
        for interval in intervals(bands):
            place = len(bands) if interval.band is None else interval.band
            yield {
                "field": name,
                "field_rank": rank,
                "value_from": interval.value_from,
                "value_to": interval.value_to,
                "band": signs[place],
                "points": [*points, 0][place],
            }


def _baseline_labels(policies: Policies) -> Iterable[Row]:
    labels = policies.health_score.baseline.labels
    ends = [after.points_from - 1 for _, after in pairwise(labels)]
    for label, last in zip(labels, [*ends, _ALL_POINTS], strict=True):
        yield {"label": label.label, "points_from": label.points_from, "points_to": last}


def _theme_rules(policies: Policies) -> Iterable[Row]:
    for rank, theme in enumerate(THEMES, start=1):
        for rule_rank, (rule, value_from, value_to) in enumerate(_applied(policies.health_score, theme), 1):
            label, unit = _fact(rule.fact)
            yield {
                "theme": theme,
                "theme_rank": rank,
                "rule_rank": rule_rank,
                "fact": rule.fact,
                "fact_label": label,
                "unit": unit,
                "value_from": value_from,
                "value_to": value_to,
                "severity": SEVERITIES[rule.severity],
                "band": rule.phrase,
                "lifecycle": rule.lifecycle and rule.lifecycle.replace("not ", "!"),
            }


def _applied(score: HealthScore, theme: str) -> Iterator[tuple[ThemeRule, Decimal, Decimal]]:
    """The rules with the values each is the first to fit, among those on the same fact and lifecycle."""
    for alike in score.alike_rules(theme):
        for interval in intervals([rule for _, rule in alike]):
            if interval.band is not None:
                yield alike[interval.band][1], interval.value_from, interval.value_to


def _fact(name: str) -> tuple[str, str]:
    if name in OTHER_FACTS:
        return OTHER_FACTS[name]
    return MEASURES[name].label, MEASURES[name].unit


def _sign(bands: Sequence[Range], place: int | None) -> str:
    return _NO_BAND if place is None else bands[place].sign


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "score_measures": _measures,
        "score_bands": _bands,
        "score_dimensions": _dimensions,
        "score_cutoffs": _cutoffs,
        "score_settings": _settings,
        "signal_groups": _signal_groups,
        "baseline_bands": _baseline_bands,
        "baseline_labels": _baseline_labels,
        "theme_rules": _theme_rules,
    }
)
