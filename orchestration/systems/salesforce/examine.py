"""Whether an org lets us do what its sources need, each thing tried, with how to mend what doesn't work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestration.policy.sources import Source
from orchestration.sources.errors import SourceError, sentence
from orchestration.systems.base import Found
from orchestration.systems.http import ApiError
from orchestration.systems.salesforce import evidence, rows
from orchestration.systems.salesforce.describe import Asked, Describe
from orchestration.systems.salesforce.query import Query
from orchestration.systems.salesforce.reports import Report
from orchestration.systems.salesforce.session import Session

_REFUSED = 400
_LOOK = "look at the org's setup"


def examine(session: Session, describe: Describe, sources: Sequence[Source]) -> Iterator[Found]:
    """Sign in, the API's version, the day's calls, then every object, field, report and right."""
    try:
        session.sign_in()
    except SourceError as error:
        yield _failed("sign-in", error)
        return
    yield Found("sign-in", f"works ({session.policy.sign_in})")
    try:
        known = describe.versions()
        if session.policy.api_version not in known:
            yield _failed("API version", describe.version_gone(known))
            return
        yield Found("API version", f"{session.policy.api_version}; the org knows up to {known[-1]}")
        if not session.is_spent:
            session.get(session.path("limits"))
        yield _calls(session)
        if session.is_spent:
            return
        for source in sources:
            yield from _report(session, source) if source.report else _object(session, describe, source)
    except SourceError as error:
        # The day's calls are spent, or the org is out: nothing more can be told now.
        yield _failed("calls", error)


def _calls(session: Session) -> Found:
    words = session.quota or "the org doesn't say how many calls are used"
    if not session.is_spent:
        return Found("calls", words)
    share = session.policy.quota_share_pct
    return Found("calls", words, mend=f"wait until tomorrow, or raise quota_share_pct, {share} %, in systems.yaml")


def _report(session: Session, source: Source) -> Iterator[Found]:
    report = Report(session, source)
    what = f"source {source.name}"
    try:
        report.columns(report.ask())
    except ApiError:
        raise
    except SourceError as error:
        yield _failed(what, error)
        return
    yield Found(what, f"report {source.report} is given whole, with its columns")


def _object(session: Session, describe: Describe, source: Source) -> Iterator[Found]:
    problems: list[SourceError] = []
    what = f"source {source.name}"
    asked = describe.look(source, problems, session.policy.key_field)
    for problem in problems:
        yield _failed(what, problem)
    if asked is None:
        return
    if not problems:
        yield _tried(session, source, asked, what)
    if asked.has_evidence:
        yield from _evidence(session, describe, f"evidence of {source.name}")


def _tried(session: Session, source: Source, asked: Asked, what: str) -> Found:
    """Whether the condition can be run too."""
    fields = rows.fields_of(asked)
    query = Query(asked.object, fields, (source.where,) if source.where else ())
    try:
        session.get(session.path("query"), params={"q": f"{query.text(ordered=False)} LIMIT 1"})
    except ApiError as error:
        if error.status != _REFUSED:
            raise
        return _failed(what, error)
    return Found(what, f"{asked.object.name} and {len(fields):,} fields can be read")


def _evidence(session: Session, describe: Describe, what: str) -> Iterator[Found]:
    for name in evidence.OBJECTS:
        try:
            describe.object(name)
        except ApiError:
            raise
        except SourceError as error:
            yield _failed(what, error)
            return
    if evidence.may_query_all(session):
        yield Found(what, "every file can be asked for")
        return
    yield Found(
        what,
        "the right Query All Files is missing: links are asked for by ids, and files that the user may not see don't "
        "count as evidence",
        mend="grant Query All Files (with View All Data) to the user's permission set, or accept that",
    )


def _failed(what: str, error: SourceError) -> Found:
    where = f"{error.place}: " if error.place else ""
    expected = f" Expected: {sentence(error.expected)}" if error.expected else ""
    return Found(what, f"{where}{error.message}{expected}", mend=error.action or _LOOK)
