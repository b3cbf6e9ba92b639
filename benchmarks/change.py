"""Writes a drop folder as it would be exported a day later: the same files with one record in a hundred changed.

Eight in a thousand have one cell changed, one in a thousand is gone, one in a thousand is new; the rest are the same
lines in the same order. Which they are follows from their keys, so the same drop folder gives the same files.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.sources.streams import STREAMS

# Stream -> the column that changes, and its new text.
EDITED = {
    "accounts": ("owner_name", "'Owner ' || drawn % 90"),
    "contracts": ("amount", "(1000 + drawn % 90000)::varchar"),
    "opportunities": ("amount", "(1000 + drawn % 90000)::varchar"),
    "activities": ("owner_name", "'Person ' || drawn % 90"),
    "contacts": ("started_on", "(date '2025-01-01' + (drawn % 500)::int)::varchar"),
    "signals": ("severity", "case when drawn % 2 = 0 then 'minor' else 'major' end"),
    "tickets": ("csat", "(1 + drawn % 5)::varchar"),
    "usage": ("logins", "(drawn % 77)::varchar"),
    "survey_responses": ("score", "(drawn % 11)::varchar"),
    "invoices": ("amount", "(1000 + drawn % 90000)::varchar"),
    "interventions": ("root_cause", "'cause ' || drawn % 9"),
    "csm_calls": ("reason", "'Reason ' || drawn % 9"),
}
_OF_A_THOUSAND = {"edited": "drawn % 1000 < 8", "new": "drawn % 1000 = 8", "gone": "drawn % 1000 = 9"}


def change(drop: Path, changed: Path) -> dict[str, int]:
    """Writes the files of `drop` into `changed`, one record in a hundred changed; returns how many, by stream."""
    changed.mkdir(parents=True, exist_ok=True)
    records = {}
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        for file in sorted(drop.glob("*.csv")):
            source = f"read_csv('{file}', all_varchar = true, header = true)"
            names = [row[0] for row in con.execute(f"describe from {source}").fetchall()]
            key = [name for name in STREAMS[file.stem].key if name in names]
            column, text = EDITED.get(file.stem, (names[-1], names[-1]))
            # A new record is a copy of one, with another id or on another day.
            another = (
                f"({key[-1]}::date - 40)::varchar" if key[-1] in ("usage_date", "valid_from") else f"{key[-1]} || 'n'"
            )
            replaced = {column: f"case when {_OF_A_THOUSAND['edited']} then {text} else {column} end"}
            replaced[key[-1]] = f"case when copy = 1 then {another} else {key[-1]} end"
            con.execute(
                f"create or replace view drawn as select *, hash({', '.join(key)}, 7) // 7 as drawn from {source}"
            )
            con.execute(
                f"""
                copy (
                    select * exclude (drawn, copy)
                        replace ({", ".join(f"{sql} as {name}" for name, sql in replaced.items())})
                    from (
                        select *, unnest(case when {_OF_A_THOUSAND["new"]} then [0, 1]
                                              when {_OF_A_THOUSAND["gone"]} then [] else [0] end) as copy
                        from drawn
                    )
                ) to '{changed / file.name}' (header)
                """
            )
            records[file.stem] = con.execute("select count(*) from drawn where drawn % 1000 < 10").fetchall()[0][0]
    return records
