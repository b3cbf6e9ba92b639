"""Who sees which rows: one condition in SQL for every published table, the same for pages, exports, API and documents.

A `Viewer` is a person with roles and with what their rows are cut by. A `Reader` is the only way to the tables: a query
names them in braces, `select * from {account_health}`, and gets each with the viewer's condition on it. A table without
a declared cut can't be read, so a new one shows nothing until somebody decides who may see it.

Which role sees which accounts is policy (`policies/access.yaml`, `rows`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.policy.access import Access
from orchestration.publishing.manifest import Manifest
from orchestration.publishing.sql import identifier

if TYPE_CHECKING:
    from portal.publications import Edition

Row = dict[str, Any]

# The accounts with what they are cut by, small and in lower case: made once an edition.
_ACCOUNTS = "main.visible_accounts"
_OWN = "list_contains($viewer_names, {owner})"
_AREA = "(list_contains($viewer_geos, {geo}) or list_contains($viewer_regions, {region}))"
_TABLE = re.compile(r"\{([a-z_]+)\}")
_PARAMETER = re.compile(r"\$([a-z_]+)")
# No system has ids that are longer; nobody is to make this one look for a text of their own, and keep it.
_LONGEST_ID = 300


class Cut(Enum):
    """What a table's rows are cut by."""

    # Rows of the accounts one sees; a row of no account is the company's.
    ACCOUNT = "account"
    # As ACCOUNT; and rows of no known account that name the viewer as the one to mend them.
    MENDER = "mender"
    # Totals by owner, GEO and region, as far as the table has them.
    AREA = "area"
    # Totals with a dimension and its value.
    DIMENSION = "dimension"
    # Rows of a person, or of a role.
    OWNER = "owner"
    # Figures of the whole company: who sees all accounts.
    COMPANY = "company"
    # Nothing of any account.
    EVERYONE = "everyone"


CUTS: Mapping[str, Cut] = {
    **dict.fromkeys(
        (
            "account_churn",
            "account_churn_history",
            "account_health",
            "account_health_history",
            "account_health_measures",
            "account_signals",
            "account_themes",
            "action_episodes",
            "action_log",
            "alert_conditions",
            "alerts",
            "at_risk_accounts",
            "document_queue",
            "executive_decisions",
            "expansion_pipeline",
            "expansion_stages",
            "feed_finance",
            "feed_marketing",
            "feed_product",
            "feed_sales",
            "health_check_accounts",
            "health_check_candidates",
            "health_check_influence",
            "health_check_targets",
            "intervention_outcomes",
            "monthly_report",
            "playbook_review",
            "portfolio_summary",
            "recommended_actions",
            "retention_offers",
            "retention_plans",
            "retention_success_metrics",
            "review_items",
            "score_audit",
            "score_backtest",
            "status_disagreements",
            "support_organizations",
            "survey_queue",
            "survey_steps",
            "weekly_review",
        ),
        Cut.ACCOUNT,
    ),
    "hygiene_issues": Cut.MENDER,
    "renewal_forecast": Cut.AREA,
    "hygiene_scorecard": Cut.AREA,
    "health_check_performance": Cut.DIMENSION,
    "action_budget": Cut.OWNER,
    **dict.fromkeys(
        (
            "alert_totals",
            "calibration",
            "intervention_metrics",
            "nps_summary",
            "portfolio_mix",
            "success_metrics",
        ),
        Cut.COMPANY,
    ),
    "publication": Cut.EVERYONE,
    "source_freshness": Cut.EVERYONE,
}


class UnreadableTableError(LookupError):
    """A table that isn't in this publication, or that nobody has said who may see."""


class OlderPublicationError(UnreadableTableError):
    """A table or column that the portal knows of, and the publication doesn't have yet."""


