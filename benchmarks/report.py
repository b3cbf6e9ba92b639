"""Writes `REPORT.md` from the results that are kept: what was measured, against what, and what that does not show."""

from __future__ import annotations

import json
from pathlib import Path

_NAMES = {"refresh": "refresh", "changed": "refresh, 1 % changed", "floor": "floor", "peer": "pandas"}

_NOTES = """## What is compared, and what isn't

- **Refresh** is `account-health refresh` in a fresh home: start of Python, Dagster and dbt, extraction from CSV,
  checks, models with their tests, publication, everything. Its memory is the largest sum of resident sets over its
  process tree, an upper bound, since shared pages count for each process.
- **Changed** is a second refresh in the same home after one record in a hundred of every file changed: eight in a
  thousand edited, one in a thousand new, one in a thousand gone, spread evenly over files that else keep their lines
  and their order. What it publishes is the same row by row as a refresh of the changed files in a fresh home, where
  that was held against it; only run ids, times and extraction ids differ.
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
        for name in _NAMES:
            # Results of before it was measured.
            if name not in result:
                continue
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
    lines += _after_changes(result)
    for ratio, value in result.get("ratios", {}).items():
        lines.append(f"- {ratio.replace('_', ' ')}: {value}")
    return [*lines, ""]


def _after_changes(result: dict) -> list[str]:
    """The second refresh stage by stage, against the first."""
    changed, stages = result.get("changed"), result["refresh"]["stages"]
    if changed is None or "stages" not in changed:
        return []
    read = ("extract/", "check_landed")
    lines = ["| stage | from nothing, s | 1 % changed, s |", "|---|---:|---:|"]
    together = [sum(s for name, s in one.items() if name.startswith(read)) for one in (stages, changed["stages"])]
    lines.append(f"| extraction and raw checks | {together[0]:.1f} | {together[1]:.1f} |")
    lines += [
        f"| {stage} | {seconds} | {changed['stages'].get(stage, '')} |"
        for stage, seconds in stages.items()
        if not stage.startswith(read)
    ]
    lines += [
        "",
        f"{sum(changed['records'].values()):,} records changed: {changed['pct_of_from_nothing']} % of the time from "
        f"nothing, {changed['processor_pct_of_from_nothing']} % of its processor time; extraction and raw checks "
        f"{changed['extraction_and_checks_pct_of_from_nothing']} %.",
        "",
    ]
    if "differing" in changed:
        differing = {table: rows for table, rows in changed["differing"].items() if rows}
        verdict = f"DIFFER: {differing}" if differing else "the same row by row as from nothing"
        lines += [f"Held against a refresh of the changed files in a fresh home: {verdict}.", ""]
    return lines
