"""Launching a refresh in this process: the same Dagster job the UI runs, with its events kept in the home."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from datetime import date

import dagster as dg

from orchestration.build import build_defs
from orchestration.defs.progress import Progress
from orchestration.home import prepare_home
from orchestration.refresh.run import Run
from orchestration.refresh.summary import Summary, summarise
from orchestration.settings import Settings


class RefreshFailed(RuntimeError):
    """A refresh that published nothing; `reasons` says why, most telling first."""

    def __init__(self, reasons: list[str], run_id: str) -> None:
        self.reasons = reasons
        self.run_id = run_id
        super().__init__("; ".join(reasons))


def launch(settings: Settings, as_of: date, cadence: str, progress: Progress) -> Summary:
    """Run the job of `cadence` as of one date and give its figures.

    Raises RefreshFailed when nothing was published, PolicyError when the policies don't load.
    """
    prepare_home(settings)
    progress.stage("starting")
    job = build_defs(settings, progress, as_of).resolve_job_def(cadence)
    # What dbt prints is in the run's compute logs; the terminal shows progress and a summary.
    with (
        dg.DagsterInstance.from_config(str(settings.dagster_path)) as instance,
        redirect_stdout(io.StringIO()),
    ):
        result = job.execute_in_process(
            instance=instance,
            partition_key=as_of.isoformat(),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        run = Run(settings, as_of, result.run_id, cadence)
        if not result.success or run.noted("publication") is None:
            raise RefreshFailed(_reasons(result), result.run_id)
    progress.stage("summing up")
    return summarise(run)


def _reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why nothing was published: what steps raised, and the critical checks that stood in the way."""
    raised = [
        _innermost(event.step_failure_data.error)
        for event in result.get_step_failure_events()
        if event.step_failure_data.error is not None
    ]
    checks = [
        f"{'/'.join(check.asset_key.path)}: {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]
    return list(dict.fromkeys([*raised, *checks])) or ["the run ended without a publication; see its events"]


def _innermost(error) -> str:
    while error.cause is not None:
        error = error.cause
    return error.message.strip().removeprefix("dagster._core.definitions.events.Failure: ")
