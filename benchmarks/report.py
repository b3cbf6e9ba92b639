"""Writes `REPORT.md` from the results that are kept: what was measured, against what, and what that does not show."""

from __future__ import annotations

import json
from pathlib import Path

_NAMES = {"refresh": "refresh", "floor": "floor", "peer": "pandas"}

_NOTES = """## What is compared, and what isn't

- **Refresh** is `account-health refresh` in a fresh home: start of Python, Dagster and dbt, extraction from CSV,
  checks, models with their tests, publication, everything. Its memory is the largest sum of resident sets over its
  process tree, an upper bound, since shared pages count for each process.
- **Floor** is hand-written DuckDB SQL over the Parquet that the refresh landed. It makes the figures of the tables
  named above and nothing else: no extraction, no checks, no policy tables, no overrides, no near misses, no sentences
  and evidence in words, no themes, no hygiene, no history, no publication. It says what the joins cost, so the ratio
  says what the rest costs.
- **pandas** is what a team would first write over the same CSV files, in memory, without any of the rest: health-check
  targets and candidates, score, measures, churn, plans, offers, decisions and expansions. Influence, performance and
  the renewal forecast are left out. It includes reading the files.
- The three must agree row by row (every status, date, figure, amount and rank named in `agreement.py`, decimals to six
  places) before a ratio is written. They share no code, but they were written from one specification by the same hands.
- The models' seconds are wall seconds of each dbt model added up, as dbt reports them; models that ran side by side
  count in full. They hold what the floor leaves out, words and hygiene above all.
- The files are made up: draws spread evenly, so no account is a thousand times larger than another; CSV on a local
  disk. Figures of one machine, one run each, with the load it had when the run began: where that was near or above
  the number of processors, compare processor seconds, not wall seconds.
- "All else" among the stages is what no stage timed: starting Python, Dagster and dbt, and stopping them.
"""


def write_report(results: Path) -> Path:
    """Writes `REPORT.md` beside the folder of results, smallest size first; returns its path."""
    measured = [json.loads(file.read_text(encoding="utf-8")) for file in results.glob("*.json")]
    measured.sort(key=lambda result: result["accounts"])
    report = results.parent / "REPORT.md"
    report.write_text(_render(measured), encoding="utf-8")
    return report


def _render(measured: list[dict]) -> str:
    lines = ["# How fast a refresh is", "", "Written by `make bench SIZE=…`; don't edit by hand.", ""]
    lines += [
        "| accounts | rows read | CSV MB | by | seconds | processor seconds | peak MB |",
        "|---:|---:|---:|---|---:|---:|---:|",
    ]
    for result in measured:
        read = [f"{result['accounts']:,}", f"{sum(result['rows'].values()):,}", result["csv_mb"]]
        for name in ("refresh", "floor", "peer"):
            done = result[name]
            figures = [done.get(figure, "left out") for figure in ("seconds", "cpu_seconds", "peak_rss_mb")]
            lines.append("| " + " | ".join(str(cell) for cell in (*read, _NAMES[name], *figures)) + " |")
            read = ["", "", ""]
    lines.append("")
    for result in measured:
        lines += _of_one_size(result)
    return "\n".join(lines) + "\n" + _NOTES


def _of_one_size(result: dict) -> list[str]:
    machine, refresh = result["machine"], result["refresh"]
    lines = [
        f"## {result['accounts']:,} accounts",
        "",
        f"{result['measured_at']}, {machine['processors']} × {machine['processor']}, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}, load {machine['load_before']} before; "
        + ", ".join(f"{package} {number}" for package, number in result["versions"].items())
        + ".",
        "",
        "| stage | s |",
        "|---|---:|",
        *(f"| {stage} | {seconds} |" for stage, seconds in refresh["stages"].items()),
        "",
    ]
    slowest = sorted(refresh["dbt_model_seconds"].items(), key=lambda item: -item[1])[:8]
    if slowest:
        lines += ["Slowest models: " + ", ".join(f"{model} {seconds} s" for model, seconds in slowest) + ".", ""]
    for name in ("floor", "peer"):
        other = result[name]
        if "left_out" in other:
            lines += [f"{_NAMES[name]}: left out; {other['left_out']}.", ""]
        elif "agreement" in other:
            tables = ", ".join(
                f"{t['table']} {t['rows']:,} rows"
                + (" agree" if t["agrees"] else f", {t['differing']} DIFFER ({t['other_rows']:,} there)")
                for t in other["agreement"]
            )
            lines += [f"{_NAMES[name]}: {tables}. Steps: {other['steps']}.", ""]
    for ratio, value in result.get("ratios", {}).items():
        lines.append(f"- {ratio.replace('_', ' ')}: {value}")
    return [*lines, ""]
