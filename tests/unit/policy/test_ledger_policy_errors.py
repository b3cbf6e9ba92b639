"""Every way the policies of access, connectors and the ledger can be wrong is told by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken import Case, assert_told

from orchestration.policy.connectors import Connector, Connectors, Route, role_key
from orchestration.policy.load import load_policies

WHO, WHERE, HOW = "access.yaml", "connectors.yaml", "ledger.yaml"
NOBODY = "people: {}"
DRY = "  dry_run: {kind: dry_run}"


def beside(text: str) -> str:
    """One more connector."""
    return f"{DRY}\n  other: {text}"


MAIL = "kind: email, host: mail.example, port: 25, security: none, sender: a@example.com, to: {default: b@example.com}"
HOOK = "kind: webhook, url: 'https://hook.example', secret: key"

CASES = [
    Case("unknown role", WHO, NOBODY, "people: {maria: [manger]}", "people:", "people.maria[0]", '"manger"',
         "one of seller, manager", "did you mean manager?"),
    Case("role twice", WHO, NOBODY, "people: {maria: [admin, admin]}", "people:", "people.maria[1]", '"admin" again',
         "each once"),
    Case("nobody may approve", WHO, "high: [approver_high, admin]", "high: []", "high: []",
         "approvals.by_sensitivity.high", "a list of 0", "at least 1"),
    Case("approver twice", WHO, "reassign_ownership: [manager, admin]", "reassign_ownership: [admin, admin]",
         "reassign_ownership", "approvals.by_action.reassign_ownership[1]", '"admin" again', "each once"),
    Case("unknown key", WHO, "snooze:", "snoze:", "snoze:", "snoze", "the unknown key", "one of sign_in, people",
         "did you mean snooze?"),
    Case("unknown kind", WHERE, DRY, beside("{kind: pigeon}"), "other:", "connectors.other.kind", '"pigeon"',
         "one of dry_run, slack, teams, email or webhook".replace(" or ", ", ")),
    Case("mail without a server", WHERE, DRY, beside("{" + MAIL.replace("host: mail.example, ", "") + "}"), "other:",
         "connectors.other.host", "no such key", "a connector of kind email needs it"),
    Case("mail with a webhook's key", WHERE, DRY, beside("{" + MAIL + ", ask_url: 'https://a.example/{key}'}"),
         "other:", "connectors.other.ask_url", "ask_url", "no such key in a connector of kind email"),
    Case("user without password", WHERE, DRY, beside("{" + MAIL + ", user: me}"), "other:", "connectors.other.user",
         '"me"', "user and secret together, or neither"),
    Case("in the clear", WHERE, DRY, beside("{" + HOOK.replace("https", "http") + "}"), "other:",
         "connectors.other.url", '"http://hook.example"', "an https address"),
    Case("looks like this machine", WHERE, DRY,
         beside("{" + HOOK.replace("https://hook", "http://127.0.0.1.hook") + "}"), "other:", "connectors.other.url",
         "127.0.0.1.hook", "an https address"),
    Case("asks for no key", WHERE, DRY, beside("{" + HOOK + ", ask_url: 'https://hook.example/asked'}"), "other:",
         "connectors.other.ask_url", "asked", "an address with {key} in it"),
    Case("secret in the file", WHERE, DRY, beside("{kind: slack, secret: 'xoxb-1', to: {default: x}}"), "other:",
         "connectors.other.secret", "a text that is no name", "the name of a secret, not the secret"),
    Case("no time at all", WHERE, DRY, beside("{kind: dry_run, timeout_seconds: 0}"), "other:",
         "connectors.other.timeout_seconds", "0", "at least 1 (seconds)"),
    Case("route to nowhere", WHERE, "routes: []", "routes: [{connector: dryrun}]", "routes:", "routes[0].connector",
         '"dryrun"', "one of dry_run", "did you mean dry_run?"),
    Case("default to nowhere", WHERE, "default: dry_run", "default: chat", "default: chat", "default", '"chat"',
         "one of dry_run"),
    Case("waits that shrink", HOW, "longest_wait_seconds: 3600", "longest_wait_seconds: 59",
         "longest_wait_seconds: 59", "work.longest_wait_seconds", "59", "at least work.first_wait_seconds, 60"),
    Case("no attempt", HOW, "attempts: 5", "attempts: 0", "attempts: 0", "work.attempts", "0", "at least 1 (times)"),
    Case("hour 24", HOW, "digest_hour: 8", "digest_hour: 24", "digest_hour: 24", "digest_hour", "24", "at most 23"),
    Case("expires at once", HOW, "approval_expires_days: 14", "approval_expires_days: 0", "approval_expires_days: 0",
         "approval_expires_days", "0", "at least 1 (days)"),
    Case("messages of nothing", HOW, "longest_text: 600", "longest_text: 19", "longest_text: 19",
         "messages.longest_text", "19", "at least 20 (characters)"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_mistake_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def test_none_of_it_is_part_of_the_policy_version(folder: Path) -> None:
    before = load_policies(folder).version
    for name, old, new in (
        (WHO, NOBODY, "people: {maria: [admin]}"),
        (WHERE, DRY, beside("{kind: dry_run}")),
        (HOW, "digest_hour: 8", "digest_hour: 9"),
    ):
        path = folder / name
        head, separator, tail = path.read_text().rpartition(old)
        assert separator
        path.write_text(head + new + tail)
    assert load_policies(folder).version == before


def test_roles_are_people_s_own_and_actions_may_have_approvers_of_their_own(folder: Path) -> None:
    access = load_policies(folder).access
    assert access.roles_of("anybody") == frozenset()
    assert access.approvers("send_check_in_email", "high") == {"approver_high", "admin"}
    assert access.approvers("reassign_ownership", "high") == {"manager", "admin"}
    assert access.promoters("suppressed") == {"manager", "approver_high", "admin"}
    assert access.promoters("queued") == frozenset()


def test_the_first_route_that_fits_decides() -> None:
    dry = Connector(kind="dry_run")
    routes = (
        Route(connector="a", actions=("digest",)),
        Route(connector="b", kinds=("task",), roles=("cs_manager",)),
        Route(connector="c", kinds=("task",)),
    )
    made = Connectors(connectors={name: dry for name in "abcd"}, routes=routes, default="d")
    assert made.serving("digest", "task", "CS manager") == "a"
    assert made.serving("other", "task", "CS manager") == "b"
    assert made.serving("other", "task", None) == "c"
    assert made.serving("other", "record", "CS manager") == "d"
    assert (role_key("CS  manager"), role_key(None)) == ("cs_manager", "default")


def test_an_address_is_the_person_s_else_the_role_s_else_everybody_s() -> None:
    made = Connector(kind="email", to={"csm": "csm@x", "default": "all@x"}, people={"Ann": "ann@x"})
    assert made.address("CSM", "Ann") == "ann@x"
    assert made.address("CSM", "Ben") == "csm@x"
    assert made.address("AE", None) == "all@x"
    assert Connector(kind="slack", to={"csm": "#c"}).address("AE", None) is None
