"""Signatures against the vendors' own words, and our own webhooks as they leave the house."""

from __future__ import annotations

import pytest

from orchestration.policy import systems as policy
from orchestration.systems.hooks.calls import Changed, read_call
from orchestration.systems.hooks.signatures import (
    SALESFORCE,
    ZENDESK,
    ZENDESK_SIGNATURE,
    ZENDESK_TIMESTAMP,
    NotSignedError,
    Signed,
    TooOldError,
    check_age,
    check_signature,
)
from orchestration.systems.signing import SIGNATURE, TIMESTAMP, sign

KEY = b"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
ORG = policy.Salesforce.model_construct(user="Jobs@example.com", own_user="0055g00000Ab1cDAAR")


def test_a_call_signed_elsewhere_is_recognised() -> None:
    # printf '2021-03-25T05:09:27Z{"ticket_id":"7"}' | openssl dgst -sha256 -hmac KEY -binary | base64
    headers = {
        ZENDESK_SIGNATURE: "ELWHrJbOw8dZMiOtaG5mZZR5tdJuufC2wM/c6Z7G6dI=",
        ZENDESK_TIMESTAMP: "2021-03-25T05:09:27Z",
    }
    body = b'{"ticket_id":"7"}'
    signed = check_signature(ZENDESK, headers, body, KEY)
    check_age(ZENDESK, signed, 1_616_648_967 + 300, 300)
    for age in (301, -301):
        with pytest.raises(TooOldError, match="signed 301 seconds"):
            check_age(ZENDESK, signed, 1_616_648_967 + age, 300)
    # The same with a dot between, in hexadecimal.
    ours = {SIGNATURE: "849ff067f1359308701f49ae5fd021074ad909ed36ca631058271a530e34c8e4", TIMESTAMP: "1616648967"}
    check_age(SALESFORCE, check_signature(SALESFORCE, ours, body, KEY), 1_616_648_967 - 300, 300)
    assert sign(KEY, "1616648967", body) == ours[SIGNATURE]


@pytest.mark.parametrize("given", ["", "=", "AAAA", "\u0660" * 3, "None"])
def test_nothing_else_is_a_signature(given: str) -> None:
    headers = {ZENDESK_SIGNATURE: given, ZENDESK_TIMESTAMP: "2021-03-25T05:09:27Z"}
    with pytest.raises(NotSignedError):
        check_signature(ZENDESK, headers, b"", KEY)


def test_no_key_signs_nothing() -> None:
    headers = {SIGNATURE: sign(b"", "1616648967", b"{}"), TIMESTAMP: "1616648967"}
    with pytest.raises(NotSignedError):
        check_signature(SALESFORCE, headers, b"{}", b"")


@pytest.mark.parametrize("time", ["", "-5", "٣", "1e9", "9" * 400, "9" * 5000])
def test_only_whole_seconds_are_a_time(time: str) -> None:
    signed = check_signature(SALESFORCE, {SIGNATURE: sign(KEY, time, b"{}"), TIMESTAMP: time}, b"{}", KEY)
    with pytest.raises(TooOldError, match="isn't a time as it should be"):
        check_age(SALESFORCE, signed, 1_616_648_967, 300)


@pytest.mark.parametrize(
    ("changed_by", "is_ours"),
    [
        ("0055g00000Ab1cDAAR", True),
        ("0055g00000Ab1cD", True),
        ("0055G00000AB1CD", False),
        ("jobs@EXAMPLE.com", True),
        ("ann@example.com", False),
        ("", False),
    ],
)
def test_who_changed_it_is_told_by_name_or_id(changed_by: str, is_ours: bool) -> None:
    body = b'{"id": "c", "record_id": "0015g00000Ab1cD", "changed_by": "%s"}' % changed_by.encode()
    changed = Changed("Account", "0015g00000Ab1cDAAR", "0015g00000Ab1cDAAR")
    assert read_call(ORG, {}, body, Signed("", "")).changed == (() if is_ours else (changed,))