@dataclass(frozen=True)
class Viewer:
    """A person, or a machine with a token, as far as the portal has to know."""

    # The name that goes into the ledger and the audit log.
    person: str
    shown_as: str
    roles: frozenset[str]
    # What the person is called as an owner, CSM or AE; and where a manager's accounts are. All in lower case.
    names: tuple[str, ...] = ()
    geos: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    # The cuts that the roles give: own, area, all.
    sees: frozenset[str] = frozenset()
    # Where not None, the tables that a token is limited to.
    tables: frozenset[str] | None = None

    @property
    def sees_all(self) -> bool:
        return "all" in self.sees

    @property
    def lacks_areas(self) -> bool:
        """Whether the accounts of an area are all that the viewer could see, and no area is given."""
        return self.sees == {"area"} and not self.geos and not self.regions

    def may(self, *roles: str) -> bool:
        """Whether the viewer has one of these roles."""
        return not self.roles.isdisjoint(roles)


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as sign-in told of it; kept in the session."""

    person: str
    shown_as: str
    method: str
    groups: tuple[str, ...] = ()
    # Only of the development sign-in, where a person picks what to be.
    roles: tuple[str, ...] = ()
    geos: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    # What makes accounts theirs, beside the name they sign in with.
    names: tuple[str, ...] = ()
    # What the provider wants to hear when they sign out.
    sign_out_hint: str = ""


def viewer_of(access: Access, identity: Identity) -> Viewer:
    """The viewer that policy makes of an identity."""
    groups = [access.groups[name] for name in identity.groups if name in access.groups]
    roles = access.roles_of(identity.person) | set(identity.roles)
    roles = roles.union(*(group.roles for group in groups))
    areas = [*groups, *([access.areas[identity.person]] if identity.person in access.areas else [])]
    # Not what pages call them: at many a provider people choose that themselves.
    names = (identity.person, *identity.names, *access.known_as.get(identity.person, ()))
    return Viewer(
        person=identity.person,
        shown_as=identity.shown_as,
        roles=frozenset(roles),
        names=_lower(names),
        geos=_lower((*identity.geos, *(geo for area in areas for geo in area.geos))),
        regions=_lower((*identity.regions, *(region for area in areas for region in area.regions))),
        sees=frozenset(getattr(access.rows, role) for role in roles) - {"none"},
    )


def prepare(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Make what the cuts read, once an edition."""
    source = "published.account_signals" if "account_signals" in manifest.tables else _NO_ACCOUNTS
    connection.execute(
        f"create table {_ACCOUNTS} as select account_id, {_key('owner_name')}, {_key('csm_name')}, {_key('ae_name')},"  # noqa: S608 - names of our own
        f" {_key('geo')}, {_key('region')} from {source}"
    )


_NO_ACCOUNTS = (
    "(select '' as account_id, '' as owner_name, '' as csm_name, '' as ae_name, '' as geo, '' as region where false)"
)


def _key(column: str) -> str:
    return f"lower(trim({column})) as {column}"


def visible_accounts(viewer: Viewer) -> str:
    """A query for the ids of the accounts that the viewer sees; its parameters are those of `parameters`."""
    conditions = []
    if "own" in viewer.sees:
        conditions += [_OWN.format(owner=name) for name in ("owner_name", "csm_name", "ae_name")]
    if "area" in viewer.sees:
        conditions.append(_AREA.format(geo="geo", region="region"))
    condition = "true" if viewer.sees_all else " or ".join(conditions) or "false"
    return f"select account_id from {_ACCOUNTS} where {condition}"  # noqa: S608 - names of our own


def condition(viewer: Viewer, table: str, columns: Sequence[str], accounts: str | None = None) -> str:
    """The viewer's condition on the rows of a table, in SQL; raises UnreadableTableError.

    `columns`: those that the table has; `accounts`: a query for the ids of the accounts the viewer sees, where there is
    a faster one than `visible_accounts`.
    """
    cut = CUTS.get(table)
    if cut is None or (viewer.tables is not None and table not in viewer.tables):
        raise UnreadableTableError(table)
    if viewer.sees_all or cut is Cut.EVERYONE:
        return "true"
    if cut is Cut.COMPANY or not viewer.sees:
        return "false"
    account = f"account_id in ({accounts or visible_accounts(viewer)})"
    if cut is Cut.ACCOUNT:
        return account
    if cut is Cut.OWNER:
        return _OWN.format(owner="lower(trim(owner))") if "own" in viewer.sees else "false"
    if cut is Cut.DIMENSION:
        return _of_dimension(viewer)
    area = _of_area(viewer, columns)
    return f"({account} or (account_id is null and {area}))" if cut is Cut.MENDER else area


def _of_area(viewer: Viewer, columns: Sequence[str]) -> str:
    found = []
    if "own" in viewer.sees:
        found.append(_OWN.format(owner="lower(trim(owner_name))"))
    if "area" in viewer.sees:
        found += [
            f"list_contains($viewer_{name}s, lower(trim({name})))" for name in ("geo", "region") if name in columns
        ]
    return f"({' or '.join(found)})" if found else "false"


