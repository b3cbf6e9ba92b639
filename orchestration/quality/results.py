"""What a check found, and how it is told to a person.

Here: the result record and its rendering as Markdown. Not here: running checks (`runner.py`) and deciding what a
result means for an extraction (`landed.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SAMPLE_ROWS = 10


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One rule on one table.

    `severity` is the one in force (a warning over its share is critical); `broken` says why the check itself could
    not be evaluated, which is not the same as bad data; `blocking` is what stops a publication or an extraction.
    """

    table: str
    rule: str
    title: str
    description: str
    severity: str
    expected: str
    owner_role: str
    effect: str
    rows_checked: int
    rows_failed: int
    sample: tuple[Mapping[str, object], ...] = ()
    broken: str | None = None
    blocking: bool = False
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.broken is None and self.rows_failed == 0

    @property
    def failed_pct(self) -> float:
        """Share of the checked rows that failed, in percent."""
        return 100.0 * self.rows_failed / self.rows_checked if self.rows_checked else 0.0


_EFFECTS = {
    "set_aside": "The failing rows are set aside and not used.",
    "blank_value": "The failing values are left blank; the rest of each row is used.",
    "listed": "The failing rows are used as they are and listed.",
}


def describe(result: CheckResult) -> str:
    """The result as Markdown: the rule in words, the counts, what follows, and up to ten failing rows."""
    lines = [f"**{result.title}** ({result.table}.{result.rule}, {result.severity})", "", result.description, ""]
    if result.broken is not None:
        lines += ["The check itself could not be run, so nothing is known about the data:", "", f"> {result.broken}"]
        return "\n".join([*lines, *_notes(result)])
    if result.passed:
        return "\n".join([*lines, f"All {_number(result.rows_checked)} rows pass.", *_notes(result)])
    share = f" ({result.failed_pct:.2f} %)" if result.rows_checked else ""
    lines += [
        f"{_number(result.rows_failed)} of {_number(result.rows_checked)} rows fail{share}. "
        f"Expected: {result.expected}. {_EFFECTS[result.effect]} To be mended by: {_words(result.owner_role)}.",
        *_notes(result),
    ]
    if result.sample:
        lines += ["", *_sample(result.sample)]
    return "\n".join(lines)


def _notes(result: CheckResult) -> list[str]:
    return ["", *(f"- {note}" for note in result.notes)] if result.notes else []


def _sample(rows: Sequence[Mapping[str, object]]) -> list[str]:
    columns = [name for name in rows[0] if any(row.get(name) is not None for row in rows)]
    table = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    table += [f"| {' | '.join(_cell(row.get(name)) for name in columns)} |" for row in rows[:SAMPLE_ROWS]]
    return table


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _number(count: int) -> str:
    return f"{count:,}"


def _words(name: str) -> str:
    return name.replace("_", " ")
