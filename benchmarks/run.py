"""Measures one size: generate, refresh in a fresh home, floor and peer in the same run, compare, write the results.

Then one record in a hundred is changed and the same home refreshed again: up to `COMPARED_AT_MOST` accounts, what that
publishes is held against a refresh of the changed files from nothing, row by row.

`python -m benchmarks.run --size 10k`. Results go to `benchmarks/results/<size>.json`, and `benchmarks/REPORT.md` is
written anew from all of them. Exits 1 when the refresh fails or when anyone's rows differ.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from benchmarks.agreement import FLOOR_COMPARES, PEER_COMPARES, Comparison, compare
from benchmarks.change import change
from benchmarks.generate import generate
from benchmarks.report import write_report
from benchmarks.runs import measured_run
from benchmarks.sizes import AS_OF, accounts_of
from benchmarks.watch import Watched, run_watched

RESULTS = Path(__file__).parent / "results"
# pandas holds the whole activities file as Python strings: above this it needs more memory than it is worth.
PEER_AT_MOST = 200_000
# A third refresh, only to compare with; above this it takes too long for what it adds.
COMPARED_AT_MOST = 200_000
# Columns of published tables that say which run made them.
_OF_THE_RUN = ("run_id", "published_at", "extraction_id", "last_success_at")
# Tables about publications and runs.
_ABOUT_RUNS = ("publication", "score_audit")
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "dagster", "great-expectations", "pandas", "pyarrow")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", required=True, help="10k, 100k, 1m, or a number of accounts")
    parser.add_argument("--as-of", type=date.fromisoformat, default=AS_OF)
    parser.add_argument("--work", type=Path, help="folder for files (default: in the temporary folder); kept if given")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    accounts = accounts_of(arguments.size)
    work = arguments.work or Path(tempfile.mkdtemp(prefix="account-health-bench-"))
    try:
        result = measure(arguments.size, accounts, arguments.as_of, work)
    finally:
        if arguments.work is None:
            shutil.rmtree(work, ignore_errors=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    if result["refresh"]["exit_code"] == 0:
        text = json.dumps(result, indent=1, default=str) + "\n"
        (arguments.results / f"{arguments.size}.json").write_text(text, encoding="utf-8")
        write_report(arguments.results)
    return _say(result)


def measure(size: str, accounts: int, as_of: date, work: Path) -> dict:
    """Everything about one size; the refresh's own output is kept when it failed."""
    drop, home, floor_out, peer_out = (work / name for name in ("drop", "home", "floor", "peer"))
    for folder in (home, floor_out, peer_out):
        shutil.rmtree(folder, ignore_errors=True)
    rows = generate(drop, accounts, as_of)
    result: dict = {
        "size": size,
        "accounts": accounts,
        "as_of": as_of,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "rows": rows,
        "csv_mb": round(sum(f.stat().st_size for f in drop.glob("*.csv")) / 2**20, 1),
    }
    refresh = run_watched(_refresh_command(drop, as_of, home), {"ACCOUNT_HEALTH_HOME": str(home)})
    result["refresh"] = _figures(refresh)
    if refresh.exit_code != 0:
        result["refresh"]["output"] = (refresh.output + refresh.errors)[-6000:]
        return result
    run = measured_run(home)
    stages = run.stages | {"all else": round(refresh.seconds - sum(run.stages.values()), 2)}
    result["refresh"] |= {"stages": stages, "dbt_model_seconds": run.models, "home_mb": _size_mb(home)}
    published = _published(home)
    dated = ["--as-of", as_of.isoformat()]
    result["floor"] = _other(
        ["benchmarks.floor", "--landing", str(home / "landing"), *dated, "--out", str(floor_out)],
        lambda: compare(published, floor_out, FLOOR_COMPARES),
    )
    if accounts <= PEER_AT_MOST:
        result["peer"] = _other(
            ["benchmarks.peer_pandas", "--drop", str(drop), *dated, "--out", str(peer_out)],
            lambda: compare(published, peer_out, PEER_COMPARES),
        )
    else:
        result["peer"] = {"left_out": f"pandas holds whole files in memory; it is run up to {PEER_AT_MOST:,} accounts"}
    result["changed"] = _changed(drop, as_of, home, work, refresh, accounts <= COMPARED_AT_MOST)
    result["ratios"] = _ratios(result)
    return result


def _changed(drop: Path, as_of: date, home: Path, work: Path, whole: Watched, is_compared: bool) -> dict:
    """The refresh after one record in a hundred changed, against the one from nothing."""
    changed, nothing = work / "changed", work / "from-nothing"
    for folder in (changed, nothing):
        shutil.rmtree(folder, ignore_errors=True)
    records = change(drop, changed)
    before = measured_run(home).stages
    again = run_watched(_refresh_command(changed, as_of, home), {"ACCOUNT_HEALTH_HOME": str(home)})
    figures = _figures(again) | {"records": records}
    if again.exit_code != 0:
        return figures | {"output": (again.output + again.errors)[-6000:]}
    stages = measured_run(home).stages
    read, reread = _seconds_of_reading(before), _seconds_of_reading(stages)
    figures |= {
        "stages": stages | {"all else": round(again.seconds - sum(stages.values()), 2)},
        "pct_of_from_nothing": round(100 * again.seconds / whole.seconds, 1),
        "processor_pct_of_from_nothing": round(100 * again.cpu_seconds / whole.cpu_seconds, 1),
        "extraction_and_checks_pct_of_from_nothing": round(100 * reread / read, 1),
    }
    if is_compared:
        fresh = run_watched(_refresh_command(changed, as_of, nothing), {"ACCOUNT_HEALTH_HOME": str(nothing)})
        figures["from_nothing"] = _figures(fresh)
        if fresh.exit_code == 0:
            figures["differing"] = _differing(_published(home), _published(nothing))
    return figures


