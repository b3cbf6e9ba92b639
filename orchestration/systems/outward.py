"""Whether a connected system lets us write what policy wants written there; nothing is written to find out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from orchestration.policy.models import Policies
from orchestration.policy.write_back import Target
from orchestration.settings import Settings
from orchestration.sources.errors import SourceError
from orchestration.systems.base import Found
from orchestration.systems.build import build_writer
from orchestration.systems.salesforce.write import Writer


def examine_writing(name: str, settings: Settings, policies: Policies) -> Iterator[Found]:
    """What was found of a Salesforce org's fields that are written to; nothing for other systems. Never raises."""
    org = policies.systems.salesforce.get(name)
    tries = list(_tries(name, policies)) if org is not None else []
    if not tries:
        return
    try:
        writer = build_writer(name, policies.systems, settings, policies.systems.calling)
    except SourceError:
        # A missing secret is told where the system is examined.
        return
    with closing(writer):
        for what, attempt, fine in tries:
            yield _tried(writer, what, attempt, fine)


def _tries(name: str, policies: Policies) -> Iterator[tuple[str, Callable[[Writer], object], str]]:
    """(what is tried, how, what is said when it works)."""
    for called, target in policies.write_back.targets.items():
        if target.system == name:
            words = f"{len(target.fields):,} fields of {target.object} can be edited"
            yield f"target {called}", lambda writer, target=target: writer.fields(target), words
    key_field = policies.systems.salesforce[name].key_field
    for called, connector in policies.connectors.connectors.items():
        if connector.system != name:
            continue
        if key_field is not None:
            yield f"connector {called}", lambda writer: writer.try_tasks(key_field), "tasks can be made and found again"
        if connector.score_field is not None:
            # As a target with one field: it is the same question.
            score = Target(system=name, fields={connector.score_field: "score"})
            words = f"Account.{connector.score_field} can be edited"
            yield f"connector {called}", lambda writer, score=score: writer.fields(score), words


def _tried(writer: Writer, what: str, attempt: Callable[[Writer], object], fine: str) -> Found:
    try:
        attempt(writer)
    except SourceError as error:
        return Found(what, error.message, mend=error.action or "look at the org's setup")
    return Found(what, fine)
