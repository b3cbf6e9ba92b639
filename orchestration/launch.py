"""Launching a refresh in this process: the same Dagster job the UI runs, with its events kept in the home."""

from __future__ import annotations

import fcntl
import io
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date
from pathlib import Path

import dagster as dg

from orchestration.build import build_defs
from orchestration.defs.asof import LEVEL_TAG
from orchestration.defs.progress import Progress
from orchestration.event_log import open_instance
from orchestration.home import prepare_home
from orchestration.quality.suites import SuiteError
from orchestration.refresh.run import Run
from orchestration.refresh.summary import Summary, summarise
from orchestration.settings import Settings

PID_TAG = "account_health/pid"
HOST_TAG = "account_health/host"

_DBT_ERRORS = "Errors parsed from dbt logs:"
_MOST_LINES = 12


class RefreshFailed(RuntimeError):
    """A refresh that didn't end well; `reasons` says why, most telling first.

    `snapshot` is the publication it still made, where a later medium (BI file, PostgreSQL) is what failed.
    """

    def __init__(self, reasons: list[str], run_id: str | None = None, snapshot: Path | None = None) -> None:
        self.reasons = reasons
        self.run_id = run_id
        self.snapshot = snapshot
        super().__init__("; ".join(reasons))


def launch(settings: Settings, as_of: date, cadence: str, progress: Progress, level: str | None = None) -> Summary:
    """Run the job of `cadence` as of one date and give its figures.

    `level`: how much may be done by itself; None for what the policy says.
    Raises RefreshFailed when nothing was published, PolicyError when the policies don't load.
    """
    prepare_home(settings)
    progress.stage("starting")
    # Dagster's notes on its own future are for developers, and tests show them.
    warnings.simplefilter("ignore")
    try:
        job = build_defs(settings, progress, as_of).resolve_job_def(cadence)
    except (SuiteError, RuntimeError, FileNotFoundError) as error:
        raise RefreshFailed([str(error)]) from error
    # What dbt prints is in the run's compute logs; the terminal shows progress and a summary.
    with (
        alone_in(settings.home_path),
        open_instance(settings.dagster_path) as instance,
        redirect_stdout(io.StringIO()),
    ):
        give_up_dead_runs(instance)
        result = job.execute_in_process(
            instance=instance,
            partition_key=as_of.isoformat(),
            tags={
                PID_TAG: str(os.getpid()),
                HOST_TAG: socket.gethostname(),
                **({} if level is None else {LEVEL_TAG: level}),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        run = Run(settings, as_of, result.run_id, cadence, level)
        publication = run.noted("publication")
        if not result.success or publication is None:
            raise RefreshFailed(_reasons(result), result.run_id, Path(publication["folder"]) if publication else None)
    progress.stage("summing up")
    return summarise(run)


@contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Hold the home for one command: a second would change the inputs under the first. Freed with the process.

    Raises RefreshFailed when another one has it.
    """
    with (home / "refresh.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefreshFailed([f"another refresh is at work in {home}; try again when it is done"]) from None
        yield


def running(settings: Settings) -> list[str]:
    """The runs under way in a home, whoever began them; those of killed commands are given up first."""
    if not (settings.dagster_path / "dagster.yaml").is_file():
        return []
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    with open_instance(settings.dagster_path) as instance:
        give_up_dead_runs(instance)
        return [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=statuses))]


def give_up_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Close the runs of commands on this machine that were killed: they would count as running for ever."""
    running = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]))
    dead = [
        run
        for run in running
        if run.tags.get(HOST_TAG) == socket.gethostname() and not _is_alive(int(run.tags.get(PID_TAG, "0")))
    ]
    for run in dead:
        instance.report_run_failed(run, "The process of this run is gone; the last publication stays up.")
    return [run.run_id for run in dead]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why nothing was published: the critical checks that stood in the way, and what steps raised."""
    checks = [
        f"{'/'.join(check.asset_key.path)}: {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]
    raised = [
        _readable(_innermost(event.step_failure_data.error))
        for event in result.get_step_failure_events()
        if event.step_failure_data.error is not None
    ]
    # A check that blocks is raised as a step failure too; its own words say more.
    raised = [reason for reason in raised if not (checks and "DagsterAssetCheckFailedError" in reason)]
    return list(dict.fromkeys([*checks, *raised])) or ["the run ended without a publication; see its events"]


def _innermost(error) -> str:
    while error.cause is not None:
        error = error.cause
    return error.message.strip().removeprefix("dagster._core.definitions.events.Failure: ")


def _readable(message: str) -> str:
    """The telling lines of a message: what dbt says of its errors, without stacks and repetitions."""
    text = message.partition(_DBT_ERRORS)[2] or message
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith(("  File ", "    "))]
    return "\n".join(list(dict.fromkeys(kept))[:_MOST_LINES])
