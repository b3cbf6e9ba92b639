"""A generated company: what its people entered into the CRM and the support desk.

The same seed, size and time make the same records; a company of no accounts is empty. Everything is entered before
`at`; what a test adds, changes or deletes is stamped by the company's clock, or by the time that the test gives: a row
that commits late has an old stamp.
"""

from __future__ import annotations

import pickle
import random
import threading
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from tests.simulators.clock import Clock
from tests.simulators.objects import Field, Object, make_id, make_objects

AT = datetime(2026, 6, 30, 18, tzinfo=UTC)
SUPPORT = ("organization", "group", "user", "ticket", "metric_event", "ticket_event", "ticket_field")
# The support desk's first id of each kind.
_FIRST_ID = {name: number * 10_000_000 for number, name in enumerate(SUPPORT, start=1)} | {"ticket": 1}
# Tasks and events that ended so long ago are archived.
_ARCHIVED_AFTER = timedelta(days=365)

Row = dict[str, Any]


class Company:
    """Records by id: of the CRM's objects ("Account", "Task", …) and the support desk's ("ticket", …: see SUPPORT)."""

    def __init__(self, accounts: int = 20, *, seed: int = 20260630, at: datetime = AT) -> None:
        self.at = at
        self.clock = Clock()
        self.lock = threading.RLock()
        self.objects: dict[str, Object] = make_objects()
        self.tables: dict[str, dict[Any, Row]] = {name: {} for name in (*self.objects, *SUPPORT)}
        self._numbers = dict.fromkeys(self.tables, 0)
        if accounts:
            self.tables, self._numbers = pickle.loads(_generated(accounts, seed, at))  # noqa: S301 -- our own

    def rows(self, name: str) -> list[Row]:
        """All records of a kind, in the order they were entered."""
        return list(self.tables[name].values())

    def get(self, name: str, key: Any) -> Row:
        """A record, also by an id of 15 characters."""
        return self.tables[name][self._key(name, key)]

    def add(self, name: str, /, *, at: datetime | None = None, **fields: Any) -> Any:
        """Enter a record; its id."""
        with self.lock:
            at = at or self.clock.stamp()
            self._numbers[name] += 1
            if name in SUPPORT:
                key: Any = _FIRST_ID[name] + self._numbers[name] - 1
                row = {"id": key} | _support_defaults(name, at) | fields
            else:
                key = make_id(self.objects[name].prefix, self._numbers[name] * 13)
                row = self._blank(name, at) | fields | {"Id": key}
            self.tables[name][key] = row
            return key

    def change(self, name: str, key: Any, /, *, at: datetime | None = None, **fields: Any) -> None:
        """Change fields of a record."""
        with self.lock:
            row = self.get(name, key)
            if name == "ticket":
                self._note(row, fields, at or self.clock.stamp())
            row.update(fields)
            _touch(row, at or self.clock.stamp())

    def delete(self, name: str, key: Any, *, at: datetime | None = None) -> None:
        """Put a record into the recycle bin; a ticket gets the status deleted."""
        with self.lock:
            row = self.get(name, key)
            row.update({"status": "deleted"} if name in SUPPORT else {"IsDeleted": True})
            _touch(row, at or self.clock.stamp())

    def purge(self, name: str, key: Any) -> None:
        """Delete a record without a trace."""
        with self.lock:
            del self.tables[name][self._key(name, key)]

    def archive(self, name: str, key: Any) -> None:
        """Archive a task or an event. That is no change: the stamp stays."""
        with self.lock:
            self.get(name, key)["IsArchived"] = True

    def add_field(self, name: str, field: Field) -> None:
        """Give an object a field of the company's own, blank in every record."""
        with self.lock:
            self.objects[name].fields[field.name] = field
            for row in self.tables[name].values():
                row.setdefault(field.name, False if field.type == "boolean" else None)

    def _key(self, name: str, key: Any) -> Any:
        if name in SUPPORT or key in self.tables[name]:
            return key
        return next(one for one in self.tables[name] if one[:15] == key)

    def _blank(self, name: str, at: datetime) -> Row:
        row: Row = {
            field.name: False if field.type == "boolean" else None for field in self.objects[name].fields.values()
        }
        stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), at)
        return row | {field: value for field, value in stamps.items() if field in row}

    def _note(self, row: Row, fields: Row, at: datetime) -> None:
        # The support desk tells each change of a ticket as an event.
        children = [
            {"event_type": "Change", field: value, "previous_value": row.get(field)}
            for field, value in fields.items()
            if field in ("status", "priority", "type", "group_id", "tags") and row.get(field) != value
        ]
        if children:
            self.add("ticket_event", at=at, ticket_id=row["id"], event_type="Audit", child_events=children)


