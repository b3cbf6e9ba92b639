"""`make dev`: the Dagster UI of a home on loopback, with its code location, daemon and schedules."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from orchestration.dbt import ensure_manifest
from orchestration.home import prepare_home
from orchestration.settings import PROJECT_ROOT, Settings


def main() -> None:
    """Become `dg dev`; it ends with Ctrl-C."""
    settings = Settings()
    prepare_home(settings)
    ensure_manifest(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_path)
    # Else `dg` warns that another environment is active than the project's.
    os.environ["VIRTUAL_ENV"] = sys.prefix
    os.environ["ACCOUNT_HEALTH_HOME"] = str(settings.home_path)
    os.chdir(PROJECT_ROOT)
    dg = Path(sys.executable).with_name("dg")
    os.execv(dg, [str(dg), "dev", "--host", "127.0.0.1", *sys.argv[1:]])  # noqa: S606 - our own dg, no shell


if __name__ == "__main__":
    main()
