"""Names that a source uses for an account the CRM calls otherwise: `account_aliases.csv`.

Here: reading that file, line by line. Not here: matching, which folds names first (`sources/matching.py`).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from orchestration.policy.document import decode, refusal
from orchestration.policy.problems import Problem, shown

FILE_NAME = "account_aliases.csv"
_HEADER = ["alias", "account"]


class AccountAlias(BaseModel):
    """`alias` as sources write it, `account` its id or exact name in the accounts stream, and where that is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alias: str
    account: str
    file: str
    line: int


def read_aliases(path: Path) -> tuple[tuple[AccountAlias, ...], list[Problem]]:
    """The aliases of the file, and what is wrong with it."""
    text, problem = refusal(path, decode)
    if problem is not None:
        return (), [problem]
    aliases: list[AccountAlias] = []
    problems: list[Problem] = []
    first_line: dict[str, int] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            # A quoted cell may span lines: the record begins on the line after the one before it.
            start, line = line, reader.line_num + 1
            record = [cell.strip() for cell in cells]
            if not any(record) or record[0].startswith("#"):
                continue
            if header is None:
                header = [cell.lower() for cell in record]
                if header != _HEADER:
                    return (), [_problem(start, "", ",".join(record), "the header alias,account")]
                continue
            found = _record_problem(start, record, first_line)
            if found is not None:
                problems.append(found)
                continue
            first_line[record[0]] = start
            aliases.append(AccountAlias(alias=record[0], account=record[1], file=FILE_NAME, line=start))
    except csv.Error as error:
        problems.append(_problem(reader.line_num, "", str(error), "a CSV record: alias,account"))
    if header is None and not problems:
        problems.append(_problem(1, "", "an empty file", "the header alias,account"))
    return tuple(aliases), problems


def _record_problem(line: int, record: list[str], first_line: dict[str, int]) -> Problem | None:
    if len(record) != len(_HEADER):
        hint = "put a name with a comma in double quotes"
        return _problem(line, "", f"{len(record)} cells", "2: alias,account", hint)
    for key, cell in zip(_HEADER, record, strict=True):
        if not cell:
            return _problem(line, key, "nothing (blank)", "a name")
    if record[0] in first_line:
        expected = f"each alias once (first on line {first_line[record[0]]})"
        return _problem(line, "alias", f"{shown(record[0])} again", expected)
    return None


def _problem(line: int, key: str, found: str, expected: str, hint: str = "") -> Problem:
    return Problem(FILE_NAME, line, key, found, expected, hint)