def _touch(row: Row, at: datetime) -> None:
    for field in ("LastModifiedDate", "SystemModstamp", "updated_at"):
        if field in row:
            row[field] = at
    if "generated_timestamp" in row:
        row["generated_timestamp"] = int(at.timestamp())


def _support_defaults(name: str, at: datetime) -> Row:
    if name == "metric_event":
        return {"time": at}
    if name == "ticket_event":
        return {"timestamp": int(at.timestamp()), "created_at": at}
    stamps: Row = {"created_at": at, "updated_at": at}
    if name != "ticket":
        return stamps
    return stamps | {
        "external_id": None,
        "type": None,
        "subject": "",
        "raw_subject": "",
        "description": "",
        "priority": None,
        "status": "new",
        "recipient": None,
        "requester_id": None,
        "submitter_id": None,
        "assignee_id": None,
        "organization_id": None,
        "group_id": None,
        "tags": [],
        "custom_fields": [],
        "satisfaction_rating": {"score": "unoffered"},
        "is_public": True,
        "via": {"channel": "email"},
        "generated_timestamp": int(at.timestamp()),
        "metric_set": None,
    }


_PLACES = (("United States", "California"), ("United States", "New York"), ("Germany", "Bayern"), ("Japan", "Tokyo"))
_FIRST = ("Harbor", "North", "Silver", "Cedar", "Iron", "Blue", "Golden", "River", "Stone", "Bright", "Clear", "Red")
_SECOND = ("view", "wind", "peak", "field", "bridge", "gate", "works", "line", "mark", "point", "ford", "port")
_FORMS = ("Inc", "GmbH", "Ltd", "Corp", "LLC")
_PEOPLE = ("Ana Ruiz", "Ben Okafor", "Chloé Martin", "Dai Tanaka", "Eva Krüger", "Finn O'Neill", "Gita Rao", "Hugo Sá")
_PRODUCTS = ("Platform", "Analytics", "Support")
_TALKS = ("Call about roadmap", "Follow up on invoice", "Introduction, new admin", "Renewal planning", "Re: outage")
# Text as people write it: line ends, quotes, commas, and what is no ASCII.
_NOTES = (
    None,
    "Spoke briefly.",
    'They said "not before Q3",\nthen asked for a quote.\n\nNext: send it.',
    'Line one\r\nLine two, with "quotes", commas; and 日本語',
    '"',
    "a\n",
)
_TOPICS = ("login", "billing", "api", "performance")


@cache
def _generated(accounts: int, seed: int, at: datetime) -> bytes:
    # Made once: a test's company must be its own, and reading it back takes a tenth of the time.
    company = Company(0, at=at)
    _Generator(company, random.Random(seed), accounts).run()  # noqa: S311 -- no secrets here
    return pickle.dumps((company.tables, company._numbers))


