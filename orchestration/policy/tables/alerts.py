"""The alert policy as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.alerts import STEPS
from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, column, number, text, whole

SCHEMAS: Schemas = MappingProxyType(
    {
        "alert_kinds": pa.schema(
            [
                text("alert", "the alert's key"),
                whole("alert_rank", "place of the alert, from 1"),
                text("title", "what it says, as a title"),
                text("to_roles", "whom it goes to, joined by a comma"),
                text("to_role", "the first of them, who answers for it"),
                text("escalates_to", "who gets it when nobody acknowledges it in time"),
                column("at_once", pa.bool_(), "whether it is sent at once, not with the day's digest"),
                *(
                    whole(f"{step}_hours", "hours from raising to the step's due time, never before the step ahead")
                    for step in STEPS
                ),
            ]
        ),
        "alert_settings": pa.schema(
            [
                whole("first_run_new_days", "on a first run, days before as_of that count as new"),
                whole("clears_after_days", "days of a false condition after which an alert has cleared"),
                whole("kept_days", "days that a cleared alert stays in the table"),
                whole("silent_days", "days without login and active user that make an account inactive"),
                number("score_below", "a score below this is critical"),
                number("answer_at_most", "an answer up to this is a detractor's"),
                whole("answer_holds_days", "days that a detractor's answer holds"),
                number("fall_above", "a fall in a month of more points than this is a large drop"),
            ]
        ),
    }
)


def _kinds(policies: Policies) -> Iterable[Row]:
    clock = policies.alerts.clock
    for rank, (name, alert) in enumerate(policies.alerts.alerts, start=1):
        hours = [alert.acknowledge_hours, *(getattr(clock, f"{step}_hours") for step in STEPS[1:])]
        yield {
            "alert": name,
            "alert_rank": rank,
            "title": alert.title,
            "to_roles": ", ".join(alert.to_roles),
            "to_role": alert.to_roles[0],
            "escalates_to": alert.escalates_to,
            "at_once": alert.at_once,
            **{f"{step}_hours": due for step, due in zip(STEPS, accumulate(hours, max), strict=True)},
        }


def _settings(policies: Policies) -> Iterable[Row]:
    alerts = policies.alerts.alerts
    yield {
        "first_run_new_days": policies.alerts.first_run_new_days,
        "clears_after_days": policies.alerts.clears_after_days,
        "kept_days": policies.alerts.kept_days,
        "silent_days": alerts.inactive.silent_days,
        "score_below": alerts.critical_score.score_below,
        "answer_at_most": alerts.detractor.answer_at_most,
        "answer_holds_days": alerts.detractor.holds_days,
        "fall_above": alerts.large_drop.fall_above,
    }


ROWS: Mapping[str, Rows] = MappingProxyType({"alert_kinds": _kinds, "alert_settings": _settings})
