"""The policy of interventions as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import WHOLE, Row, Rows, Schemas, column, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "risk_phases": pa.schema(
            [
                text("phase", "the phase's key"),
                whole("phase_rank", "its place, from 1"),
                whole("from_week", "first whole week since the account became at risk"),
                column("to_week", WHOLE, "last one; null: it doesn't end", nullable=True),
            ]
        ),
        "intervention_settings": pa.schema(
            [
                number("fell_points", "points below the earliest that make a dimension a fallen one"),
                number("recovered_at_least", "score that an account is back at"),
                whole("recovered_runs", "as-of dates in a row that it is there"),
                whole("opening_within_days", "days after opening in which the first score stands in"),
                whole("gap_days", "days between steps of a plan that separate two interventions"),
                whole("kept_days", "days in which interventions were opened"),
                number("z", "half the width of the intervals, standard deviations"),
                number("success_rate_low", "target of the success rate, from, percent"),
                number("success_rate_high", "target of the success rate, to, percent"),
                whole("recovery_days_low", "target of the days to recovery, from"),
                whole("recovery_days_high", "target of the days to recovery, to"),
                number("score_gain_low", "target of the rise of the score, from, points"),
                number("score_gain_high", "target of the rise of the score, to, points"),
                number("response_hours_below", "target of the hours to acknowledge a critical alert, less than"),
            ]
        ),
    }
)


def _phases(policies: Policies) -> Iterable[Row]:
    phases = policies.interventions.phases
    for rank, (phase, after) in enumerate(zip_longest(phases, phases[1:]), start=1):
        to_week = None if after is None else after.from_week - 1
        yield dict(phase) | {"phase_rank": rank, "to_week": to_week}


def _settings(policies: Policies) -> Iterable[Row]:
    interventions = policies.interventions
    yield {
        "fell_points": interventions.fell_first.points,
        "recovered_at_least": interventions.recovery.score_at_least,
        "recovered_runs": interventions.recovery.runs,
        "opening_within_days": interventions.recovery.opening_within_days,
        "gap_days": interventions.plans.gap_days,
        "kept_days": interventions.kept_days,
        "z": interventions.z,
        **dict(interventions.targets),
    }


ROWS: Mapping[str, Rows] = MappingProxyType({"risk_phases": _phases, "intervention_settings": _settings})
