"""The CRM's objects and fields, as its describe call tells them, and its ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass
class Field:
    """One field. `parents` are the objects that it may point to, by way of `relation`."""

    name: str
    type: str = "string"
    parents: tuple[str, ...] = ()
    relation: str | None = None
    read_only: bool = False
    external_id: bool = False
    required: bool = False
    length: int = 0
    values: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Words for people."""
        return self.name.removesuffix("__c").replace("_", " ")

    def describe(self) -> dict[str, Any]:
        """As the describe call has it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "length": self.length or (18 if self.type in ("id", "reference") else 255 * (self.type == "string")),
            "nillable": not self.required and self.type not in ("id", "boolean"),
            "createable": not self.read_only,
            "updateable": not self.read_only,
            "filterable": self.type != "textarea",
            "sortable": self.type != "textarea",
            "custom": self.name.endswith("__c"),
            "calculated": False,
            "externalId": self.external_id,
            "idLookup": self.external_id or self.type == "id",
            "unique": self.external_id,
            "defaultedOnCreate": self.type == "boolean",
            "referenceTo": list(self.parents),
            "relationshipName": self.relation,
            "picklistValues": [{"value": one, "label": one, "active": True} for one in self.values],
            "restrictedPicklist": False,
            "deprecatedAndHidden": False,
        }


@dataclass
class Object:
    """One object: its fields by name."""

    name: str
    prefix: str
    fields: dict[str, Field] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """As the list of objects has it."""
        return {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "keyPrefix": self.prefix,
            "custom": self.name.endswith("__c"),
            "queryable": True,
            "retrieveable": True,
            "replicateable": True,
            "createable": True,
            "updateable": True,
            "deletable": True,
            "deprecatedAndHidden": False,
        }


def long_id(short: str) -> str:
    """The 18 characters of an id of 15."""
    return short + "".join(
        _LETTERS[sum(1 << n for n, letter in enumerate(short[start : start + 5]) if letter.isupper())]
        for start in (0, 5, 10)
    )


def make_id(prefix: str, number: int) -> str:
    """An id of 18 characters. Some differ in nothing but the case of a letter."""
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return long_id(f"{prefix}5g{digits:0>10}")


_SYSTEM = (
    Field("Id", "id", read_only=True),
    Field("IsDeleted", "boolean", read_only=True),
    Field("CreatedDate", "datetime", read_only=True),
    Field("LastModifiedDate", "datetime", read_only=True),
    Field("SystemModstamp", "datetime", read_only=True),
)
_OWNER = Field("OwnerId", "reference", ("User",), "Owner")
_ACCOUNT = Field("AccountId", "reference", ("Account",), "Account")
_WHAT = Field("WhatId", "reference", ("Account", "Opportunity", "Contract"), "What")
_WHO = Field("WhoId", "reference", ("Contact",), "Who")
_KEY = Field("Account_Health_Key__c", external_id=True)
_CURRENCY = Field("CurrencyIsoCode", "picklist", values=("USD", "EUR", "GBP"))
_SEGMENTS = ("SMB", "Mid-Market", "Enterprise")

# What the company's CRM has. Fields that end in __c are its own.
OBJECTS: dict[str, tuple[str, tuple[Field, ...]]] = {
    "User": (
        "005",
        (
            Field("Name", read_only=True),
            Field("Email", "email"),
            Field("Username"),
            Field("IsActive", "boolean"),
        ),
    ),
    "Account": (
        "001",
        (
            Field("Name", required=True),
            _OWNER,
            Field("ParentId", "reference", ("Account",), "Parent"),
            Field("Type", "picklist"),
            Field("Industry", "picklist"),
            Field("Website", "url"),
            Field("BillingCountry"),
            Field("BillingState"),
            Field("Segment__c", "picklist", values=_SEGMENTS),
            Field("Lifecycle__c", "picklist"),
            Field("Customer_Since__c", "date"),
            Field("CSM__c", "reference", ("User",), "CSM__r"),
            Field("SLA_Target__c", "percent"),
            Field("Enrolled__c", "boolean"),
            Field("Account_Health_Id__c", external_id=True),
            Field("Health_Score__c", "double"),
            Field("Health_Status__c"),
            Field("Churn_Probability__c", "percent"),
            Field("Next_Action__c"),
            Field("Health_As_Of__c", "date"),
        ),
    ),
    "Contract": (
        "800",
        (
            _ACCOUNT,
            _OWNER,
            Field("ContractNumber", read_only=True),
            Field("Status", "picklist"),
            Field("StartDate", "date"),
            Field("EndDate", "date"),
            Field("ContractTerm", "int"),
            Field("Product__c"),
            Field("Amount__c", "currency"),
            _CURRENCY,
            Field("Auto_Renew__c", "boolean"),
        ),
    ),
    "Opportunity": (
        "006",
        (
            _ACCOUNT,
            _OWNER,
            Field("Name", required=True),
            Field("StageName", "picklist"),
            Field("Type", "picklist"),
            Field("Amount", "currency"),
            _CURRENCY,
            Field("CloseDate", "date"),
            Field("IsClosed", "boolean", read_only=True),
            Field("IsWon", "boolean", read_only=True),
            Field("Contract_End__c", "date"),
            Field("Competitor__c"),
        ),
    ),
    "Contact": (
        "003",
        (
            _ACCOUNT,
            Field("FirstName"),
            Field("LastName", required=True),
            Field("Name", read_only=True),
            Field("Email", "email"),
            Field("Title"),
            Field("Role__c", "picklist"),
            Field("Started_On__c", "date"),
            Field("Ended_On__c", "date"),
        ),
    ),
    "Task": (
        "00T",
        (
            _ACCOUNT,
            _WHAT,
            _WHO,
            _OWNER,
            Field("Subject", "combobox", length=255),
            Field("Description", "textarea", length=32000),
            Field("Status", "picklist"),
            Field("Priority", "picklist"),
            Field("TaskSubtype", "picklist", values=("Task", "Call", "Email")),
            Field("ActivityDate", "date"),
            Field("CompletedDateTime", "datetime", read_only=True),
            Field("IsClosed", "boolean", read_only=True),
            Field("IsArchived", "boolean", read_only=True),
            Field("IsRecurrence", "boolean"),
            Field("Response_Hours__c", "double"),
            _KEY,
        ),
    ),
    "Event": (
        "00U",
        (
            _ACCOUNT,
            _WHAT,
            _WHO,
            _OWNER,
            Field("Subject", "combobox", length=255),
            Field("Description", "textarea", length=32000),
            Field("Type", "picklist"),
            Field("EventSubtype", "picklist"),
            Field("ActivityDate", "date"),
            Field("StartDateTime", "datetime"),
            Field("EndDateTime", "datetime"),
            Field("IsAllDayEvent", "boolean"),
            Field("IsArchived", "boolean", read_only=True),
            Field("IsRecurrence", "boolean"),
        ),
    ),
    "ContentDocument": (
        "069",
        (
            Field("Title", required=True),
            Field("FileType", read_only=True),
            Field("ContentSize", "int", read_only=True),
            Field("LatestPublishedVersionId", "reference", ("ContentVersion",), "LatestPublishedVersion", True),
            _OWNER,
        ),
    ),
    "ContentVersion": (
        "068",
        (
            Field("ContentDocumentId", "reference", ("ContentDocument",), "ContentDocument", True),
            Field("Title", required=True),
            Field("PathOnClient"),
            Field("IsLatest", "boolean", read_only=True),
            Field("VersionNumber", read_only=True),
            _OWNER,
        ),
    ),
    "ContentDocumentLink": (
        "06A",
        (
            Field("ContentDocumentId", "reference", ("ContentDocument",), "ContentDocument"),
            Field("LinkedEntityId", "reference", ("Account", "Opportunity", "Task", "Event", "User"), "LinkedEntity"),
            Field("ShareType", "picklist"),
            Field("Visibility", "picklist"),
        ),
    ),
    "Attachment": (
        "00P",
        (
            Field("ParentId", "reference", ("Account", "Opportunity", "Task", "Event"), "Parent"),
            Field("Name", required=True),
            Field("ContentType"),
            Field("BodyLength", "int", read_only=True),
            _OWNER,
        ),
    ),
}
# Objects whose links tell no date of creation or change of their own.
_LINKS = ("ContentDocumentLink",)


def make_objects() -> dict[str, Object]:
    """The objects of one company; its fields may be changed."""
    return {
        name: Object(
            name,
            prefix,
            {
                one.name: Field(**vars(one))
                for one in (*_SYSTEM, *fields)
                if name not in _LINKS or one.name not in ("CreatedDate", "LastModifiedDate")
            },
        )
        for name, (prefix, fields) in OBJECTS.items()
    }
