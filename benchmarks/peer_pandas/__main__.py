"""`python -m benchmarks.peer_pandas`: computes the tables of a drop folder and prints seconds by step."""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import pandas as pd

from benchmarks.agreement import PEER_COMPARES
from benchmarks.peer_pandas import health_checks, health_score, outlook
from benchmarks.peer_pandas.files import read


def compute(drop: Path, as_of: pd.Timestamp, out: Path) -> dict[str, float]:
    """Computes the tables from the files in `drop` into `out/<table>.parquet`; returns seconds by step."""
    out.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    started = time.monotonic()

    def ended(step: str) -> None:
        nonlocal started
        seconds[step] = round(time.monotonic() - started, 3)
        started = time.monotonic()

    frames = read(drop)
    ended("read")
    contracts = health_checks.usable_contracts(frames, as_of)
    targets = health_checks.targets(frames, contracts, as_of)
    tables = {"health_check_targets": targets, "health_check_candidates": health_checks.candidates(targets)}
    ended("health checks")
    facts = health_score.account_facts(frames, contracts, as_of)
    ended("facts")
    health, measures = health_score.scored(facts, as_of)
    tables |= {"account_health": health.reset_index(), "account_health_measures": measures}
    ended("scores")
    known = facts.drop(columns=["arr", "renewal_date", "days_to_renewal", "customer_until"]).join(health)
    risks = outlook.churn(known, frames["contacts"], as_of)
    tables |= {
        "account_churn": risks.reset_index(),
        "retention_plans": outlook.plans(known, risks, as_of),
        "retention_offers": outlook.offers(known, risks),
        "executive_decisions": outlook.decisions(known, as_of),
        "expansion_pipeline": outlook.expansions(known, frames["invoices"], as_of),
    }
    ended("outlook")
    for table, (key, values) in PEER_COMPARES.items():
        tables[table][[*key, *values]].to_parquet(out / f"{table}.parquet", index=False)
    ended("write")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drop", type=Path, required=True, help="the drop folder of CSV files")
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    arguments = parser.parse_args()
    print(json.dumps(compute(arguments.drop, pd.Timestamp(arguments.as_of), arguments.out)))


if __name__ == "__main__":
    main()
