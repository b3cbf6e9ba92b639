"""Which account a name means: exact name, else normalised name, else alias; never a guess.

Works on landed relations inside a DuckDB connection and leaves two tables there:

* `account_matches` (account_name, account_id, method: name, normalised or alias): the names that mean one account;
* `account_name_suggestions` (account_name, nearest, similarity, reason: none or ambiguous): the names that don't, with
  the nearest account name, or the accounts among which a person has to choose.

Only names of rows without a known account id take part. A level is tried only when the one before gives nothing: a
name that two accounts share exactly is ambiguous, whatever an alias says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from orchestration.sources.errors import AliasError
from orchestration.sources.records import fold, folded, register_fold
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal

# Names are compared for likeness by this many characters: the cost grows with the square of the length.
_LIKENESS_CHARACTERS = 120
# A suggestion lists at most this many of the accounts that share a name.
_LISTED_ACCOUNTS = 5


@dataclass(frozen=True, slots=True)
class Alias:
    """One line of the account aliases: a name as it occurs, and the account's id or exact name."""

    alias: str
    account: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class MatchSummary:
    """How many names were matched by each method, and how many were not and why."""

    by_name: int
    normalised: int
    alias: int
    ambiguous: int
    none: int


def normalise_name(name: str, legal_forms: Iterable[str]) -> str:
    """The normalised form of one name, one trailing legal form dropped; the SQL of `normalised` says the same."""
    text = normalise_text(name)
    form = next((form for form in _longest_first(legal_forms) if text.endswith(f" {form}")), "")
    return text.removesuffix(f" {form}") if form else text


def _longest_first(legal_forms: Iterable[str]) -> list[str]:
    """The legal forms as names are written once normalised: the longest goes before one that ends it."""
    return sorted({form for raw in legal_forms if (form := normalise_text(raw))}, key=lambda one: (-len(one), one))


def normalise_text(name: str) -> str:
    """The normalised form of a name before the legal form is dropped."""
    spaced = []
    for char in fold(name):
        category = unicodedata.category(char)
        if category == "Cf":
            continue
        spaced.append(" " if category[0] in "PZ" or char.isspace() else char)
    return " ".join("".join(spaced).split())


def normalised(folded_name: Sql, legal_forms: Sequence[str]) -> Sql:
    """A folded name with punctuation as spaces, spaces collapsed and one trailing legal form dropped; NULL if empty."""
    spaced = compose(
        "trim(regexp_replace(regexp_replace({name}, {invisible}, '', 'g'), {gaps}, ' ', 'g'))",
        name=folded_name,
        invisible=literal(r"\p{Cf}"),
        gaps=literal(r"[\p{P}\p{Z}\s\v\x{85}\x{1c}-\x{1f}]+"),
    )
    forms = _longest_first(legal_forms)
    if forms:
        pattern = "^(.+?) (?:" + "|".join(re.escape(form) for form in forms) + ")$"
        spaced = compose(
            "regexp_replace({name}, {form}, {kept}, 's')", name=spaced, form=literal(pattern), kept=literal(r"\1")
        )
    return compose("nullif({name}, '')", name=spaced)


def match_accounts(
    con: duckdb.DuckDBPyConnection,
    accounts: str,
    references: Sequence[str],
    *,
    legal_forms: Sequence[str],
    aliases: Iterable[Alias],
    pair_limit: int,
    name_limit: int,
) -> MatchSummary:
    """Matches the account names of the `references` relations (any with account_id, account_name and
    _account_name_folded) to the `accounts` relation; makes the tables described above.

    At most `pair_limit` pairs of names are compared for suggestions, by first letters where all pairs would be more,
    and at most `name_limit` unmatched names, those on most rows first, get one.
    """
    register_fold_once(con)
    _make_accounts(con, accounts, legal_forms)
    _make_wanted(con, references, legal_forms)
    _make_aliases(con, list(aliases), legal_forms)
    con.execute(
        """CREATE OR REPLACE TEMP TABLE match_levels AS
        WITH by_name AS (
            SELECT w.account_name, 1 AS level, a.account_id
            FROM match_wanted w JOIN match_accounts_known a ON a.account_name = w.account_name
        ), by_normal AS (
            SELECT w.account_name, 2 AS level, a.account_id
            FROM match_wanted w JOIN match_accounts_known a ON a.normal = w.normal
            WHERE w.account_name NOT IN (SELECT account_name FROM by_name)
        ), by_alias AS (
            SELECT w.account_name, 3 AS level, a.account_id
            FROM match_wanted w JOIN match_aliases a ON a.alias_key = coalesce(w.normal, w.account_name)
            WHERE w.account_name NOT IN (SELECT account_name FROM by_name)
                AND w.account_name NOT IN (SELECT account_name FROM by_normal)
        )
        SELECT account_name, level, count(DISTINCT account_id) AS accounts, min(account_id) AS account_id
        FROM (FROM by_name UNION ALL FROM by_normal UNION ALL FROM by_alias) GROUP BY ALL"""
    )
    con.execute(
        """CREATE OR REPLACE TABLE account_matches AS
        SELECT account_name, account_id,
            CASE level WHEN 1 THEN 'name' WHEN 2 THEN 'normalised' ELSE 'alias' END AS method
        FROM match_levels WHERE accounts = 1 ORDER BY account_name"""
    )
    _make_suggestions(con, pair_limit, name_limit)
    counts = con.execute(
        """SELECT count(*) FILTER (method = 'name'), count(*) FILTER (method = 'normalised'),
            count(*) FILTER (method = 'alias'),
            (SELECT count(*) FROM account_name_suggestions WHERE reason = 'ambiguous'),
            (SELECT count(*) FROM account_name_suggestions WHERE reason = 'none')
        FROM account_matches"""
    ).fetchall()[0]
    for table in ("match_levels", "match_wanted", "match_accounts_known", "match_aliases"):
        con.execute(compose("DROP TABLE {table}", table=identifier(table)))
    return MatchSummary(*counts)


