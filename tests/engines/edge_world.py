"""A small world made of edges that two engines could read differently: dates, zones, roundings, orders, letters.

Here: its rows and policies, the same each time. What comes of them is nobody's business here: the engines are held
against each other, and the rules against the rows in tests/dbt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.dbt import random_customers
from tests.dbt.policy_folders import write_policies
from tests.dbt.random_worlds import Maker
from tests.support.inputs import Row, World, account, activity, contract

LEAP_DAY = date(2024, 2, 29)
ACCOUNTS = 120
CUSTOMERS = 120

# Letters whose lower case, order or length differs from engine to engine, and what SQL and patterns are made of.
NAMES = (
    'O\'Hara & "Sons"',
    "back\\slash \\n `tick` ${dollar} {{ braces }} %s %(x)s -- ; /* */",
    "🚀 Emoji 👩‍👩‍👧 GmbH",
    "İstanbul ΟΔΟΣ STRASSE ß ſ",
    "e\u0301clair, not \u00e9clair",
    "line one\nline two\ttabbed",
    "日本 株式会社",
    "\ufb01ne ligature \u200bhidden",
    "z" * 3000,
)
SUBJECTS = (
    "Health\u00a0check",
    "HEALTH\u2011CHECK \u2010 İ",
    "health\t-\r\n check",
    "Pre-ΟΔΟΣ Health - Check",
    "it's a health check",
    "health\u2014check",
    "𝐡ealth check",
)


def edge_world(folder: Path) -> World:
    """The world; its policies are written to `folder`."""
    policies = write_policies(
        folder,
        calendar={"time_zone": "Pacific/Auckland", "fiscal_year_start_month": 4, "reporting_currency": "EUR"},
        health_checks={
            "horizon_quarters": 2,
            "overrides": [
                {"segment": "enterprise", "horizon_quarters": 6, "milestones": {"post_start": {"offset_days": 60}}},
                {"segment": "smb", "influence_days": 30, "subject_patterns": ["kick -OFF", "healthcheck"]},
                {
                    "product": "Starter",
                    "require_attachment": False,
                    "minimum_term_days": {"pre_end": 150},
                    "milestones": {"post_start": {"offset_days": 45, "opens_days_before": 0}},
                },
                {
                    "segment": "enterprise",
                    "product": "Starter",
                    "milestones": {"pre_end": {"enabled": False}},
                },
            ],
        },
    )
    # Without opportunities, so that those named on health checks stand in; the demo company has the stream.
    world = Maker(seed=29, as_of=LEAP_DAY, policies=policies, with_opportunities=False).world(ACCOUNTS)
    streams = world.streams
    streams["accounts"] += [
        account(f"N{n}", account_name=name, owner_name=name, segment=("mid_market", "enterprise", None)[n % 3])
        for n, name in enumerate(NAMES)
    ]
    streams["accounts"] += [account(name, account_name=f"id {n}") for n, name in enumerate(NAMES[:4])]
    streams["contracts"] += list(_contracts())
    streams["activities"] += list(_activities())
    world.account_matches = [{"account_name": NAMES[0], "account_id": "N0", "method": "name"}]
    world.support_organizations = list(_organizations())
    _faults(world)
    world.earlier["hygiene_issues"] = list(_earlier_issues())
    streams["hygiene_acceptances"] = list(_acceptances())
    _add_customers(world, policies)
    return world


def _add_customers(world: World, policies: Path) -> None:
    """Customers with scores, risks, plans and a history under another policy, beside the accounts that are there."""
    maker = random_customers.Maker(31, LEAP_DAY, policies, "older")
    customers = maker.world(CUSTOMERS, missing=("opportunities",))
    for stream, rows in (customers.streams | {"csm_calls": maker.calls}).items():
        known = {(row["currency"], row["valid_from"]) for row in world.streams.get("fx_rates", ())}
        if stream == "fx_rates":
            rows = [row for row in rows if (row["currency"], row["valid_from"]) not in known]
        world.streams.setdefault(stream, []).extend(map(_apart, rows))
    world.stream_facts |= customers.stream_facts
    world.earlier["account_health"] = [_apart(row) for row in maker.earlier]
    world.earlier["account_signals"] = [_apart(row) for row in maker.earlier_signals]


def _organizations() -> Iterator[Row]:
    """Organizations by those names, known from and until moments around the end of as_of in Auckland, and later."""
    end = datetime(2024, 2, 29, 11)
    moments = [end - timedelta(days=1), end - timedelta(seconds=1), end, end + timedelta(days=1)]
    for n, name in enumerate(NAMES):
        for source, shift in (("zendesk", 0), ("late", 2)):
            yield {
                "source": source,
                "organization_id": str(n),
                "organization_name": name,
                "external_id": None if n % 3 else name,
                "account_id": None if n % 3 else f"N{n}",
                "matched_by": "name" if n % 3 else "external_id",
                "created_at": None if n % 4 == 0 else moments[n % len(moments)],
                "known_from": moments[shift + n % 2],
                "known_until": moments[shift + 1] if n % 2 == 0 and n % 5 else None,
            }


def _apart(row: Row) -> Row:
    """The row with ids of its own: both makers count theirs from nought."""
    return {name: f"K-{value}" if name.endswith("_id") and value else value for name, value in row.items()}


def _contracts() -> list[Row]:
    start, end = date(2023, 8, 31), date(2024, 8, 31)
    amounts = ("99999999999999.9949", "0.0050", "-0.0050", "1.0050", "2.0049", "0", "100", "100", "33.3333")
    rows = [
        contract(f"n{n}\"'", f"N{n}", start, end, amount, product=NAMES[n], currency="EUR")
        for n, amount in enumerate(amounts)
    ]
    rows += [contract(f"leap-{n}", "N1", LEAP_DAY, LEAP_DAY + timedelta(days=n)) for n in (0, 1, 120, 180, 365, 366)]
    # Twins but for the key, so that the candidates' order ends with it; upper and lower case order by their bytes.
    rows += [contract(key, "N2", start, end, "500") for key in ("a", "B", "b", "Z", "é", "z", "🚀", "ﬀ")]
    rows.append(contract("by-name", "", start, end) | {"account_id": None, "account_name": NAMES[0]})
    return rows


def _activities() -> list[Row]:
    noon = datetime(2023, 11, 29, 12)
    rows = [
        activity(f"s{n}", "N1", noon + timedelta(days=n), subject=subject, owner_name=NAMES[n])
        for n, subject in enumerate(SUBJECTS)
    ]
    # Midnight in Auckland, in summer time and out of it, on the last day that is seen and the first that isn't.
    for n, at in enumerate(
        (
            datetime(2023, 4, 1, 13, 59, 59, 999999),
            datetime(2023, 4, 2, 12),
            datetime(2023, 9, 23, 13, 59, 59),
            datetime(2023, 9, 24, 11),
            datetime(2024, 2, 28, 10, 59, 59, 999999),
            datetime(2024, 2, 29, 10, 59, 59, 999999),
            datetime(2024, 2, 29, 11),
            datetime(1900, 1, 1, 0, 0, 0, 1),
        )
    ):
        rows.append(activity(f"midnight-{n}", f"N{n}", at))
    # 3 and 128 health checks of one opportunity each: a third has no end, 1/128 ends in a five after six decimals.
    rows += [activity(f"third-{n}", "N3", noon, opportunity_name="ΟΔΟΣ İ") for n in range(2)]
    rows.append(activity("third-2", "N3", noon, opportunity_name="οδοσ i", revenue=Decimal("0.0050")))
    rows += [
        activity(
            f"half-{n}", "N4", noon + timedelta(minutes=n % 7), opportunity_name=NAMES[2], revenue=Decimal("12.345")
        )
        for n in range(128)
    ]
    return rows


def _faults(world: World) -> None:
    """Rows set aside, values blanked and issues listed, some of one record with nothing but the text between them."""
    world.rules = [
        *world.rules,
        {
            "rule": "r'1",
            "stream": "contracts",
            "severity": "warning",
            "owner_role": "account_owner",
            "expected": "a “b”",
        },
        {"rule": "r2", "stream": "activities", "severity": "info", "owner_role": "csm"},
    ]
    of_contract = {
        "rule": "r'1",
        "stream": "contracts",
        "extraction_id": "e1",
        "account_id": "N0",
        "record_key": "x",
        "sentence": NAMES[1],
        "effect": "listed",
    }
    of_activity = of_contract | {"rule": "r2", "stream": "activities", "account_id": None}
    contracts, activities = len(world.streams["contracts"]), len(world.streams["activities"])
    world.row_failures += [
        of_contract | {"row": contracts - 2, "effect": "set_aside"},
        of_contract | {"actual": "🚀"},
        of_contract | {"actual": None},
        of_contract | {"actual": "", "suggestion": "s"},
        of_contract | {"record_key": None, "extraction_id": None},
        of_activity | {"row": 1, "record_key": NAMES[3]},
        of_activity | {"row": activities, "effect": "blank_value", "column_name": "revenue"},
    ]


def _acceptances() -> Iterator[Row]:
    """Acceptances of earlier issues around the end of as_of in Auckland, some of them later taken back or made anew."""
    end = datetime(2024, 2, 29, 11)
    for n in range(24):
        yield {
            "acceptance_id": f"y{n}",
            "issue_id": f"i{n % 16}",
            "status": ("accepted", "accepted", "withdrawn")[n % 3],
            "reason": NAMES[n % len(NAMES)],
            "accepted_by": "Rae",
            "accepted_at": end + timedelta(seconds=n % 5 - 3),
            "accepted_until": LEAP_DAY + timedelta(days=n % 3 - 1),
        }


def _earlier_issues() -> list[Row]:
    issue = {"severity": "warning", "source": "files", "mended_by_role": "csm", "sentence": NAMES[0], "occurrences": 2}
    return [
        issue
        | {
            "issue_id": f"i{n}",
            "rule": f"r{n % 3}",
            "stream": ("contracts", "tickets", "activities", None)[n % 4],
            "account_id": ("N0", "gone", None)[n % 3],
            "owner_name": (NAMES[0], None)[n % 2],
            "geo": ("EMEA", None, "")[n % 3],
            "first_seen": LEAP_DAY - timedelta(days=n + 1),
            "last_seen": LEAP_DAY - timedelta(days=1),
            "status": ("open", "open", "cleared", "accepted")[n % 4],
            "cleared_on": LEAP_DAY - timedelta(days=1) if n % 4 == 2 else None,
        }
        for n in range(24)
    ]