class _Generator:
    """Enters the records of one company. Every sixth of something has what is rare."""

    def __init__(self, company: Company, dice: random.Random, accounts: int) -> None:
        self.company = company
        self.dice = dice
        self.accounts = accounts

    def run(self) -> None:
        self.users = [
            self._add("User", 900, Name=name, Email=_mail(name), IsActive=n != 1, Username=_mail(name))
            for n, name in enumerate(_PEOPLE)
        ]
        self.groups = [self._add("group", 900, name=name, deleted=False) for name in ("Support", "Escalations")]
        self._ticket_fields()
        for n, name in enumerate(_names(self.accounts)):
            self._account(n, name)
        self._strangers()
        _in_time_order(self.company.tables["metric_event"])

    def _ago(self, days: float) -> datetime:
        # To the hour, so that many records share a stamp.
        return (self.company.at - timedelta(days=days)).replace(minute=0)

    def _day(self, days: float) -> date:
        return self._ago(days).date()

    def _add(self, name: str, days_ago: float, /, **fields: Any) -> Any:
        return self.company.add(name, at=self._ago(days_ago), **fields)

    def _ticket_fields(self) -> None:
        own = (("Topic", "tagger"), ("Severity score", "integer"), ("What happened", "textarea"))
        for title, kind in (("Subject", "subject"), ("Priority", "priority"), *own):
            self._add("ticket_field", 900, title=title, type=kind, active=True, removable=(title, kind) in own)
        topic = next(field for field in self.company.rows("ticket_field") if field["title"] == "Topic")
        self.topic = topic["id"]

    def _account(self, n: int, name: str) -> None:
        country, state = _PLACES[n % len(_PLACES)]
        domain = name.split()[0].lower() + ".example"
        key = self._add(
            "Account",
            self.dice.randint(1, 300),
            Name=name,
            OwnerId=self.users[n % len(self.users)],
            CSM__c=self.users[(n + 3) % len(self.users)],
            BillingCountry=country,
            BillingState=state,
            Type="Customer",
            Industry="Energy",
            Website=f"https://www.{domain}",
            Segment__c=("SMB", "Mid-Market", "Enterprise")[n % 3],
            Lifecycle__c="active",
            Customer_Since__c=self._day(700 + n),
            SLA_Target__c=99.5,
            Enrolled__c=n % 2 == 0,
        )
        self.company.get("Account", key)["Account_Health_Id__c"] = key
        self._contracts(n, key)
        deal = self._opportunities(n, key)
        people = self._contacts(key, domain)
        self._tasks(n, key, name, deal, people)
        self._events(n, key)
        self._support(n, key, name, domain)

    def _contracts(self, n: int, account: str) -> None:
        for number in range(1 + n % 2):
            start = 300 - 40 * (n % 7) + 365 * number
            self._add(
                "Contract",
                start + 10,
                AccountId=account,
                OwnerId=self.users[n % len(self.users)],
                ContractNumber=f"{n * 10 + number:08}",
                Status="Activated",
                StartDate=self._day(start),
                EndDate=self._day(start - 365),
                ContractTerm=12,
                Product__c=_PRODUCTS[(n + number) % len(_PRODUCTS)],
                Amount__c=1000.0 * (5 + n) + 0.5,
                CurrencyIsoCode=("USD", "EUR")[n % 2],
                Auto_Renew__c=n % 3 == 0,
            )

    def _opportunities(self, n: int, account: str) -> str:
        stages = (("Negotiation", False, False), ("Closed Won", True, True), ("Closed Lost", True, False))
        deals = [
            self._add(
                "Opportunity",
                120 - 30 * number,
                AccountId=account,
                OwnerId=self.users[n % len(self.users)],
                Name=f"Deal {n}-{number}",
                StageName=stage,
                Type=("Renewal", "New Business", "Existing Business")[number],
                Amount=10_000.0 + n,
                CurrencyIsoCode="USD",
                CloseDate=self._day(-30 if not closed else 40),
                IsClosed=closed,
                IsWon=won,
            )
            for number, (stage, closed, won) in enumerate(stages)
        ]
        return deals[0]

    def _contacts(self, account: str, domain: str) -> list[str]:
        return [
            self._add(
                "Contact",
                400,
                AccountId=account,
                FirstName=name.split()[0],
                LastName=name.split()[1],
                Name=name,
                Email=_mail(name, domain),
                Title=("CFO", "Administrator")[number],
                Role__c=("Executive", "Technical")[number],
                Started_On__c=self._day(500),
            )
            for number, name in enumerate(self.dice.sample(_PEOPLE, 2))
        ]

    def _tasks(self, n: int, account: str, name: str, deal: str, people: list[str]) -> None:
        for number in range(12):
            ended = self.dice.randint(0, 700) if number else 430
            check = number % 4 == 0
            done = number % 5 != 4
            task = self._add(
                "Task",
                ended + (0 if done else 20),
                AccountId=account,
                WhatId=deal if number % 3 else account,
                WhoId=people[number % 2],
                OwnerId=self.users[(n + number) % len(self.users)],
                Subject=f"{_PRODUCTS[number % 3]} health check - {name}" if check else _TALKS[number % len(_TALKS)],
                Description=_NOTES[number % len(_NOTES)],
                Status="Completed" if done else "Not Started",
                Priority="Normal",
                TaskSubtype=("Call", "Email", "Task")[number % 3],
                ActivityDate=self._day(ended),
                CompletedDateTime=self._ago(ended) if done else None,
                IsClosed=done,
                IsArchived=done and timedelta(days=ended) > _ARCHIVED_AFTER,
                Response_Hours__c=float(number) if number % 2 else None,
            )
            if check and number < 8:
                self._evidence(task, ended, classic=n % 3 == 0)
            if number == 11 and n % 3 == 0:
                self.company.delete("Task", task, at=self._ago(1 + n % 5))
        self._add("Task", 90, AccountId=account, OwnerId=self.users[0], Subject="Weekly call", IsRecurrence=True)

    def _evidence(self, task: str, days: int, *, classic: bool) -> None:
        owner = self.users[0]
        if classic:
            self._add("Attachment", days, ParentId=task, Name="notes.pdf", BodyLength=1000, OwnerId=owner)
            return
        document = self._add("ContentDocument", days, Title="Health check", FileType="PDF", OwnerId=owner)
        version = self._add(
            "ContentVersion", days, ContentDocumentId=document, Title="Health check", IsLatest=True, OwnerId=owner
        )
        self.company.get("ContentDocument", document)["LatestPublishedVersionId"] = version
        for linked in (task, owner):
            self._add(
                "ContentDocumentLink", days, ContentDocumentId=document, LinkedEntityId=linked, ShareType="V",
                Visibility="AllUsers",
            )  # fmt: skip

    def _events(self, n: int, account: str) -> None:
        for number in range(3):
            days = (10 + n, 200, 500 + n)[number]
            event = self._add(
                "Event",
                days + 7,
                AccountId=account,
                WhatId=account,
                OwnerId=self.users[n % len(self.users)],
                Subject=("Quarterly business review", "Health-Check on site", "Kick-off")[number],
                Type="Meeting",
                EventSubtype="Event",
                ActivityDate=self._day(days),
                StartDateTime=self._ago(days),
                EndDateTime=self._ago(days) + timedelta(hours=1),
                IsArchived=timedelta(days=days) > _ARCHIVED_AFTER,
            )
            if number == 0 and n % 5 == 4:
                self.company.delete("Event", event, at=self._ago(3))

    def _support(self, n: int, account: str, name: str, domain: str) -> None:
        # The account is named by an id of 18 characters, by one of 15, or by nothing but its domain.
        organization = self._add(
            "organization",
            600,
            name=name,
            external_id=(account, account[:15], None)[n % 3],
            domain_names=[domain],
            tags=["vip"] if n % 4 == 0 else [],
            details="",
            notes="",
            organization_fields={},
        )
        user = self._add(
            "user", 600, name="Ida", email=f"ida@{domain}", role="end-user", organization_id=organization, active=True
        )
        for number in range(6):
            self._ticket(n, number, organization, user)

    def _ticket(self, n: int, number: int, organization: int | None, user: int) -> None:
        opened = self._ago(5 + 30 * number + n % 9)
        hours = 4 + 9 * number
        solved = opened + timedelta(hours=hours) if number else None
        key = self.company.add(
            "ticket",
            at=solved or opened,
            created_at=opened,
            subject=f"Cannot {_TOPICS[number % len(_TOPICS)]}",
            raw_subject=f"Cannot {_TOPICS[number % len(_TOPICS)]}",
            description='It says "error",\nthen stops.',
            type=("incident", "problem", "question", "task", None, "incident")[number],
            priority=("urgent", "high", "normal", "low", None, "normal")[number],
            status="open" if solved is None else ("solved", "closed")[number % 2],
            organization_id=organization,
            requester_id=user,
            submitter_id=user,
            group_id=self.groups[1 if number == 1 else 0],
            tags=[_TOPICS[number % len(_TOPICS)], *(["escalated"] if number == 2 else [])],
            satisfaction_rating=_satisfaction(number),
            custom_fields=[{"id": self.topic, "value": _TOPICS[number % len(_TOPICS)]}],
        )
        self._metrics(key, opened, solved, breached=number % 3 == 1)
        if number == 1:
            raised = {"event_type": "Change", "priority": "high", "previous_value": "normal"}
            self.company.add(
                "ticket_event", at=opened + timedelta(hours=1), ticket_id=key, event_type="Audit", child_events=[raised]
            )
        if number == 5 and n % 4 == 3:
            self.company.delete("ticket", key, at=self._ago(2))

    def _metrics(self, ticket: int, opened: datetime, solved: datetime | None, *, breached: bool) -> None:
        minutes = int((solved - opened).total_seconds() // 60) if solved else None
        self.company.get("ticket", ticket)["metric_set"] = {
            "id": ticket + 500_000,
            "ticket_id": ticket,
            "created_at": opened,
            "updated_at": solved or opened,
            "assigned_at": opened,
            "initially_assigned_at": opened,
            "latest_comment_added_at": solved or opened,
            "solved_at": solved,
            "reopens": 0,
            "replies": 2,
            "group_stations": 1,
            "assignee_stations": 1,
            "reply_time_in_minutes": {"calendar": 30, "business": 10},
            "first_resolution_time_in_minutes": {"calendar": minutes, "business": minutes},
            "full_resolution_time_in_minutes": {"calendar": minutes, "business": minutes},
        }
        policy = {"id": 25, "title": "Urgent", "description": None}
        sla = {"target": 120, "target_in_seconds": 7200, "business_hours": False, "policy": policy}
        end = solved or opened + timedelta(hours=3)
        steps: list[tuple[datetime, str, Row]] = [
            (opened, "activate", {}),
            (opened, "apply_sla", {"sla": sla}),
            *([(opened + timedelta(hours=2), "breach", {"deleted": False})] if breached else []),
            *([(end, "fulfill", {})] if solved else []),
            *([(end, "update_status", {"status": {"calendar": minutes, "business": minutes}})] if solved else []),
        ]
        for at, kind, more in steps:
            self.company.add(
                "metric_event", at=at, ticket_id=ticket, metric="requester_wait_time", instance_id=1, type=kind, **more
            )

    def _strangers(self) -> None:
        # An organization that names no account we know, and tickets of nobody.
        stranger = self._add("organization", 50, name="Somebody else", external_id="A-1", domain_names=[], tags=[])
        user = self._add(
            "user", 50, name="Ira", email="ira@elsewhere.example", role="end-user", organization_id=stranger
        )
        self._ticket(0, 1, stranger, user)
        self._ticket(0, 2, None, user)


def _satisfaction(number: int) -> Row:
    score = ("unoffered", "good", "bad", "offered", "good", "unoffered")[number]
    return {"score": score} | ({"id": 7000 + number, "comment": "ok"} if score in ("good", "bad") else {})


def _names(count: int) -> Iterator[str]:
    for n in range(count):
        word = _FIRST[n % 12] + _SECOND[(n // 12 + n) % 12]
        yield f"{word}{n // 144 or ''} {_FORMS[n % len(_FORMS)]}"


def _mail(name: str, domain: str = "vendor.example") -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", ".").replace("'", "") + "@" + domain


def _in_time_order(events: dict[Any, Row]) -> None:
    rows = sorted(events.values(), key=lambda row: (row["time"], row["id"]))
    events.clear()
    events.update((row["id"], row) for row in rows)
