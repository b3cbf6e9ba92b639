"""What can be wrong with the health score's values taken together; each alone is checked by its type.

Here: the rules on weights, bands, cut-offs, windows and themes. Not here: the values (`health_score.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel

from orchestration.policy.bands import Path, band_findings, number_text
from orchestration.policy.measures import BASELINE_FIELDS, DIMENSIONS, MEASURES, NO_SEGMENT, THEMES, bounds
from orchestration.policy.problems import Finding, Severity, below_another, repeated

if TYPE_CHECKING:
    from orchestration.policy.health_score import (
        Band,
        Baseline,
        HealthScore,
        Measure,
        RiskBand,
        StatusCutoffs,
        TierCutoffs,
    )


def lint_health_score(policy: HealthScore) -> Iterator[Finding]:
    """What is wrong with the values taken together."""
    for key, known in (("dimensions", DIMENSIONS), ("measures", MEASURES), ("themes", THEMES)):
        for name in known:
            if name not in getattr(policy, key):
                yield Finding((key, name), "no such key", f"every one of the {key}: {', '.join(known)}")
    if set(policy.dimensions) == set(DIMENSIONS) and set(policy.measures) == set(MEASURES):
        yield from _weight_findings(("dimensions",), policy, NO_SEGMENT)
        for name in MEASURES:
            yield from _window_findings(("measures", name), name, policy.measures[name])
            yield from _measure_findings(("measures", name), name, policy.measures[name])
        yield from _override_findings(policy)
    yield from _cutoff_findings((), policy.status, policy.tier)
    yield from below_another(
        ("confidence", "high_dimensions"),
        policy.confidence.high_dimensions,
        policy.confidence.medium_dimensions,
        "medium_dimensions",
        strictly=True,
    )
    for period in ("week", "month"):
        path, days = ("change", f"{period}_oldest_days"), getattr(policy.change, f"{period}_days")
        yield from below_another(path, getattr(policy.change, path[-1]), days, f"{period}_days")
    for group in type(policy.signal_groups).model_fields:
        yield from repeated(("signal_groups", group), getattr(policy.signal_groups, group))
    yield from _baseline_findings(policy.baseline)
    for theme in policy.themes:
        yield from _theme_findings(policy, theme)


def _override_findings(policy: HealthScore) -> Iterator[Finding]:
    yield from repeated(("overrides",), [override.segment for override in policy.overrides])
    for index, override in enumerate(policy.overrides):
        here: Path = ("overrides", index)
        if not override.model_fields_set - {"segment"}:
            yield Finding(here, "nothing that is overridden", "at least one key beside segment")
        for key in sorted(override.model_fields_set - {"segment"}):
            if not _says_something(getattr(override, key)):
                yield Finding((*here, key), "nothing that is overridden", "at least one key")
        if override.dimensions:
            yield from _weight_findings((*here, "dimensions"), policy, override.segment)
        for name, changes in (override.measures or {}).items():
            path = (*here, "measures", name)
            if not changes.model_fields_set:
                yield Finding(path, "nothing that is overridden", "at least one key")
            else:
                yield from _measure_findings(path, name, policy.measure(override.segment, name))
        changed = [key for key in ("status", "tier") if getattr(override, key)]
        status, tier = policy.status_cutoffs(override.segment), policy.tier_cutoffs(override.segment)
        yield from (finding for finding in _cutoff_findings(here, status, tier) if finding.path[2] in changed)


def _says_something(changes: object) -> bool:
    return bool(changes.model_fields_set if isinstance(changes, BaseModel) else changes)


def _weight_findings(path: Path, policy: HealthScore, segment: str) -> Iterator[Finding]:
    total = sum(policy.weight(segment, dimension) for dimension in DIMENSIONS)
    if total != 100:
        where = "" if segment == NO_SEGMENT else f" for {segment}"
        yield Finding(path, f"weights that sum to {number_text(total)}{where}", "weights that sum to 100")


def _window_findings(path: Path, name: str, measure: Measure) -> Iterator[Finding]:
    if MEASURES[name].has_window and measure.window_days is None:
        yield Finding((*path, "window_days"), "no such key", "a value (days): how far back the measure looks")
    elif not MEASURES[name].has_window and measure.window_days is not None:
        found = str(measure.window_days)
        yield Finding((*path, "window_days"), found, "no window: this measure looks at all there is")


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
            least, most = bounds(name)
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


def _theme_findings(policy: HealthScore, theme: str) -> Iterator[Finding]:
    for alike in policy.alike_rules(theme):
        for finding in band_findings((), [rule for _, rule in alike], *bounds(alike[0][1].fact)):
            place, _ = alike[finding.path[0]]
            yield replace(finding, path=("themes", theme, place))
