"""How people sign in, as policy: what is wrong is told in words, and no secret is shown."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.policy.load import load_policies
from orchestration.policy.problems import PolicyError
from orchestration.settings import PROJECT_ROOT

OIDC = {"issuer": "https://login.example.com/realms/main/", "client_id": "account-health", "secret": "portal_oidc"}
SAML = {
    "entity_id": "https://idp.example.com",
    "sign_in_url": "https://idp.example.com/in",
    "certificates": ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"],
}
BASE = "https://health.example.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT_ROOT / "policies", tmp_path / "policies"))


def write(folder: Path, sign_in: Any) -> None:
    file = folder / "access.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(content | {"sign_in": sign_in}), encoding="utf-8")


def test_what_is_given_is_taken_and_the_rest_has_a_value(folder: Path) -> None:
    write(folder, {"base_url": f"{BASE}/", "oidc": OIDC, "saml": SAML})
    found = load_policies(folder).access.sign_in
    assert found.base_url == BASE
    assert found.oidc
    # An issuer is compared letter by letter.
    assert found.oidc.issuer == OIDC["issuer"]
    assert found.oidc.claims.person == "email"
    assert "HS256" not in found.oidc.algorithms
    assert found.saml
    assert found.saml.attributes.groups == "groups"


def test_nothing_is_set_up_as_shipped() -> None:
    found = load_policies(PROJECT_ROOT / "policies").access.sign_in
    assert (found.oidc, found.saml) == (None, None)


@pytest.mark.parametrize(
    ("sign_in", "words"),
    [
        ({"oidc": OIDC}, "no address; expected the address of the portal"),
        ({"base_url": "http://health.example.com"}, "expected an https address"),
        ({"base_url": f"{BASE}/portal"}, "without a path"),
        ({"base_url": BASE, "oidc": OIDC | {"issuer": "http://login.example.com"}}, "expected an https address"),
        ({"base_url": BASE, "oidc": OIDC | {"scopes": ["email"]}}, "openid among them"),
        ({"base_url": BASE, "oidc": OIDC | {"algorithms": ["HS256"]}}, "expected one of RS256"),
        ({"base_url": BASE, "oidc": OIDC | {"algorithms": ["none"]}}, "expected one of RS256"),
        ({"base_url": BASE, "oidc": OIDC | {"algorithms": []}}, "at least 1"),
        ({"base_url": BASE, "oidc": OIDC | {"secret": "Top-Secret-Value"}}, "the name of a secret"),
        ({"base_url": BASE, "saml": {}}, "a file as `metadata`"),
        ({"base_url": BASE, "saml": SAML | {"metadata": "idp.xml"}}, "the metadata file says it"),
        ({"base_url": BASE, "saml": {"metadata": "../idp.xml"}}, "a file in the folder of the policies"),
        ({"base_url": BASE, "saml": {"metadata": "/etc/passwd"}}, "a file in the folder of the policies"),
        ({"base_url": BASE, "saml": SAML | {"certificates": ["-----BEGIN PRIVATE KEY-----"]}}, "never a private key"),
        ({"base_url": BASE, "saml": SAML | {"key": "saml_key"}}, "both, or neither"),
        ({"clock_skew_seconds": 86_400}, "at most 300"),
    ],
)
def test_what_cannot_work_is_told(sign_in: Any, words: str, folder: Path) -> None:
    write(folder, sign_in)
    with pytest.raises(PolicyError) as refused:
        load_policies(folder)
    told = str(refused.value)
    assert words in told
    assert "sign_in" in told
    assert "Top-Secret-Value" not in told
