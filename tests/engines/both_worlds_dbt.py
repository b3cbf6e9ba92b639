"""dbt of the Spark environment, which builds another world before the one it is asked for, in the same Spark.

Stands in for `.venv-spark/bin/dbt` where a test sets it (ACCOUNT_HEALTH_SPARK_DBT): starting Spark takes longer than
building a small world. It is given to the other world in ACCOUNT_HEALTH_TEST_OTHER_INPUTS, and the tables it makes
are moved to ACCOUNT_HEALTH_TEST_OTHER_TABLES. Runs in an environment that has dbt and nothing of this project.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from dbt.cli.main import dbtRunner

# The layers whose tables are held against DuckDB's, and what they need: no views that nothing reads, no data tests.
WHAT_IS_COMPARED = (
    "--select",
    *(f"+path:models/{layer}" for layer in ("intermediate", "marts", "published")),
    "--exclude-resource-type",
    "test",
    "--exclude-resource-type",
    "unit_test",
)


@contextmanager
def printed_to(file: Path):
    """What this process prints, and what its children print, goes to `file`: the caller reads only its own build."""
    sys.stdout.flush()
    usual = os.dup(1)
    with file.open("w") as words:
        os.dup2(words.fileno(), 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(usual, 1)
            os.close(usual)


def build_other(arguments: list[str], inputs: str, tables: Path) -> None:
    """Build the models over `inputs` in the home of the run, then move what Spark made to `tables`."""
    usual = os.environ["ACCOUNT_HEALTH_INPUTS"]
    os.environ["ACCOUNT_HEALTH_INPUTS"] = inputs
    try:
        with printed_to(tables.with_suffix(".log")):
            dbtRunner().invoke([*arguments, *WHAT_IS_COMPARED])
    finally:
        os.environ["ACCOUNT_HEALTH_INPUTS"] = usual
    # Gone from under Spark's catalogue: the build after this one makes every table anew.
    shutil.move(Path(os.environ["ACCOUNT_HEALTH_HOME"]) / "spark" / "warehouse", tables)


def main(arguments: list[str]) -> int:
    if "--version" in arguments:
        print(version("dbt-core"))
        return 0
    if "build" in arguments:
        build_other(
            arguments,
            os.environ["ACCOUNT_HEALTH_TEST_OTHER_INPUTS"],
            Path(os.environ["ACCOUNT_HEALTH_TEST_OTHER_TABLES"]),
        )
    return 0 if dbtRunner().invoke(arguments).success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