def _of_dimension(viewer: Viewer) -> str:
    found = []
    if "own" in viewer.sees:
        found.append("(dimension = 'owner' and list_contains($viewer_names, lower(trim(value))))")
    if "area" in viewer.sees:
        found += [
            f"(dimension = '{name}' and list_contains($viewer_{name}s, lower(trim(value))))"
            for name in ("geo", "region")
        ]
    return f"({' or '.join(found)})" if found else "false"


def parameters_of(viewer: Viewer, text: str, /, **more: Any) -> dict[str, Any]:
    """The values that a query asks for, the viewer's and others."""
    values = {
        "viewer_names": list(viewer.names),
        "viewer_geos": list(viewer.geos),
        "viewer_regions": list(viewer.regions),
        **more,
    }
    return {name: values[name] for name in set(_PARAMETER.findall(text))}


@dataclass
class Reader:
    """A viewer's sight of an edition."""

    edition: Edition
    viewer: Viewer

    @property
    def manifest(self) -> Manifest:
        return self.edition.manifest

    def rows(self, query: str, /, **parameters: Any) -> list[Row]:
        """The rows of a query by column name. Tables are named in braces, values by `$name`."""
        text = self._text(query)
        values = parameters_of(self.viewer, text, **parameters)
        names, rows = self.edition.rows(text, values, is_fixed=not parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def row(self, query: str, /, **parameters: Any) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(query, **parameters)), None)

    def cursor(self, query: str, /, **parameters: Any) -> duckdb.DuckDBPyConnection:
        """A cursor of its own that has run the query: for answers that are sent piece by piece."""
        text = self._text(query)
        return self.edition.connection.cursor().execute(text, parameters_of(self.viewer, text, **parameters))

    def excerpt(self, table: str, query: str) -> str:
        """What the viewer sees of a table that was laid out by `query`, with the columns that the table is cut by.

        The query is text of our own over the whole table, and is run once a publication.
        """
        cut = condition(self.viewer, table, self.columns(table), self._accounts)
        return f"(from {self.edition.table_of(query, {})} where {cut})"

    def has(self, table: str) -> bool:
        """Whether the viewer can ask for this table at all; it may still have no row for them."""
        tables = self.viewer.tables
        return table in self.manifest.tables and table in CUTS and (tables is None or table in tables)

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table; raises UnreadableTableError."""
        if table not in self.manifest.tables:
            tables = self.viewer.tables
            is_known = table in CUTS and (tables is None or table in tables)
            raise OlderPublicationError(table) if is_known else UnreadableTableError(table)
        return tuple(column.name for column in self.manifest.tables[table].columns)

    @cached_property
    def account_ids(self) -> frozenset[str] | None:
        """The ids of the accounts that the viewer sees, to cut rows of the ledger by; None for all of them."""
        if self.viewer.sees_all:
            return None
        text = visible_accounts(self.viewer)
        found = self.edition.connection.cursor().execute(text, parameters_of(self.viewer, text)).fetchall()
        return frozenset(row[0] for row in found)

    def sees_account(self, account_id: str) -> bool:
        """As `sees`, also for a token that may not read the table of accounts."""
        if len(account_id) > _LONGEST_ID:
            return False
        text = f"select 1 from ({visible_accounts(self.viewer)}) where account_id = $account_id"  # noqa: S608 - own names
        values = parameters_of(self.viewer, text, account_id=account_id)
        return bool(self.edition.rows(text, values)[1])

    def sees(self, account_id: str) -> bool:
        """Whether the viewer sees this account."""
        if len(account_id) > _LONGEST_ID:
            return False
        found = self.row("select 1 from {account_signals} where account_id = $account_id", account_id=account_id)
        return found is not None

    def _text(self, query: str) -> str:
        return _TABLE.sub(lambda match: self._cut(match[1]), query)

    def _cut(self, table: str) -> str:
        columns = self.columns(table)
        cut = condition(self.viewer, table, columns, self._accounts)
        return f"(from published.{identifier(table)} where {cut})"

    @cached_property
    def _accounts(self) -> str | None:
        """What the viewer sees, found once a publication: looking for it takes longer than most queries."""
        viewer = self.viewer
        if viewer.sees_all or not viewer.sees:
            return None
        text = visible_accounts(viewer)
        return f"from {self.edition.table_of(text, parameters_of(viewer, text))}"


def _lower(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip().lower() for value in values if value.strip()))
