"""Write back: after a publication, what changed in the figures goes to the CRM's accounts."""

import dagster as dg

from orchestration.defs.asof import ONE_RUN_A_DATE
from orchestration.defs.deliver import GROUP, LEDGER
from orchestration.defs.progress import Progress
from orchestration.ledger.store import Store
from orchestration.policy.load import load_policies
from orchestration.publishing.reader import Publication
from orchestration.settings import Settings
from orchestration.write_back.round import Report, Round

WRITE_BACK = dg.AssetKey(["operations", "write_back"])
WRITTEN = "written"
_MOST_TOLD = 50


def write_back_asset(
    settings: Settings, partitions: dg.PartitionsDefinition, progress: Progress
) -> dg.AssetsDefinition:
    """Writing back to every target of policy. What goes wrong here never fails a publication."""

    @dg.asset(
        key=WRITE_BACK,
        deps=[LEDGER],
        group_name=GROUP,
        kinds={"salesforce"},
        owners=["team:revenue-operations"],
        tags={"layer": "operations"},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        description="Scores, status, churn and next action in the CRM's accounts; only what changed is written.",
        check_specs=[
            dg.AssetCheckSpec(WRITTEN, asset=WRITE_BACK, description="Every account has what was to be written there.")
        ],
    )
    def write_back(context: dg.AssetExecutionContext):
        progress.advance("the CRM")
        reports, problem = _written(settings)
        for report in reports:
            (context.log.info if report.is_fine else context.log.warning)(report.words())
        wrong = [report.words() for report in reports if not report.is_fine] + ([problem] if problem else [])
        yield dg.MaterializeResult(metadata=_metadata(reports, problem))
        yield dg.AssetCheckResult(
            passed=not wrong,
            check_name=WRITTEN,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problem": "\n".join(wrong) or "none"},
            description="; ".join(wrong) or None,
        )

    return write_back


def _written(settings: Settings) -> tuple[list[Report], str | None]:
    """What was done for each target, and what kept it from being done at all."""
    try:
        policies = load_policies(settings.policies)
        if not policies.write_back.targets:
            return [], None
        with Publication.open(settings.published_path) as publication, Store.open(settings) as store:
            return Round(settings, policies).write(store, publication), None
    except Exception as error:
        # Whatever it was: what is published stays published, and what waits goes with the next refresh.
        reason = next(iter(str(error).splitlines()), "")
        return [], f"nothing was written back: {type(error).__name__}: {reason}"


def _metadata(reports: list[Report], problem: str | None) -> dict[str, object]:
    live = [report for report in reports if report.noted is None]
    sent = [report.sent for report in live if report.sent is not None]
    refused = [line for one in sent for line in one.problems]
    problems = [report.problem for report in reports if report.problem] + ([problem] if problem else [])
    return {
        "targets": ", ".join(report.target for report in reports) or "none",
        "changed": sum(report.changed.wanted for report in live if report.changed is not None),
        "sent": sum(one.sent for one in sent),
        "accepted": sum(one.accepted for one in sent),
        "waiting": sum(report.counts.waiting for report in live),
        "dead": sum(report.counts.dead for report in live),
        "would be written": sum(report.noted.records for report in reports if report.noted is not None),
        "calls": sum(one.calls for one in sent),
        "quota": "; ".join(one.quota for one in sent if one.quota) or "not asked",
        "refused": "\n".join(refused[:_MOST_TOLD]) or "none",
        "problem": "\n".join(problems) or "none",
    }
