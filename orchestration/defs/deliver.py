"""Deliver: the ledger takes a publication in after it is made, and every quarter of an hour does what time brings."""

import dagster as dg

from orchestration.actions.connectors.base import SetUpError
from orchestration.actions.deliver import deliver
from orchestration.actions.sync import take_in
from orchestration.defs.asof import ONE_RUN_A_DATE
from orchestration.defs.progress import Progress
from orchestration.ledger.store import Store, utc_now
from orchestration.policy.load import load_policies
from orchestration.publishing.reader import Publication
from orchestration.settings import Settings
from orchestration.write_back.round import Round

GROUP = "operations"
LEDGER = dg.AssetKey(["operations", "ledger"])
TAKEN_IN = "taken_in"
EVERY_SECONDS = 15 * 60


def ledger_asset(settings: Settings, partitions: dg.PartitionsDefinition, progress: Progress) -> dg.AssetsDefinition:
    """The ledger, brought in line with the current publication. What goes wrong here never fails a publication."""

    @dg.asset(
        key=LEDGER,
        deps=[dg.AssetKey(["publication", "snapshot"])],
        group_name=GROUP,
        kinds={"sqlite", "postgres"},
        owners=["team:revenue-operations"],
        tags={"layer": "operations"},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        description="What people and connectors do with actions and alerts; it takes in what a publication recommends.",
        check_specs=[
            dg.AssetCheckSpec(TAKEN_IN, asset=LEDGER, description="The ledger took the current publication in.")
        ],
    )
    def ledger(context: dg.AssetExecutionContext):
        progress.advance("the ledger")
        changed, problem = _taken_in(settings)
        if problem:
            context.log.error(problem)
        yield dg.MaterializeResult(metadata={"changed": changed or "nothing", "problem": problem or "none"})
        yield dg.AssetCheckResult(
            passed=problem is None,
            check_name=TAKEN_IN,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problem": problem or "none"},
            description=problem,
        )

    return ledger


def _taken_in(settings: Settings) -> tuple[str | None, str | None]:
    """(what changed, what went wrong), in words."""
    try:
        with Publication.open(settings.published_path) as publication, Store.open(settings) as store:
            taken = take_in(store, publication, load_policies(settings.policies), utc_now())
    except Exception as error:
        # Whatever it was: what is published stays published, and the next refresh tries again.
        reason = next(iter(str(error).splitlines()), "")
        return None, f"the ledger didn't take the publication in: {type(error).__name__}: {reason}"
    return (taken.words() if taken else "it knows a later as-of date"), None


def deliver_job(settings: Settings) -> dg.JobDefinition:
    """One round: deadlines, clocks of alerts, messages and queued actions."""

    @dg.op(
        description="Deadlines of actions, clocks of alerts, the worker with its connectors, what waits to be written."
    )
    def carry_out(context: dg.OpExecutionContext) -> None:
        try:
            with Store.open(settings) as store:
                policies = load_policies(settings.policies)
                delivered = deliver(store, settings, policies)
                # What waits after a lock or an outage; what is new comes with a publication.
                written = Round(settings, policies).send(store)
        except SetUpError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        context.log.info(delivered.words())
        for problem in (*delivered.worked.problems, *(report.words() for report in written if not report.is_fine)):
            context.log.warning(problem)
        context.add_output_metadata(
            {
                "done": delivered.worked.done,
                "to be tried again": delivered.worked.waiting,
                "failed": delivered.worked.failed,
                "expired": delivered.expired,
                "alerts escalated": delivered.ticked.escalated,
                "written back": "\n".join(report.words() for report in written) or "nothing waited",
                "problems": "\n".join(delivered.worked.problems) or "none",
            }
        )

    @dg.job(
        name="deliver",
        executor_def=dg.in_process_executor,
        description="Carries out what is queued and watches alerts; as shipped nothing leaves the machine.",
    )
    def deliver_now() -> None:
        carry_out()

    return deliver_now


def deliver_sensor(settings: Settings, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Asks for a round every quarter of an hour, off until somebody turns it on."""

    @dg.sensor(
        name="deliver_what_is_due",
        job=job,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Every 15 minutes: clocks of alerts, messages and queued actions.",
    )
    def deliver_what_is_due(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not Store.exists(settings):
            return dg.SkipReason("there is no ledger yet; a refresh makes it")
        under_way = context.instance.get_runs_count(
            dg.RunsFilter(
                job_name=job.name,
                statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
            )
        )
        if under_way:
            return dg.SkipReason("the round before is still under way")
        return dg.RunRequest()

    return deliver_what_is_due
