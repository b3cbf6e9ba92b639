"""Hooks: what calls from outside said had changed is refreshed soon, by one small run for all calls that wait.

The run asks only the systems that called, and then makes and publishes everything as of today: it takes as long as any
refresh of which little changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.defs.asof import CADENCE_TAG
from orchestration.defs.jobs import SCHEDULES
from orchestration.defs.pull import SYSTEMS_TAG, connected
from orchestration.ledger.store import Store, utc_now
from orchestration.policy.models import Policies
from orchestration.settings import Settings
from orchestration.systems.hooks.waiting import Waiting, waiting

JOB, SENSOR = "touched", "refresh_what_changed"
# Which accounts the calls named, for people who look at the run; it makes no difference to what is refreshed.
ACCOUNTS_TAG = "account_health/accounts"
_MOST_ACCOUNTS = 20
_UNDER_WAY = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def touched_job():
    """The refresh of today that calls from outside ask for."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Asks the systems that told of changes, and refreshes everything as of today.",
    )


def hooks_sensor(settings: Settings, policies: Policies, job) -> dg.SensorDefinition:
    """Asks for that refresh where calls wait, off until somebody turns it on. No call asks twice."""
    systems = connected(policies)

    @dg.sensor(
        name=SENSOR,
        job=job,
        minimum_interval_seconds=policies.systems.hooks.wait_seconds,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Refreshes what webhooks and callouts said had changed.",
    )
    def refresh_what_changed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not Store.exists(settings):
            return dg.SkipReason("there is no ledger yet, so no call was received")
        if context.instance.get_runs_count(dg.RunsFilter(job_name=job.name, statuses=_UNDER_WAY)):
            return dg.SkipReason("the refresh before is still under way; it may read what the calls are about")
        with Store.open(settings) as store:
            found = waiting(store, utc_now(), systems, _MOST_ACCOUNTS)
        asked = json.loads(context.cursor or "{}")
        new = [one for one in found if _is_new(one, asked)]
        if not new:
            return dg.SkipReason("no call waits that hasn't asked for a refresh already")
        today = datetime.now(ZoneInfo(policies.calendar.time_zone)).date().isoformat()
        return dg.SensorResult(
            run_requests=[_request(new, today, cadence_of(context.instance, today))],
            cursor=json.dumps(asked | {one.system: _mark(one) for one in new}),
        )

    return refresh_what_changed


def cadence_of(instance: dg.DagsterInstance, day: str) -> str:
    """The rarest cadence that a date was refreshed with: a run with fewer reports would take the others away again."""
    done = dg.RunsFilter(tags={"dagster/partition": day}, statuses=[dg.DagsterRunStatus.SUCCESS])
    order = list(SCHEDULES)
    made = {run.tags.get(CADENCE_TAG) for run in instance.get_runs(filters=done)}
    return max(made & set(order), key=order.index, default=order[0])


def _request(new: Sequence[Waiting], today: str, cadence: str) -> dg.RunRequest:
    number, received_at = max(one.newest for one in new)
    tags = {SYSTEMS_TAG: ",".join(one.system for one in new), CADENCE_TAG: cadence}
    accounts = _listed(account for one in new for account in one.accounts)
    return dg.RunRequest(
        run_key=f"call {number} of {received_at.isoformat()}",
        partition_key=today,
        tags=tags | ({ACCOUNTS_TAG: accounts} if accounts else {}),
    )


def _is_new(one: Waiting, asked: Mapping[str, Sequence]) -> bool:
    """Whether something came since the system's calls last asked for a refresh.

    By number, and by time as well: a ledger that was put in another's place numbers from the beginning.
    """
    number, received_at = asked.get(one.system, (0, ""))
    return one.newest[0] > number or one.newest[1].isoformat() > received_at


def _mark(one: Waiting) -> list:
    number, received_at = one.newest
    return [number, received_at.isoformat()]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))[:_MOST_ACCOUNTS])
