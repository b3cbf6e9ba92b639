"""Documents made when somebody asks: from the rows that the asker may see, in memory, in a second or so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from orchestration.documents import shelf
from orchestration.documents.brief import brief
from orchestration.documents.customer import customer_facts_of
from orchestration.documents.deck import health_check_deck
from orchestration.documents.executive import executive_report
from orchestration.documents.facts import Facts, facts_of
from orchestration.documents.pages import pdf
from orchestration.documents.qbr import qbr_deck
from orchestration.documents.rows import Row, Rows
from orchestration.documents.slides import pptx
from orchestration.policy.models import Policies

PDF = "application/pdf"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
# Of an account, by the end of their address.
BRIEF, QBR, HEALTH_CHECK = "brief.pdf", "qbr.pptx", "health-check.pptx"
KINDS = (BRIEF, QBR, HEALTH_CHECK)
EXECUTIVE = "executive.pdf"
_OPEN = ("past_due", "pending", "upcoming")


class NoSuchDocumentError(LookupError):
    """No such account, target or kind among the rows there are."""


@dataclass(frozen=True)
class Asked:
    """A document: its bytes, what they are, and a name for them that any system takes."""

    content: bytes
    media_type: str
    file_name: str


def of_account(
    rows: Rows, kind: str, account_id: str, as_of: date, policies: Policies, target_id: str | None = None
) -> Asked:
    """A document of an account; the deck is for `target_id`, else for its most urgent target that is open.

    Raises NoSuchDocumentError.
    """
    if kind == QBR:
        known = customer_facts_of(rows, account_id, as_of)
        if known is None:
            raise NoSuchDocumentError(f"there is no account {account_id!r}")
        return Asked(
            pptx(qbr_deck(known, policies.documents)), PPTX, _name("business-review", account_id, as_of, "pptx")
        )
    if kind not in KINDS:
        raise NoSuchDocumentError(f"there is no document {kind!r} of an account")
    facts = facts_of(rows, [account_id], as_of, policies.documents.trend_months).get(account_id)
    if facts is None:
        raise NoSuchDocumentError(f"there is no account {account_id!r}")
    if kind == BRIEF:
        return Asked(pdf(brief(facts, policies)), PDF, _name("brief", account_id, as_of, "pdf"))
    deck = health_check_deck(facts, _target(facts, target_id), policies)
    return Asked(pptx(deck), PPTX, _name("health-check", account_id, as_of, "pptx"))


def of_portfolio(rows: Rows, as_of: date, policies: Policies, *, is_whole: bool) -> Asked:
    """The executive report of the rows there are."""
    paper = executive_report(rows, policies, as_of, is_whole=is_whole)
    return Asked(pdf(paper), PDF, f"executive-report-{as_of}.pdf")


def _target(facts: Facts, target_id: str | None) -> Row | None:
    if target_id is not None:
        found = next((row for row in facts.targets if row["target_id"] == target_id), None)
        if found is None:
            raise NoSuchDocumentError(f"the account has no health-check target {target_id!r}")
        return found
    # They come by due date, and what is past due was due first.
    return next((row for row in facts.targets if row["status"] in _OPEN), None)


def _name(what: str, account_id: str, as_of: date, suffix: str) -> str:
    return f"{what}-{shelf.slug(account_id)}-{as_of}.{suffix}"
