"""Account names during the checks: which names are matched, and what is told about those that aren't.

Here: giving `sources/matching.py` its relations, and turning what it leaves into what rules read. Not here: matching
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from orchestration.quality.views import Extraction
from orchestration.sources import whole
from orchestration.sources.matching import Alias, match_accounts, normalised
from orchestration.sources.sqltext import compose, identifier, joined


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """How account names are matched, from policy."""

    legal_forms: Sequence[str]
    aliases: Sequence[Alias]
    pair_limit: int
    name_limit: int


def match_names(
    con: duckdb.DuckDBPyConnection, settings: MatchSettings, references: Mapping[str, Sequence[Extraction]]
) -> None:
    """Match the account names in the extractions of `references` (by stream) to the accounts in use.

    Leaves `matching.account_matches`, `matching.name_problems` (account_name, problem, suggestion) for the names that
    mean no one account, `matching.account_names` (account_id, account_name, normalised_name) and
    `matching.known_accounts`.
    """
    con.execute("create or replace table matching.known_accounts as select distinct account_id from used.accounts")
    # Matching takes relations of the current schema.
    con.execute("use memory.matching")
    try:
        con.execute("create or replace view accounts_in_use as from used.accounts")
        relations = [_reference(con, stream, extractions) for stream, extractions in references.items() if extractions]
        match_accounts(
            con,
            "accounts_in_use",
            relations,
            legal_forms=settings.legal_forms,
            aliases=settings.aliases,
            pair_limit=settings.pair_limit,
            name_limit=settings.name_limit,
        )
        con.execute(
            """
            create or replace view name_problems as
            select account_name,
                   case reason when 'ambiguous' then 'could be more than one account'
                               else 'is not known' end as problem,
                   case when nearest is null then null
                        when reason = 'ambiguous' then 'one of: ' || nearest
                        else nearest || ' (' || cast(round(similarity * 100) as integer) || ' % alike)'
                   end as suggestion
            from account_name_suggestions
            """
        )
        con.execute(
            compose(
                "create or replace table account_names as "
                "select account_id, account_name, {normal} as normalised_name from accounts_in_use",
                normal=normalised(identifier("_account_name_folded"), settings.legal_forms),
            )
        )
    finally:
        con.execute("use memory.main")


def _reference(con: duckdb.DuckDBPyConnection, stream: str, extractions: Sequence[Extraction]) -> str:
    relation = f"names_of_{stream}"
    columns = ("account_id", "account_name", "_account_name_folded")
    con.execute(
        compose(
            "create or replace view {relation} as {rows}",
            relation=identifier(relation),
            rows=joined([whole.rows(extraction, columns) for extraction in extractions], " union all "),
        )
    )
    return relation