def _seconds_of_reading(stages: dict[str, float]) -> float:
    return sum(s for stage, s in stages.items() if stage.startswith("extract/") or stage == "check_landed")


def _published(home: Path) -> Path:
    return home / "published" / (home / "published" / "CURRENT").read_text(encoding="utf-8").strip()


def _differing(one: Path, other: Path) -> dict[str, int]:
    """Rows that only one of two publications has, by table; what only says which run made them is left out."""
    found = {}
    with duckdb.connect() as con:
        for file in sorted(one.glob("*.parquet")):
            if file.stem in _ABOUT_RUNS:
                continue
            names = [row[0] for row in con.execute(f"describe from '{file}'").fetchall()]
            listed = ", ".join(f'"{name}"' for name in names if name not in _OF_THE_RUN)
            sides = [f"(select {listed} from '{folder / file.name}')" for folder in (one, other)]
            found[file.stem] = sum(
                con.execute(f"select count(*) from (from {a} except all from {b})").fetchall()[0][0]
                for a, b in (sides, sides[::-1])
            )
    return found


def _refresh_command(drop: Path, as_of: date, home: Path) -> list[str]:
    program = str(Path(sys.executable).parent / "account-health")
    return [program, "refresh", "--drop", str(drop), "--as-of", as_of.isoformat(), "--home", str(home)]


def _other(module: list[str], compared) -> dict:
    """Runs the floor or the peer as a program of its own, and compares what it made."""
    watched = run_watched([sys.executable, "-m", *module])
    figures = _figures(watched)
    if watched.exit_code != 0:
        return figures | {"output": watched.errors[-3000:]}
    comparisons: list[Comparison] = compared()
    return figures | {
        "steps": json.loads(watched.output),
        "agrees": all(comparison.agrees for comparison in comparisons),
        "agreement": [comparison.as_dict() for comparison in comparisons],
    }


def _figures(watched: Watched) -> dict:
    kept = ("exit_code", "seconds", "cpu_seconds", "peak_rss_mb")
    return {name: value for name, value in asdict(watched).items() if name in kept}


def _ratios(result: dict) -> dict[str, float]:
    """The refresh against the others, only where they agree."""
    ratios = {}
    whole, busy = result["refresh"]["seconds"], result["refresh"]["cpu_seconds"]
    floor, peer = result["floor"], result["peer"]
    if floor.get("agrees"):
        models, steps = result["refresh"]["dbt_model_seconds"], floor["steps"]
        ratios["whole_refresh_to_floor"] = round(whole / floor["seconds"], 1)
        ratios["processor_time_of_refresh_to_floor"] = round(busy / floor["cpu_seconds"], 1)
        if models:
            ratios["models_to_floor_sql"] = round(sum(models.values()) / sum(steps.values()), 1)
    if peer.get("agrees"):
        ratios["whole_refresh_to_pandas"] = round(whole / peer["seconds"], 1)
        ratios["processor_time_of_refresh_to_pandas"] = round(busy / peer["cpu_seconds"], 1)
    return ratios


def _cost(figures: dict) -> str:
    return f"{figures['seconds']} s ({figures['cpu_seconds']} s of processors), at most {figures['peak_rss_mb']:,} MB"


def _machine() -> dict:
    memory_kb = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return {
        "processors": os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory_gb": round(memory_kb / 2**20),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def _size_mb(folder: Path) -> int:
    return round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20)


def _say(result: dict) -> int:
    """Prints the outcome; the exit code says whether it can be believed."""
    refresh = result["refresh"]
    if refresh["exit_code"] != 0:
        print(refresh["output"])
        print(f"the refresh of {result['accounts']:,} accounts failed with exit code {refresh['exit_code']}")
        return 1
    print(f"{result['accounts']:,} accounts: {_cost(refresh)}")
    for stage, seconds in refresh["stages"].items():
        print(f"  {stage}: {seconds} s")
    believed = True
    for name in ("floor", "peer"):
        other = result[name]
        if "left_out" in other:
            print(f"{name}: left out; {other['left_out']}")
            continue
        if other["exit_code"] != 0:
            believed = False
            print(f"{name}: failed\n{other['output']}")
            continue
        print(f"{name}: {_cost(other)}")
        for table in other["agreement"]:
            verdict = "agrees" if table["agrees"] else f"{table['differing']} rows DIFFER, such as {table['example']}"
            print(f"  {table['table']}: {table['rows']:,} rows, {verdict}")
            believed = believed and table["agrees"]
    believed = _say_changed(result["changed"]) and believed
    for name, ratio in result["ratios"].items():
        print(f"{name}: {ratio}")
    return 0 if believed else 1


def _say_changed(changed: dict) -> bool:
    """Prints the second refresh; whether it can be believed."""
    if changed["exit_code"] != 0:
        print(f"the refresh after one record in a hundred changed failed\n{changed['output']}")
        return False
    print(
        f"after one record in a hundred changed: {_cost(changed)}, {changed['pct_of_from_nothing']} % of from nothing"
    )
    for stage, seconds in changed["stages"].items():
        print(f"  {stage}: {seconds} s")
    differing = {table: rows for table, rows in changed.get("differing", {}).items() if rows}
    for table, rows in differing.items():
        print(f"  {table}: {rows} rows DIFFER from a refresh of the same files from nothing")
    return not differing


if __name__ == "__main__":
    sys.exit(main())
