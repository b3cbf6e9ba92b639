"""The survey policy as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "survey_order": pa.schema(
            [text("survey_type", "the survey"), whole("type_rank", "its place where several are due, from 1")]
        ),
        "survey_settings": pa.schema(
            [
                whole("throttle_days", "days between two surveys to an account"),
                whole("quarterly_tenure_above_days", "days as a customer that are too few for the regular survey"),
                whole("quarterly_every_days", "days from one regular survey to the next"),
                whole("onboarding_after_days", "days from the first contract's start to the survey of new customers"),
                whole("onboarding_grace_days", "days that it stays due"),
                whole("post_support_days", "days in which an urgent ticket was solved"),
                whole("pre_renewal_days", "days before a renewal that its survey is due"),
                whole("follow_up_after_days", "days without an answer after which one asks again"),
                whole("follow_up_until_days", "days after sending in which one asks again"),
                number("promoter_at_least", "answers from this on are promoters'"),
                number("detractor_at_most", "answers up to this are detractors'"),
                number("z", "half the width of the interval, standard deviations"),
                whole("steps_within_days", "days in which an answer's steps are listed"),
            ]
        ),
        "survey_steps": pa.schema(
            [
                text("step", "the step's key"),
                whole("step_rank", "its place, from 1"),
                text("answer_group", "promoter, passive or detractor"),
                text("title", "what is done, as a title"),
                text("owner_role", "who does it"),
                whole("due_hours", "hours after the day of the answer"),
                number("arr_above", "only with more ARR than this, reporting currency; null: any", nullable=True),
            ]
        ),
    }
)


def _order(policies: Policies) -> Iterable[Row]:
    for rank, survey_type in enumerate(policies.surveys.order, start=1):
        yield {"survey_type": survey_type, "type_rank": rank}


def _settings(policies: Policies) -> Iterable[Row]:
    surveys = policies.surveys
    yield {
        "throttle_days": surveys.throttle_days,
        "quarterly_tenure_above_days": surveys.quarterly.tenure_above_days,
        "quarterly_every_days": surveys.quarterly.every_days,
        "onboarding_after_days": surveys.onboarding.after_days,
        "onboarding_grace_days": surveys.onboarding.grace_days,
        "post_support_days": surveys.post_support.solved_within_days,
        "pre_renewal_days": surveys.pre_renewal.before_days,
        "follow_up_after_days": surveys.follow_up.after_days,
        "follow_up_until_days": surveys.follow_up.until_days,
        **dict(surveys.nps),
        "steps_within_days": surveys.steps_within_days,
    }


def _steps(policies: Policies) -> Iterable[Row]:
    for rank, step in enumerate(policies.surveys.steps, start=1):
        values = dict(step)
        yield {"answer_group": values.pop("group"), "step_rank": rank} | values


ROWS: Mapping[str, Rows] = MappingProxyType(
    {"survey_order": _order, "survey_settings": _settings, "survey_steps": _steps}
)
