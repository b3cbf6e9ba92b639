"""`python -m benchmarks.floor`: computes the tables of a landing folder and prints seconds by step."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

from benchmarks.floor import compute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--landing", type=Path, required=True, help="the landing folder of a home")
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    arguments = parser.parse_args()
    print(json.dumps(compute(arguments.landing, arguments.as_of, arguments.out)))


if __name__ == "__main__":
    main()
