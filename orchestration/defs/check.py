"""Check: the raw suites as asset checks on the landing assets, and the published ones on what the models made.

One step each, since Great Expectations takes seconds to import. Checks of streams that a publication can't do without
are blocking: nothing below them runs when one fails critically.
"""

from collections.abc import Iterable, Mapping

import dagster as dg

from orchestration.defs.asof import run_of
from orchestration.defs.extract import landing_key
from orchestration.defs.progress import Progress
from orchestration.quality.results import CheckResult, describe
from orchestration.quality.suites import Suite, load_published_suites, load_suites
from orchestration.refresh.check import check
from orchestration.refresh.publish import check_models
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS

CHECK_KINDS = "great_expectations"


def published_key(table: str) -> dg.AssetKey:
    """The key of a published model."""
    return dg.AssetKey(["published", table])


def raw_checks(settings: Settings, progress: Progress) -> dg.AssetChecksDefinition:
    """Every rule on every stream, as one step."""
    suites = load_suites(settings.expectations)
    specs = [
        _spec(landing_key(stream), rule, blocking=STREAMS[stream].required)
        for stream, suite in suites.items()
        for rule in suite.rules
    ]

    @dg.multi_asset_check(name="check_landed", specs=specs, op_tags={"dagster/compute_kind": CHECK_KINDS})
    def check_landed(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        progress.stage("checking what was read")
        run = run_of(context, settings)
        found = check(run)
        for stream, checks in found.streams.items():
            yield from _results(landing_key(stream), suites[stream], checks.results, run)
        for stream in found.blocked:
            context.log.error(f"{stream} may not be published on: {_why(found.streams[stream])}")

    return check_landed


def published_checks(settings: Settings, progress: Progress) -> dg.AssetChecksDefinition:
    """Every rule on every published table, as one step; all of them block the publication."""
    suites = load_published_suites(settings.expectations)
    specs = [
        _spec(published_key(table), rule, blocking=True) for table, suite in suites.items() for rule in suite.rules
    ]

    @dg.multi_asset_check(name="check_published", specs=specs, op_tags={"dagster/compute_kind": CHECK_KINDS})
    def check_published(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        progress.stage("checking what the models made")
        run = run_of(context, settings)
        results = check_models(run)
        for table, suite in suites.items():
            yield from _results(published_key(table), suite, [r for r in results if r.table == table], run)

    return check_published


def _spec(asset: dg.AssetKey, rule, *, blocking: bool) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        rule.name,
        asset=asset,
        description=rule.description,
        blocking=blocking,
        metadata={"severity": rule.severity, "effect": rule.effect, "mended by": rule.owner_role},
    )


def _results(
    asset: dg.AssetKey, suite: Suite, results: Iterable[CheckResult], run: Run
) -> Iterable[dg.AssetCheckResult]:
    by_rule: Mapping[str, CheckResult] = {result.rule: result for result in results}
    for rule in suite.rules:
        result = by_rule.get(rule.name)
        if result is None:
            yield dg.AssetCheckResult(
                passed=True,
                check_name=rule.name,
                asset_key=asset,
                metadata={"rule": rule.description, "rows checked": 0, "note": "there was nothing to check"},
            )
        else:
            yield _result(asset, result, run)


def _result(asset: dg.AssetKey, result: CheckResult, run: Run) -> dg.AssetCheckResult:
    stops = result.blocking or result.severity == "critical"
    metadata: dict[str, dg.MetadataValue | str | int | float] = {
        "report": dg.MetadataValue.md(describe(result)),
        "rows checked": result.rows_checked,
        "rows failed": result.rows_failed,
        "failed %": round(result.failed_pct, 3),
    }
    if not result.passed:
        metadata["failing rows"] = dg.MetadataValue.path(str(run.checks_folder / "row_failures.parquet"))
        metadata["in hygiene_issues"] = f"stream = '{result.table}' and rule = '{result.rule}'"
    return dg.AssetCheckResult(
        passed=result.passed,
        check_name=result.rule,
        asset_key=asset,
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=result.description,
    )


def _why(checks) -> str:
    critical = [r.title for r in checks.results if r.blocking and not r.passed]
    return "; ".join(critical) or checks.verdict
