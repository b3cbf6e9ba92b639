"""Reports that change from export to export, made by chance: what incremental extraction has to cope with.

Here: the rows, how they change, and how they are written. Not here: what is compared (the tests).
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

Row = list[str]


def _name(random: Random) -> str:
    return random.choice(["Acme Inc", "Beta GmbH", "Gamma", 'Delta "D" Ltd', "Épsilon, SA", "Zeta", "nobody"])


def _amount(random: Random) -> str:
    return random.choice(["100", "$1.2K", "1,250.00", "EUR 5000", "(500)", "much", "", "7.25", "2M"])


def _day(random: Random) -> str:
    return (
        random.choice(["", "soon", "2026-06-31"])
        if random.random() < 0.05
        else f"2026-0{random.randint(1, 8)}-1{random.randint(0, 9)}"
    )


def _flag(random: Random) -> str:
    return random.choice(["Y", "no", "true", "0", "", "maybe"])


def _text(random: Random) -> str:
    words = ["Health check", "call", " padded ", "a,b", 'say "hi"', "naïve", "x" * random.randint(1, 30), "-"]
    return " ".join(random.choice(words) for _ in range(random.randint(1, 3)))


# Header -> how a cell comes about. Short ids come twice now and then.
REPORTS: dict[str, dict[str, Callable[[Random], str]]] = {
    "accounts": {
        "Account ID": lambda r: f"A{r.randint(1, 40)}",
        "Account": lambda r: f"{_name(r)} {r.randint(1, 40)}",
        "Owner": lambda r: r.choice(["Ann", "Bo", ""]),
        "GEO": lambda r: r.choice(["EMEA", "AMER", ""]),
        "Region": lambda r: "North",
        "Updated At": lambda r: r.choice(["2026-05-01T10:00Z", "2026-05-02", ""]),
        "Shoe size": lambda r: str(r.randint(30, 50)),
    },
    # As the CRM exports it: no ids, people and accounts by name.
    "activities": {
        "Name": lambda r: r.choice(["Ann", "Bo", "Cy", ""]),
        "Account": lambda r: f"{_name(r)} {r.randint(1, 40)}",
        "Opportunity": lambda r: r.choice(["", "Deal 1"]),
        "Subject": _text,
        "Revenue": _amount,
        "Timestamp": lambda r: f"{_day(r)}-{r.randint(10, 19)}:30",
        "Attachment": _flag,
    },
    "contracts": {
        "Contract ID": lambda r: f"C{r.randint(1, 90)}",
        "Account ID": lambda r: f"A{r.randint(1, 42)}",
        "Product": lambda r: r.choice(["Gold", "Core"]),
        "Start Date": _day,
        "End Date": _day,
        "Amount": _amount,
        "Auto renew": _flag,
    },
    "usage": {
        "account_id": lambda r: f"A{r.randint(1, 42)}",
        "usage_date": _day,
        "logins": lambda r: str(r.randint(0, 500)),
        "capacity_used_pct": lambda r: r.choice(["50", "85%", "2000", "?"]),
    },
    "tickets": {
        "ticket_id": lambda r: f"T{r.randint(1, 120)}",
        "account_id": lambda r: f"A{r.randint(1, 42)}",
        "created_at": lambda r: f"{_day(r)}T10:00:00Z",
        "solved_at": lambda r: f"{_day(r)}T12:00:00+02:00",
        "csat": lambda r: str(r.randint(0, 6)),
        "topic": _text,
    },
}


@dataclass
class Export:
    """One report as it stands now, and how it is written."""

    stream: str
    random: Random
    header: Row = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    style: str = "plain"
    footer: str = ""

    def __post_init__(self) -> None:
        self.header = list(REPORTS[self.stream])
        self.rows = [self._row() for _ in range(self.random.randint(60, 160))]
        if self.stream == "contracts" and self.random.random() < 0.3:
            for row in self.rows:
                row[0] = ""

    def _row(self) -> Row:
        return [REPORTS[self.stream][name](self.random) for name in REPORTS[self.stream]]

    def change(self) -> None:
        """A new export: some rows changed, added, gone, repeated or moved; now and then it is written otherwise."""
        random = self.random
        for change in random.choices(
            (
                self._edit,
                self._add,
                self._remove,
                self._repeat,
                self._move,
                self._shuffle,
                self._rewrite,
                self._nothing,
            ),
            weights=(8, 5, 5, 3, 2, 1, 2, 1),
            k=random.randint(1, 6),
        ):
            change()

    def _edit(self) -> None:
        if self.rows:
            row = self.random.choice(self.rows)
            row[self.random.randrange(len(row))] = self.random.choice(self._row())

    def _add(self) -> None:
        self.rows.insert(self.random.randint(0, len(self.rows)), self._row())

    def _remove(self) -> None:
        if self.rows:
            self.rows.pop(self.random.randrange(len(self.rows)))

    def _repeat(self) -> None:
        if self.rows:
            again = list(self.random.choice(self.rows))
            self.rows.insert(self.random.randint(0, len(self.rows)), again)

    def _move(self) -> None:
        start = self.random.randint(0, len(self.rows))
        block = self.rows[start : start + 10]
        del self.rows[start : start + 10]
        place = self.random.randint(0, len(self.rows))
        self.rows[place:place] = block

    def _shuffle(self) -> None:
        self.random.shuffle(self.rows)

    def _nothing(self) -> None:
        pass

    def _rewrite(self) -> None:
        what = self.random.choice(["style", "style", "footer", "line break", "torn", "empty line", "column"])
        if what == "style":
            self.style = self.random.choice(["plain", "quoted", "semicolon", "crlf", "gzip", "latin"])
        elif what == "footer":
            self.footer = self.random.choice(["", "Grand Total,5\n", "Total (3 records)\nCopyright us\n"])
        elif what == "line break" and self.rows:
            self.random.choice(self.rows)[-1] = "over\ntwo lines"
        elif what == "torn":
            self.rows.insert(self.random.randint(0, len(self.rows)), ["torn"])
        elif what == "empty line":
            self.rows.insert(self.random.randint(0, len(self.rows)), [""] * len(self.header))
        elif what == "column":
            width = len(self.header)
            self.header.append(f"Extra {width}")
            for row in self.rows:
                row.append("1") if len(row) == width else None

    def write(self, drop: Path) -> None:
        """Replaces the report in the drop folder."""
        for former in drop.glob(f"{self.stream}.csv*"):
            former.unlink()
        text = io.StringIO()
        writer = csv.writer(
            text,
            delimiter=";" if self.style == "semicolon" else ",",
            quoting=csv.QUOTE_ALL if self.style == "quoted" else csv.QUOTE_MINIMAL,
            lineterminator="\r\n" if self.style == "crlf" else "\n",
        )
        writer.writerow(self.header)
        writer.writerows(row + [""] * (len(self.header) - len(row)) if len(row) > 1 else row for row in self.rows)
        content = (text.getvalue() + self.footer).encode("cp1252" if self.style == "latin" else "utf-8")
        if self.style == "gzip":
            (drop / f"{self.stream}.csv.gz").write_bytes(gzip.compress(content))
        else:
            (drop / f"{self.stream}.csv").write_bytes(content)