def register_fold_once(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the fold function known, unless it is."""
    known = con.execute("SELECT 1 FROM duckdb_functions() WHERE function_name = 'account_health_fold'").fetchone()
    if not known:
        register_fold(con)


def _make_accounts(con: duckdb.DuckDBPyConnection, accounts: str, legal_forms: Sequence[str]) -> None:
    con.execute(
        compose(
            """CREATE OR REPLACE TEMP TABLE match_accounts_known AS
            SELECT account_id, account_name, {normal} AS normal
            FROM (SELECT DISTINCT account_id, account_name, _account_name_folded FROM {accounts}
                  WHERE account_id IS NOT NULL AND account_name IS NOT NULL)""",
            normal=normalised(identifier("_account_name_folded"), legal_forms),
            accounts=identifier(accounts),
        )
    )


def _make_wanted(con: duckdb.DuckDBPyConnection, references: Sequence[str], legal_forms: Sequence[str]) -> None:
    rows = joined(
        (
            compose(
                """SELECT account_name, _account_name_folded, count(*) AS uses FROM {reference} AS r
                WHERE account_name IS NOT NULL
                    AND (account_id IS NULL OR account_id NOT IN (SELECT account_id FROM match_accounts_known))
                GROUP BY ALL""",
                reference=identifier(reference),
            )
            for reference in references
        ),
        " UNION ALL ",
    ) or Sql("SELECT '' AS account_name, '' AS _account_name_folded, 0 AS uses WHERE false")
    con.execute(
        compose(
            """CREATE OR REPLACE TEMP TABLE match_wanted AS
            SELECT account_name, {normal} AS normal, uses
            FROM (SELECT account_name, any_value(_account_name_folded) AS _account_name_folded, sum(uses) AS uses
                  FROM ({rows}) GROUP BY account_name)""",
            normal=normalised(identifier("_account_name_folded"), legal_forms),
            rows=rows,
        )
    )


def _make_aliases(con: duckdb.DuckDBPyConnection, aliases: list[Alias], legal_forms: Sequence[str]) -> None:
    """`match_aliases` (alias_key, account_id); an error for an alias that points nowhere, at two, or in two ways."""
    con.execute("CREATE OR REPLACE TEMP TABLE match_alias_lines (number INTEGER, alias VARCHAR, account VARCHAR)")
    if aliases:
        con.executemany(
            "INSERT INTO match_alias_lines VALUES (?, ?, ?)",
            [(number, one.alias.strip(), one.account.strip()) for number, one in enumerate(aliases)],
        )
    con.execute(
        compose(
            """CREATE OR REPLACE TEMP TABLE match_aliases AS
            SELECT number, coalesce({normal}, alias) AS alias_key,
                coalesce(by_id.account_id, by_name.account_id) AS account_id, coalesce(by_name.accounts, 1) AS accounts
            FROM (SELECT *, {folded} AS alias_folded FROM match_alias_lines)
            LEFT JOIN (SELECT DISTINCT account_id FROM match_accounts_known) AS by_id ON by_id.account_id = account
            LEFT JOIN (SELECT account_name, min(account_id) AS account_id, count(DISTINCT account_id) AS accounts
                       FROM match_accounts_known GROUP BY account_name) AS by_name
                ON by_id.account_id IS NULL AND by_name.account_name = account""",
            normal=normalised(identifier("alias_folded"), legal_forms),
            folded=folded(identifier("alias")),
        )
    )
    con.execute("DROP TABLE match_alias_lines")
    wrong = con.execute(
        """SELECT number, CASE WHEN account_id IS NULL THEN 'nowhere' WHEN accounts > 1 THEN 'several' ELSE 'twice' END
        FROM match_aliases
        WHERE account_id IS NULL OR accounts > 1 OR alias_key IN (
            SELECT alias_key FROM match_aliases GROUP BY alias_key HAVING count(DISTINCT account_id) > 1)
        ORDER BY number"""
    ).fetchall()
    if not wrong:
        return
    number, reason = wrong[0]
    line = aliases[number]
    sentence = {
        "nowhere": f"the alias {line.alias!r} points at {line.account!r}, which is no account's id or exact name.",
        "several": f"the alias {line.alias!r} points at {line.account!r}, a name that several accounts have.",
        "twice": f"the alias {line.alias!r} stands more than once, for different accounts.",
    }[reason]
    error = AliasError(
        sentence,
        file=line.file,
        place=f"line {line.line}",
        expected="the id, or the exact and only name, of one account",
        action="correct or remove the line",
    )
    for other, _ in wrong[1:]:
        error.add_note(f"line {aliases[other].line}: {aliases[other].alias!r} too")
    raise error


def _make_suggestions(con: duckdb.DuckDBPyConnection, pair_limit: int, name_limit: int) -> None:
    con.execute(
        compose(
            """CREATE OR REPLACE TEMP TABLE match_unmatched AS
            SELECT account_name, normal, left(normal, {most}) AS compared
            FROM match_wanted WHERE account_name NOT IN (SELECT account_name FROM match_levels)
            ORDER BY uses DESC, account_name LIMIT {names}""",
            most=literal(_LIKENESS_CHARACTERS),
            names=literal(name_limit),
        )
    )
    unmatched = con.execute("SELECT count(*) FROM match_unmatched WHERE compared IS NOT NULL").fetchall()[0][0]
    con.execute(
        compose(
            """CREATE OR REPLACE TEMP TABLE match_candidates AS
            SELECT DISTINCT account_name AS nearest, left(normal, {most}) AS compared
            FROM match_accounts_known WHERE normal IS NOT NULL""",
            most=literal(_LIKENESS_CHARACTERS),
        )
    )
    candidates = con.execute("SELECT count(*) FROM match_candidates").fetchall()[0][0]
    con.execute(
        compose(
            """CREATE OR REPLACE TABLE account_name_suggestions AS
            WITH likeness AS (
                SELECT u.account_name, c.nearest, jaro_winkler_similarity(u.compared, c.compared) AS similarity
                FROM match_unmatched u JOIN match_candidates c
                    ON left(u.compared, {letters}) = left(c.compared, {letters})
            ), nearest AS (
                SELECT account_name, nearest, similarity FROM likeness
                QUALIFY row_number() OVER (PARTITION BY account_name ORDER BY similarity DESC, nearest) = 1
            ), shared AS (
                SELECT l.account_name, array_to_string(list_sort(list(DISTINCT
                    a.account_name || ' (' || a.account_id || ')'))[:{listed}], '; ') AS nearest
                FROM match_levels l
                JOIN match_wanted w ON w.account_name = l.account_name
                JOIN match_accounts_known a
                    ON (l.level = 1 AND a.account_name = l.account_name) OR (l.level = 2 AND a.normal = w.normal)
                WHERE l.accounts > 1 GROUP BY l.account_name
            )
            SELECT account_name, nearest, CAST(1 AS DOUBLE) AS similarity, 'ambiguous' AS reason FROM shared
            UNION ALL
            SELECT w.account_name, n.nearest, round(n.similarity, 6) AS similarity, 'none' AS reason
            FROM match_wanted w LEFT JOIN nearest n ON n.account_name = w.account_name
            WHERE w.account_name NOT IN (SELECT account_name FROM match_levels)
            ORDER BY account_name""",
            letters=literal(_letters_to_share(con, unmatched, candidates, pair_limit)),
            listed=literal(_LISTED_ACCOUNTS),
        )
    )
    con.execute("DROP TABLE match_unmatched")
    con.execute("DROP TABLE match_candidates")


def _letters_to_share(con: duckdb.DuckDBPyConnection, unmatched: int, candidates: int, pair_limit: int) -> int:
    """How many first letters two names must share to be compared: as few as keep the pairs within the limit."""
    if unmatched * candidates <= pair_limit:
        return 0
    for letters in range(1, _LIKENESS_CHARACTERS):
        pairs = con.execute(
            compose(
                """SELECT coalesce(sum(u.n * c.n), 0) FROM
                (SELECT left(compared, {k}) AS k, count(*) AS n FROM match_unmatched GROUP BY 1) u
                JOIN (SELECT left(compared, {k}) AS k, count(*) AS n FROM match_candidates GROUP BY 1) c USING (k)""",
                k=literal(letters),
            )
        ).fetchall()[0][0]
        if pairs <= pair_limit:
            return letters
    return _LIKENESS_CHARACTERS
