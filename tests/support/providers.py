"""Real identity providers on loopback: oidc-provider under node, SimpleSAMLphp under PHP's own server.

They are called `localhost` where the portal is called 127.0.0.1, so that they are another site to a browser, as they
are in earnest.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from orchestration.settings import PROJECT_ROOT
from tests.support.portal import free_port
from tests.support.saml import SigningKey

CLIENT, SECRET = "account-health", "a secret of the browser tests"
_NODE = PROJECT_ROOT / "tests" / "browser" / "idp"
_SIMPLESAML = Path("/usr/share/simplesamlphp")
_START_SECONDS, _END_SECONDS = 60, 10
_PASSWORD = "pass"  # noqa: S105 - of nobody


@dataclass
class OidcProvider:
    """An OpenID Connect provider; every start has other keys."""

    portal: str
    people: Mapping[str, Mapping[str, Any]]
    port: int

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the end of the block."""
        settings = {
            "issuer": self.issuer,
            "port": self.port,
            "portal": self.portal,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "people": self.people,
        }
        with _process(["node", "provider.mjs", json.dumps(settings)], _NODE, {}) as process:
            _wait(f"{self.issuer}/.well-known/openid-configuration", process)
            yield


@dataclass
class SamlProvider:
    """A SAML 2.0 provider with its folder of settings."""

    folder: Path
    port: int

    @property
    def base(self) -> str:
        return f"http://localhost:{self.port}"

    def metadata(self) -> str:
        """What it says of itself."""
        return httpx.get(f"{self.base}/saml2/idp/metadata.php", timeout=30).raise_for_status().text

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the end of the block."""
        command = ["php", "-d", "error_reporting=0", "-S", f"127.0.0.1:{self.port}", "-t", str(_SIMPLESAML / "www")]
        # One process would wait for itself where pages ask for each other.
        environment = {"SIMPLESAMLPHP_CONFIG_DIR": str(self.folder / "config"), "PHP_CLI_SERVER_WORKERS": "3"}
        with _process(command, self.folder, environment) as process:
            _wait(f"{self.base}/saml2/idp/metadata.php", process)
            yield


def oidc_provider(portal: str, people: Mapping[str, Mapping[str, Any]]) -> OidcProvider:
    """A provider for a portal; `people` by what they type as their name, each with claims."""
    return OidcProvider(portal, people, free_port())


def saml_provider(
    folder: Path, portal: str, certificate: str, people: Mapping[str, Mapping[str, list[str]]]
) -> SamlProvider:
    """A provider for a portal that signs with the key of this certificate; `people` by name, each with attributes."""
    provider = SamlProvider(folder, free_port())
    for name in ("config", "metadata", "cert", "sessions", "tmp", "log", "data"):
        (folder / name).mkdir(parents=True)
    key = SigningKey("localhost")
    (folder / "cert" / "idp.pem").write_bytes(key.pem)
    (folder / "cert" / "idp.crt").write_text(key.certificate)
    sources = {
        "people": {0: "exampleauth:UserPass"} | {f"{name}:{_PASSWORD}": said for name, said in people.items()},
        "admin": {0: "core:AdminPassword"},
    }
    hosted = {
        f"{provider.base}/idp": {
            "host": "__DEFAULT__",
            "privatekey": "idp.pem",
            "certificate": "idp.crt",
            "auth": "people",
            "signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "redirect.sign": True,
            "redirect.validate": True,
            "authproc": {1: {"class": "saml:AttributeNameID", "attribute": "mail", "Format": _EMAIL}},
        }
    }
    der = "".join(line for line in certificate.splitlines() if not line.startswith("-----"))
    remote = {
        f"{portal}/sign-in/saml/metadata": {
            "AssertionConsumerService": f"{portal}/sign-in/saml/answer",
            "SingleLogoutService": f"{portal}/sign-in/saml/out",
            "NameIDFormat": _EMAIL,
            "certData": der,
        }
    }
    config = {
        "baseurlpath": f"{provider.base}/",
        "certdir": f"{folder}/cert/",
        "loggingdir": f"{folder}/log/",
        "datadir": f"{folder}/data/",
        "tempdir": str(folder / "tmp"),
        "metadatadir": f"{folder}/metadata/",
        "secretsalt": os.urandom(16).hex(),
        "auth.adminpassword": os.urandom(16).hex(),
        "technicalcontact_email": "na@example.org",
        "timezone": "UTC",
        "logging.handler": "file",
        "enable.saml20-idp": True,
        "module.enable": {"exampleauth": True, "core": True, "saml": True},
        "session.cookie.secure": False,
        "session.cookie.samesite": None,
        "session.phpsession.savepath": f"{folder}/sessions",
        "store.type": "phpsession",
        "metadata.sources": [{"type": "flatfile", "directory": f"{folder}/metadata"}],
        "language.default": "en",
        "trusted.url.domains": [portal.partition("//")[2]],
    }
    (folder / "config" / "config.php").write_text(f"<?php $config = {_php(config)};")
    (folder / "config" / "authsources.php").write_text(f"<?php $config = {_php(sources)};")
    (folder / "metadata" / "saml20-idp-hosted.php").write_text(f"<?php $metadata = {_php(hosted)};")
    (folder / "metadata" / "saml20-sp-remote.php").write_text(f"<?php $metadata = {_php(remote)};")
    return provider


_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


def _php(value: Any) -> str:
    """A value as PHP writes it."""
    if isinstance(value, Mapping):
        return f"[{', '.join(f'{_php(name)} => {_php(one)}' for name, one in value.items())}]"
    if isinstance(value, list):
        return f"[{', '.join(map(_php, value))}]"
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


@contextmanager
def _process(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # With the processes it began: they are a group of their own.
        os.killpg(process.pid, 15)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(_END_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, "the provider ended at once"
        try:
            if httpx.get(url, timeout=10).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "the provider doesn't start"
        time.sleep(0.1)
