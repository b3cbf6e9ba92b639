"""Organizations, and the account that each belongs to: by its external id, else by its domain, else by its name.

The list is read whole each time: it has no deletions. `organizations.parquet` beside the tickets keeps what was found
with the time from which and until which it held, so that a past date is told what was known then:

    source, organization_id, organization_name, external_id, domains, account_id, matched_by, created_at,
    known_from, known_until (null: holds now)

matched_by: `external_id`; `domain`; `name`, where the name is left to the matching of names; `none`, where there isn't
one either. A domain decides nothing where two accounts share it, where anybody has mail there, or where an
organization's domains lead to two accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from orchestration.policy.systems import Domains
from orchestration.publishing import durable
from orchestration.sources.errors import SourceError
from orchestration.sources.salesforce_ids import long_id_sql
from orchestration.sources.sqltext import Sql, compose, identifier, literal, texts
from orchestration.systems.base import ORGANIZATIONS, Context
from orchestration.systems.http import Api
from orchestration.systems.store import RecordStore
from orchestration.systems.zendesk.client import pages_of
from orchestration.systems.zendesk.tickets import as_text, fetched

PATH = "/api/v2/organizations.json"
FOLDER, FILE = "organizations", ORGANIZATIONS
_COLUMNS = ("organization_name", "external_id", "domains", "created_at")
_PAGE_ROWS = 1_000_000


def pull_organizations(api: Api, store: RecordStore) -> int:
    """Read the list; gives the number of pages."""
    request = {"url": api.base_url, "object": "organization"}
    journal = store.journal(request)
    if not journal.position.get("is_read"):
        for entries, after in pages_of(api, PATH, "organizations", journal.position.get("after")):
            rows = list(_rows(entries, len(journal.pages) * _PAGE_ROWS))
            journal.add_json(rows, {"after": after} if after else journal.position)
        journal.note({"is_read": True})
    known, pages = store.state(), journal.pages
    merged_from = fetched(pages, _COLUMNS)
    if known is not None and known.records and not _has_rows(store, merged_from):
        journal.drop_pages({})
        raise api.error(
            f"it lists no organization any more; {known.records} were known.",
            PATH,
            expected="the organizations of all tickets",
            action="see that the user of the token may see all organizations; with none, accounts of tickets are lost",
        )
    store.merge(journal, merged_from, _COLUMNS, request, whole=True)
    return len(pages)


def _rows(entries: Iterable[Mapping[str, Any]], place: int) -> Iterable[dict[str, Any]]:
    for number, entry in enumerate(entries):
        yield {
            "_key": str(entry["id"]),
            "_stamp": str(entry.get("updated_at") or ""),
            "_deleted": entry.get("deleted_at") is not None,
            "_place": place + number,
            "organization_name": as_text(entry.get("name")),
            "external_id": as_text(entry.get("external_id")),
            "domains": as_text(entry.get("domain_names")),
            "created_at": as_text(entry.get("created_at")),
        }


def _has_rows(store: RecordStore, rows: Sql) -> bool:
    with store.connected() as con:
        return con.execute(compose("SELECT 1 FROM ({rows}) LIMIT 1", rows=rows)).fetchone() is not None


def match_organizations(
    folder: Path, source: str, store: RecordStore, domains_from: Domains | None, public: Sequence[str], context: Context
) -> tuple[str, ...]:
    """Write `organizations.parquet` into `folder`; gives what a person should know of it.

    `public`: domains that name no company.
    """
    target, draft = folder / FILE, folder / f"{durable.TEMPORARY_PREFIX}{FILE}"
    state = store.state()
    if state is None:
        raise SourceError("its organizations weren't read yet.", file=source)
    with store.connected() as con:
        notes = _create_domains(con, domains_from, public, context)
        con.execute(compose("CREATE VIEW former AS {former}", former=_former(target)))
        con.execute(
            compose(
                "CREATE VIEW listed AS SELECT * FROM read_parquet({file}) WHERE NOT _deleted",
                file=literal(str(store.folder / state.file)),
            )
        )
        con.execute(compose(_MATCHED, long_id=_long_id(Sql("trim(external_id)"))))
        con.execute(
            compose(
                "COPY ({history}) TO {draft} (FORMAT parquet, COMPRESSION zstd)",
                history=compose(_HISTORY, source=literal(source), now=_timestamp(store)),
                draft=literal(str(draft)),
            )
        )
    durable.sync_file(draft)
    durable.move(draft, target)
    return notes


def current(folder: Path) -> Sql:
    """A SELECT of organization_id, organization_name and account_id as they are now."""
    file = folder / FILE
    if not file.is_file():
        return Sql(
            "SELECT CAST(NULL AS VARCHAR) AS organization_id, CAST(NULL AS VARCHAR) AS organization_name,"
            " CAST(NULL AS VARCHAR) AS account_id WHERE false"
        )
    return compose(
        "SELECT organization_id, organization_name, account_id FROM read_parquet({file}) WHERE known_until IS NULL",
        file=literal(str(file)),
    )


def _create_domains(
    con: duckdb.DuckDBPyConnection, domains_from: Domains | None, public: Sequence[str], context: Context
) -> tuple[str, ...]:
    """A table account_domains (account_id, domain) of every account with a web address; gives what is missing."""
    con.execute("CREATE TABLE account_domains (account_id VARCHAR, domain VARCHAR)")
    if domains_from is None:
        return ()
    file = context.folder_of(domains_from.source) / "accounts.csv"
    if not file.is_file():
        return (f"accounts' domains aren't known yet: pull {domains_from.source} first, then this again",)
    con.execute(compose(_ACCOUNTS, file=literal(str(file))))
    having = {name for name, *_ in con.execute("DESCRIBE accounts").fetchall()}
    for name in ("account_id", domains_from.column):
        if name not in having:
            return (f"accounts' domains aren't known: what {domains_from.source} pulled has no {name}",)
    con.execute(compose(_DOMAINS, column=identifier(domains_from.column), public=texts(public)))
    return ()


def _long_id(text: Sql) -> Sql:
    # Only accounts' ids: another system's key of 15 characters is no shortened id.
    return compose(
        "CASE WHEN starts_with({text}, '001') THEN {long} ELSE {text} END", text=text, long=long_id_sql(text)
    )


def _timestamp(store: RecordStore) -> Sql:
    now = store.now.astimezone(UTC).replace(tzinfo=None)
    return compose("CAST({now} AS TIMESTAMP)", now=literal(now.isoformat(sep=" ", timespec="microseconds")))


def _former(file: Path) -> Sql:
    if file.is_file():
        return compose("SELECT * FROM read_parquet({file})", file=literal(str(file)))
    return Sql(
        "SELECT '' AS source, '' AS organization_id, '' AS organization_name, '' AS external_id, '' AS domains,"
        " '' AS account_id, '' AS matched_by, CAST(NULL AS TIMESTAMP) AS created_at,"
        " CAST(NULL AS TIMESTAMP) AS known_from, CAST(NULL AS TIMESTAMP) AS known_until WHERE false"
    )


_ACCOUNTS = """
CREATE VIEW accounts AS
SELECT * FROM read_csv({file}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')
"""

# The host of a web address: without scheme, user, port, path, and www.
_DOMAINS = r"""
INSERT INTO account_domains
WITH hosts AS (
    SELECT
        trim(account_id) AS account_id,
        regexp_extract(
            lower(trim({column})), '^(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:[^/?#@]*@)?([^/?#:\s]+)', 1
        ) AS host
    FROM accounts
),
domains AS (
    SELECT account_id, regexp_replace(rtrim(host, '.'), '^www[.]', '') AS domain FROM hosts
)
SELECT DISTINCT account_id, domain FROM domains
WHERE account_id <> '' AND contains(domain, '.') AND domain NOT IN {public}
"""

_MATCHED = """
CREATE TABLE matched AS
WITH decisive AS (
    SELECT domain, min(account_id) AS account_id FROM account_domains
    GROUP BY domain HAVING count(DISTINCT account_id) = 1
),
spread AS (
    SELECT _key, lower(trim(unnest(string_split(domains, ';')))) AS domain FROM listed
),
by_domain AS (
    SELECT spread._key, min(decisive.account_id) AS account_id
    FROM spread INNER JOIN decisive ON spread.domain = decisive.domain
    GROUP BY spread._key HAVING count(DISTINCT decisive.account_id) = 1
)
SELECT
    listed._key AS organization_id,
    nullif(trim(listed.organization_name), '') AS organization_name,
    nullif(trim(listed.external_id), '') AS external_id,
    listed.domains,
    CASE WHEN trim(listed.external_id) <> '' THEN {long_id} ELSE by_domain.account_id END AS account_id,
    CASE
        WHEN trim(listed.external_id) <> '' THEN 'external_id'
        WHEN by_domain.account_id IS NOT NULL THEN 'domain'
        WHEN trim(listed.organization_name) <> '' THEN 'name'
        ELSE 'none'
    END AS matched_by,
    CAST(TRY_CAST(listed.created_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS created_at
FROM listed LEFT JOIN by_domain ON listed._key = by_domain._key
"""

# What held until now and still does keeps its row; what doesn't any more is closed; what is new begins now.
_HISTORY = """
WITH compared AS (
    SELECT
        former.*,
        former.known_until IS NULL AND NOT EXISTS (
            SELECT 1 FROM matched
            WHERE
                matched.organization_id = former.organization_id
                AND matched.organization_name IS NOT DISTINCT FROM former.organization_name
                AND matched.external_id IS NOT DISTINCT FROM former.external_id
                AND matched.domains IS NOT DISTINCT FROM former.domains
                AND matched.account_id IS NOT DISTINCT FROM former.account_id
                AND matched.matched_by IS NOT DISTINCT FROM former.matched_by
        ) AS ends_now
    FROM former
)
SELECT * EXCLUDE (known_until, ends_now), CASE WHEN ends_now THEN {now} ELSE known_until END AS known_until
FROM compared
UNION ALL
SELECT
    {source} AS source, organization_id, organization_name, external_id, domains, account_id, matched_by, created_at,
    {now} AS known_from, CAST(NULL AS TIMESTAMP) AS known_until
FROM matched
WHERE organization_id NOT IN (SELECT organization_id FROM compared WHERE known_until IS NULL AND NOT ends_now)
ORDER BY organization_id, known_from
"""
