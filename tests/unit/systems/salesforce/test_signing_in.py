"""Signing in: both ways, what is said when it is refused, and where a token goes."""

from __future__ import annotations

import time

import pytest

from orchestration.sources.errors import SourceError
from orchestration.systems.http import ApiError
from tests.support.salesforce import ACCOUNTS, Org


def refused(org: Org, **settings: str) -> ApiError:
    system = org.system(**settings)
    with pytest.raises(ApiError) as caught:
        system.session.sign_in()
    system.close()
    return caught.value


def jwt(org: Org, **settings: str) -> dict[str, str]:
    org.secret = org.secret or org.crm.private_key
    return {"sign_in": "jwt", "user": org.crm.username, **settings}


def test_by_client_credentials(org: Org) -> None:
    org.pull(ACCOUNTS)
    assert org.calls("POST */token") == 1


def test_by_a_signed_assertion(org: Org) -> None:
    org.pull(ACCOUNTS, **jwt(org))
    assert len(org.rows(ACCOUNTS)) == 6


@pytest.mark.parametrize(
    ("settings", "secret", "words", "mend"),
    [
        ({"client_id": "another"}, "", "client identifier invalid", "consumer key"),
        ({}, "wrong-secret-of-ours", "invalid client credentials", "secret crm_secret"),
    ],
)
def test_what_is_wrong_with_credentials_is_told(
    org: Org, settings: dict[str, str], secret: str, words: str, mend: str
) -> None:
    org.secret = secret
    error = refused(org, **settings)
    assert words in error.message
    assert mend in error.action
    assert "wrong-secret" not in str(error)
    assert org.time.waits == []


@pytest.mark.parametrize(
    ("settings", "words", "mend"),
    [
        ({"user": "nobody@vendor.example"}, "hasn't approved", "administrator approves in advance"),
        ({"audience": "https://elsewhere.example"}, "audience is invalid", "login.salesforce.com"),
        ({"client_id": "another"}, "client identifier invalid", "consumer key"),
    ],
)
def test_what_is_wrong_with_an_assertion_is_told(org: Org, settings: dict[str, str], words: str, mend: str) -> None:
    error = refused(org, **jwt(org, **settings))
    assert words in error.message
    assert mend in error.action


@pytest.mark.parametrize(("ahead", "side"), [(600, "ahead of"), (-600, "behind")])
def test_a_clock_that_is_off_is_told_in_words(org: Org, ahead: int, side: str) -> None:
    org.wall = time.time() + ahead
    error = refused(org, **jwt(org))
    assert f"seconds {side} the org's" in error.message
    assert 598 <= int(error.message.split("clock is ")[1].split()[0]) <= 603
    assert "NTP" in error.action


def test_an_org_whose_clock_is_off_is_told_too(org: Org) -> None:
    org.simulator.company.clock.skew(-1_000)
    assert "ahead of the org's" in refused(org, **jwt(org)).message


def test_a_secret_that_is_no_key_is_told_and_not_shown(org: Org) -> None:
    org.secret = "\n".join(("-----BEGIN PRIVATE KEY-----", "nothing", "-----END PRIVATE KEY-----"))
    error = refused(org, **jwt(org))
    assert "crm_secret can't sign" in error.message
    assert "nothing" not in str(error)
    assert org.calls("*") == 0


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "https://evilsalesforce.com",
        "https://salesforce.com.evil.example",
        "http://x.my.salesforce.com",
        "https://user@evil.example/x.salesforce.com",
        "https://x.my.salesforce.com:444",
    ],
)
def test_a_token_goes_nowhere_else(org: Org, address: str) -> None:
    org.crm.instance_url = address
    with pytest.raises(SourceError, match="outside Salesforce"):
        org.pull()
    assert org.calls("*") == 1


def test_a_token_may_go_to_salesforce_itself(org: Org) -> None:
    org.crm.instance_url = "https://vendor.my.salesforce.com"
    system = org.system()
    system.session.sign_in()
    assert system.session.api.base_url == "https://vendor.my.salesforce.com"
    system.close()


def test_signing_in_is_tried_again_when_the_org_is_out(org: Org) -> None:
    org.simulator.faults.add("html_503", "POST */token")
    org.simulator.faults.add("reset", "POST */token", after=1)
    org.pull(ACCOUNTS)
    assert len(org.rows(ACCOUNTS)) == 6
    assert org.time.waits == [1, 2]


def test_neither_token_nor_secret_is_kept(org: Org) -> None:
    org.pull()
    kept = b"".join(path.read_bytes() for path in org.folder.rglob("*") if path.is_file())
    (token,) = org.crm.sessions
    for secret in (token, org.crm.client_secret):
        assert secret.encode() not in kept
    system = org.system()
    system.session.sign_in()
    assert org.crm.client_secret not in repr(system.session._sign_in)
    system.close()
