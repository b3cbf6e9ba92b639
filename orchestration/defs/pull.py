"""Pull: one asset a connected system, whose materialisation is what it was asked for and what it answered.

A refresh asks a system that is due and goes on without it where it doesn't answer; the system's own job tries again.
"""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg

from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.progress import Progress
from orchestration.ledger.store import utc_now
from orchestration.policy.models import Policies
from orchestration.refresh.pull import SystemPull, last_asked, pull
from orchestration.settings import Settings
from orchestration.systems.hooks.waiting import Reading
from orchestration.systems.pull import sources_of

GROUP = "pull"
ANSWERED = "answered"
# A run with this tag asks the systems it names, due or not, and no others.
SYSTEMS_TAG = "account_health/systems"
_SCHEDULE_TAG = "dagster/schedule_name"
_JOB_PREFIX = "pull_"
# When a system is asked, in the business time zone: before the refreshes.
_CRON = {"daily": "0 4 * * *", "weekly": "0 3 * * 1"}
_RETRIES, _FIRST_WAIT_SECONDS = 3, 300


def pulled_key(system: str) -> dg.AssetKey:
    """The key of a system's asset."""
    return dg.AssetKey(["pulled", system])


def connected(policies: Policies) -> list[str]:
    """The systems that sources are read from."""
    return [name for name in policies.systems.by_name if sources_of(policies, name)]


def pulled_by_stream(policies: Policies) -> Mapping[str, list[dg.AssetKey]]:
    """By stream, the assets of the systems that feed it."""
    found: dict[str, list[dg.AssetKey]] = {}
    for system in connected(policies):
        for source in sources_of(policies, system):
            keys = found.setdefault(source.stream, [])
            if pulled_key(system) not in keys:
                keys.append(pulled_key(system))
    return found


def pull_assets(
    settings: Settings, policies: Policies, partitions: dg.PartitionsDefinition, progress: Progress
) -> list[dg.AssetsDefinition]:
    """One asset a connected system; none as shipped."""
    return [_pulled_asset(name, settings, policies, partitions, progress) for name in connected(policies)]


def _pulled_asset(
    system: str, settings: Settings, policies: Policies, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    key = pulled_key(system)
    kind = type(policies.systems.by_name[system]).__name__
    streams = sorted({source.stream for source in sources_of(policies, system)})

    @dg.asset(
        key=key,
        group_name=GROUP,
        kinds={kind.lower()},
        owners=["team:data-engineering"],
        tags={"layer": "pulled"},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        # One caller of an API at a time.
        pool=f"api_{system}",
        description=f"What {system} ({kind}) has of {', '.join(streams)}: what changed since it was asked last.",
        check_specs=[dg.AssetCheckSpec(ANSWERED, asset=key, description="The system could be asked; else what to do.")],
    )
    def pulled(context: dg.AssetExecutionContext):
        wanted = _asked_for(context.run.tags)
        if wanted is not None and system not in wanted:
            yield from _results(key, SystemPull(system, ()), last_asked(settings, policies, system))
            return
        progress.advance(f"asking {system}")
        force = wanted is not None or _is_by_hand(context)
        calls = Reading(settings, system, utc_now())
        found = pull(run_of(context, settings), system, force=force)
        for source, problem in found.problems.items():
            context.log.error(f"{source}: {problem}")
        if found.problems and context.run.job_name == _JOB_PREFIX + system:
            retry_number = context.retry_number
            if retry_number < _RETRIES:
                raise dg.RetryRequested(_RETRIES, _FIRST_WAIT_SECONDS * 2**retry_number)
            raise dg.Failure(found.problem, metadata=_metadata(found), allow_retries=False)
        # Calls from outside want a refresh: a run that only asks leaves them waiting.
        if found.is_complete(policies) and context.run.job_name != _JOB_PREFIX + system:
            calls.ended_well(context.run.run_id)
        if calls.problem:
            context.log.warning(calls.problem)
        yield from _results(key, found, last_asked(settings, policies, system))

    return pulled


def pull_jobs(policies: Policies) -> list:
    """One job a connected system, that asks it and nothing else."""
    return [
        dg.define_asset_job(
            _JOB_PREFIX + system,
            selection=dg.AssetSelection.assets(pulled_key(system)),
            executor_def=dg.in_process_executor,
            description=f"Asks {system} for what changed; tries again when it doesn't answer.",
        )
        for system in connected(policies)
    ]


def pull_cron(policies: Policies, system: str) -> str:
    """When a system is asked: daily where any of its streams is daily."""
    cadences = {policies.sources.streams[source.stream].cadence for source in sources_of(policies, system)}
    return _CRON["daily" if "daily" in cadences else "weekly"]


def _asked_for(tags: Mapping[str, str]) -> list[str] | None:
    text = tags.get(SYSTEMS_TAG)
    return None if text is None else [name for name in text.split(",") if name]


def _is_by_hand(context: dg.AssetExecutionContext) -> bool:
    """Whether a person wants this asset now: neither a refresh nor a schedule, which go by the cadence."""
    job = context.run.job_name
    return (job.startswith(_JOB_PREFIX) or job.startswith("__")) and _SCHEDULE_TAG not in context.run.tags


def _results(key: dg.AssetKey, found: SystemPull, last: Mapping[str, datetime | None]):
    words = [f"{source}: {f'{at:%Y-%m-%d %H:%M} UTC' if at else 'never'}" for source, at in last.items()]
    yield dg.MaterializeResult(metadata=_metadata(found) | {"asked last": dg.MetadataValue.text("\n".join(words))})
    yield dg.AssetCheckResult(
        passed=found.problem is None,
        check_name=ANSWERED,
        asset_key=key,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"problem": found.problem or "none"},
        description=found.problem,
    )


def _metadata(found: SystemPull) -> dict[str, dg.MetadataValue]:
    if not found.sources:
        return {"status": dg.MetadataValue.text("not asked: nothing was due")}
    told = ("source", "stream", "rows", "records", "deleted", "pages", "calls", "watermark", "quota", "problem")
    rows = [
        dg.TableRecord({name: "" if row[name] is None else row[name] for name in told} | {"seconds": row["seconds"]})
        for row in found.sources
    ]
    totals = {
        name: dg.MetadataValue.int(sum(row[name] or 0 for row in found.sources)) for name in ("rows", "pages", "calls")
    }
    quota = next((row["quota"] for row in reversed(found.sources) if row["quota"]), None)
    return {
        "status": dg.MetadataValue.text("failed" if found.problems else "asked"),
        "dagster/row_count": totals["rows"],
        **totals,
        **({"quota": dg.MetadataValue.text(quota)} if quota else {}),
        "seconds": dg.MetadataValue.float(round(sum(row["seconds"] for row in found.sources), 3)),
        "sources": dg.MetadataValue.table(rows),
    }
