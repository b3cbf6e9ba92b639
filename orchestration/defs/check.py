"""Check: the raw suites as asset checks on the landing assets, and the published ones on what the models made.

One step each, since Great Expectations takes seconds to import. Checks of streams that a publication can't do without
are blocking: nothing below them runs when one fails critically.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import dagster as dg

from orchestration.defs.asof import run_of
from orchestration.defs.extract import landing_key
from orchestration.defs.progress import Progress
from orchestration.quality.landed import StreamChecks
from orchestration.quality.results import CheckResult, describe
from orchestration.quality.suites import Rule, Suite, load_published_suites, load_suites
from orchestration.refresh.check import check
from orchestration.refresh.publish import check_models
from orchestration.refresh.run import Run
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS

CHECK_KINDS = "great_expectations"
LANDED = "landed"
_SAMPLE_KEYS = 5
WAREHOUSE_POOL = "warehouse"


def published_key(table: str) -> dg.AssetKey:
    """The key of a published model."""
    return dg.AssetKey(["published", table])


def raw_checks(settings: Settings, progress: Progress) -> dg.AssetChecksDefinition:
    """Every rule on every stream, and whether there is anything to use of it, as one step."""
    suites = load_suites(settings.expectations)
    specs = [
        spec
        for stream, suite in suites.items()
        for spec in (
            _landed_spec(stream),
            *(_spec(landing_key(stream), rule, blocking=STREAMS[stream].required) for rule in suite.rules),
        )
    ]

    @dg.multi_asset_check(name="check_landed", specs=specs, op_tags={"dagster/compute_kind": CHECK_KINDS})
    def check_landed(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        progress.stage("checking what was read")
        run = run_of(context, settings)
        found = check(run)
        for stream, checks in found.streams.items():
            yield _landed(checks, run)
            yield from _results(landing_key(stream), suites[stream], checks.results, run, _row_failures(run))
        for stream in found.blocked:
            context.log.error(f"{stream} may not be published on: {_why(found.streams[stream])}")

    return check_landed


def published_checks(settings: Settings, progress: Progress) -> dg.AssetChecksDefinition:
    """Every rule on every published table, as one step; all of them block the publication."""
    suites = load_published_suites(settings.expectations)
    specs = [
        _spec(published_key(table), rule, blocking=True) for table, suite in suites.items() for rule in suite.rules
    ]

    @dg.multi_asset_check(
        name="check_published",
        specs=specs,
        op_tags={"dagster/compute_kind": CHECK_KINDS},
        pool=WAREHOUSE_POOL,
    )
    def check_published(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        progress.stage("checking what the models made")
        run = run_of(context, settings)
        results = check_models(run)
        for table, suite in suites.items():
            yield from _results(published_key(table), suite, [r for r in results if r.table == table], run)

    return check_published


def _landed_spec(stream: str) -> dg.AssetCheckSpec:
    required = STREAMS[stream].required
    return dg.AssetCheckSpec(
        LANDED,
        asset=landing_key(stream),
        description=f"There is an extraction of {stream} to use, and every row of it is accounted for."
        + ("" if required else " The stream is optional: one that never landed is no failure."),
        blocking=required,
    )


def _landed(checks: StreamChecks, run: Run) -> dg.AssetCheckResult:
    """Which extraction is in use and where its rows went."""
    stream, counts = STREAMS[checks.stream], checks.counts
    # What a required stream's rules found blocks by itself; here it is whether there is anything to judge.
    passed = bool(checks.used) or (checks.verdict in ("absent", "not_checked") and not stream.required)
    metadata: dict[str, dg.MetadataValue | str | int] = {
        "as of": str(run.as_of),
        "verdict": checks.verdict.replace("_", " "),
        "in use": ", ".join(c.extraction.extraction_id for c in checks.used) or "nothing",
        "rows read": counts.rows_read,
        "rows used": counts.rows_used,
        "rows set aside": counts.rows_set_aside,
        "rows passed over": sum(counts.passed_over.values()),
    }
    if counts.passed_over:
        metadata["passed over because"] = ", ".join(
            f"{reason.replace('_', ' ')}: {rows:,}" for reason, rows in counts.passed_over.items()
        )
    if checks.rejections:
        metadata["not used"] = dg.MetadataValue.md(
            "\n".join(f"- {r.extraction_id} of {r.source}: {r.reason}" for r in checks.rejections)
        )
    aside = [r for r in checks.results if r.effect == "set_aside" and r.rows_failed]
    if aside:
        metadata["set aside by rule"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"rule": r.rule, "rows": r.rows_failed, "% of rows": round(r.failed_pct, 2)})
                for r in aside
            ]
        )
    return dg.AssetCheckResult(
        passed=passed,
        check_name=LANDED,
        asset_key=landing_key(checks.stream),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=metadata,
        description=None if passed else f"There is no extraction of {checks.stream} that may be used.",
    )


def _spec(asset: dg.AssetKey, rule: Rule, *, blocking: bool) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        rule.name,
        asset=asset,
        description=rule.description,
        blocking=blocking,
        metadata={
            "severity": rule.severity,
            "effect": rule.effect.replace("_", " "),
            "mended by": rule.owner_role.replace("_", " "),
        },
    )


def _results(
    asset: dg.AssetKey,
    suite: Suite,
    results: Iterable[CheckResult],
    run: Run,
    hygiene: Mapping[str, dg.MetadataValue] = MappingProxyType({}),
) -> Iterable[dg.AssetCheckResult]:
    by_rule: Mapping[str, CheckResult] = {result.rule: result for result in results}
    for rule in suite.rules:
        result = by_rule.get(rule.name)
        if result is None:
            yield dg.AssetCheckResult(
                passed=True,
                check_name=rule.name,
                asset_key=asset,
                metadata={"as of": str(run.as_of), "rows checked": 0, "note": "there was nothing to check"},
            )
        else:
            yield _result(asset, result, run, hygiene)


def _result(
    asset: dg.AssetKey, result: CheckResult, run: Run, hygiene: Mapping[str, dg.MetadataValue]
) -> dg.AssetCheckResult:
    stops = result.blocking or result.severity == "critical"
    metadata: dict[str, dg.MetadataValue | str | int | float] = {
        "as of": str(run.as_of),
        "report": dg.MetadataValue.md(describe(result)),
        "rows checked": result.rows_checked,
        "rows failed": result.rows_failed,
        "failed %": round(result.failed_pct, 3),
    }
    if result.sample:
        metadata["sample keys"] = ", ".join(_key(row) for row in result.sample[:_SAMPLE_KEYS])
    if hygiene and not result.passed:
        metadata |= hygiene
        metadata["rows of hygiene_issues"] = f"stream = '{result.table}' and rule = '{result.rule}'"
    return dg.AssetCheckResult(
        passed=result.passed,
        check_name=result.rule,
        asset_key=asset,
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=_in_words(result),
    )


def _key(row: Mapping[str, object]) -> str:
    """What names a failing row: its business key where the check gives one, else its first column."""
    return str(row.get("record_key") or next(iter(row.values())))


def _row_failures(run: Run) -> dict[str, dg.MetadataValue]:
    """Where every failing row is: at once in the run's folder of the home, and once published in hygiene_issues."""
    file = run.checks_folder / "row_failures.parquet"
    return {
        "all failing rows": dg.MetadataValue.path(str(file.relative_to(run.settings.home_path))),
        "published in": dg.MetadataValue.asset(published_key("hygiene_issues")),
    }


def _in_words(result: CheckResult) -> str:
    """The rule, and what came of it, in a line or two."""
    if result.passed:
        return result.description
    if result.broken is not None:
        return f"{result.description} The check could not be run: {result.broken}"
    counts = f"{result.rows_failed:,} of {result.rows_checked:,} rows fail"
    return " ".join([result.description, "; ".join([counts, *result.notes]) + "."])


def _why(checks: StreamChecks) -> str:
    critical = [r.title for r in checks.results if r.blocking and not r.passed]
    return "; ".join(critical) or checks.verdict
