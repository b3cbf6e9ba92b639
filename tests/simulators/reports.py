"""Reports, run while the client waits: at most 2,000 rows, and `allData` says whether those are all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tests.simulators.company import Row
from tests.simulators.objects import make_id
from tests.simulators.replies import ROUTES, not_found, reply
from tests.simulators.soql import Runner
from tests.simulators.wire import Answer, Request

if TYPE_CHECKING:
    from tests.simulators.salesforce import Salesforce

MOST_ROWS = 2000
_TRUNCATED_ROWS = 7


@dataclass
class Report:
    """A tabular report of one object: columns by their API name, each with its label and the path of its field.

    The path `evidence` says Y or N: whether files or attachments hang on the record.
    """

    key: str
    name: str
    object: str
    columns: dict[str, tuple[str, str]]


def standard_reports() -> dict[str, Report]:
    """The three that people export, by name."""
    return {
        "activities": Report(
            make_id("00O", 100),
            "Activities",
            "Task",
            {
                "ASSIGNED": ("Name", "Owner.Name"),
                "ACCOUNT.NAME": ("Account", "Account.Name"),
                "OPPORTUNITY": ("Opportunity", "What.Name"),
                "SUBJECT": ("Subject", "Subject"),
                "COMPLETED": ("Timestamp", "CompletedDateTime"),
                "ATTACHED": ("Attachment", "evidence"),
                "TASK_ID": ("Activity ID", "Id"),
                "ACCOUNT_ID": ("Account ID", "AccountId"),
            },
        ),
        "accounts": Report(
            make_id("00O", 101),
            "Accounts",
            "Account",
            {
                "USERS.NAME": ("Owner", "Owner.Name"),
                "ACCOUNT.NAME": ("Account", "Name"),
                "COUNTRY": ("GEO", "BillingCountry"),
                "STATE": ("Region", "BillingState"),
                "ACCOUNT_ID": ("Account ID", "Id"),
            },
        ),
        "contracts": Report(
            make_id("00O", 102),
            "Contracts",
            "Contract",
            {
                "ACCOUNT.NAME": ("Account", "Account.Name"),
                "PRODUCT": ("Product", "Product__c"),
                "START_DATE": ("Start Date", "StartDate"),
                "END_DATE": ("End Date", "EndDate"),
                "AMOUNT": ("Amount", "Amount__c"),
            },
        ),
    }


@ROUTES.add("GET", "/services/data/v{}/analytics/reports/{}")
@ROUTES.add("POST", "/services/data/v{}/analytics/reports/{}")
def _run(self: Salesforce, request: Request, version: str, key: str) -> Answer:
    report = _report(self, key)
    rows = [row for row in self.company.rows(report.object) if not row["IsDeleted"]]
    most = min(_TRUNCATED_ROWS, len(rows) - 1) if "report_truncated" in request.faults else MOST_ROWS
    facts: Row = {"aggregates": [{"label": str(len(rows)), "value": len(rows)}]}
    details = request.query.get("includeDetails", "true" if request.method == "POST" else "false") == "true"
    if details:
        facts["rows"] = [{"dataCells": _cells(self, report, row)} for row in rows[:most]]
    return reply(
        _described(self, report)
        | {
            "attributes": {"type": "Report", "reportId": report.key, "reportName": report.name},
            "allData": len(rows) <= most,
            "hasDetailRows": details,
            "factMap": {"T!T": facts},
            "groupingsAcross": {"groupings": []},
            "groupingsDown": {"groupings": []},
        }
    )


@ROUTES.add("GET", "/services/data/v{}/analytics/reports/{}/describe")
def _describe(self: Salesforce, request: Request, version: str, key: str) -> Answer:
    return reply(_described(self, _report(self, key)))


def _report(self: Salesforce, key: str) -> Report:
    found = next((one for one in self.reports.values() if key[:15] == one.key[:15]), None)
    if found is None or found.object in self.forbidden:
        raise not_found()
    return found


def _described(self: Salesforce, report: Report) -> Row:
    fields = self.company.objects[report.object].fields
    return {
        "reportMetadata": {
            "id": report.key,
            "name": report.name,
            "reportFormat": "TABULAR",
            "hasDetailRows": True,
            "hasRecordCount": True,
            "detailColumns": list(report.columns),
            "aggregates": ["RowCount"],
            "groupingsDown": [],
            "groupingsAcross": [],
            "reportFilters": [],
        },
        "reportExtendedMetadata": {
            "detailColumnInfo": {
                column: {"label": label, "dataType": fields[path].type if path in fields else "string"}
                for column, (label, path) in report.columns.items()
            },
            "aggregateColumnInfo": {"RowCount": {"label": "Record Count", "dataType": "int"}},
        },
    }


def _cells(self: Salesforce, report: Report, row: Row) -> list[Row]:
    runner = Runner(self.company, self.company.objects)
    return [
        _cell(_evidence(self, row["Id"]) if path == "evidence" else runner.reader(report.object, path)(row), path, row)
        for _, path in report.columns.values()
    ]


def _evidence(self: Salesforce, key: str) -> str:
    tables = (("Attachment", "ParentId"), ("ContentDocumentLink", "LinkedEntityId"))
    found = any(one[field] == key and not one["IsDeleted"] for name, field in tables for one in self.company.rows(name))
    return "Y" if found else "N"


def _cell(value: Any, path: str, row: Row) -> Row:
    # Labels are for people: in their language, zone and format. Ids have 15 characters.
    if value is None:
        return {"label": "-", "value": None}
    if path.endswith("Id"):
        return {"label": value[:15], "value": value[:15]}
    if path.startswith("Amount"):
        return {
            "label": f"{row['CurrencyIsoCode']} {value:,.2f}",
            "value": {"amount": value, "currency": row["CurrencyIsoCode"]},
        }
    if isinstance(value, datetime):
        return {"label": f"{value:%m/%d/%Y, %I:%M %p}", "value": f"{value:%Y-%m-%dT%H:%M:%SZ}"}
    if isinstance(value, date):
        return {"label": f"{value:%m/%d/%Y}", "value": value.isoformat()}
    return {"label": str(value), "value": value}
