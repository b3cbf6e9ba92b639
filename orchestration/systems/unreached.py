"""Why a system couldn't be reached, in words that name what to look at, and never the address: it may hold a secret."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

# What can be done about most errors of reading.
NOTHING_LOST = "nothing is lost: the next pull goes on where this one stopped"

_URL = "url in policies/systems.yaml"
_IN_BETWEEN = f"check {_URL}, and whether a proxy (HTTPS_PROXY) or a firewall is in between"
_NAME = f"check {_URL}, and that this machine finds names (DNS), or needs a proxy (HTTPS_PROXY)"
_AUTHORITY = (
    "where a private authority signed it (the company's, a proxy's), name a file with its certificate "
    f"in SSL_CERT_FILE; else check {_URL}"
)
_EXPIRED = "its owner has to renew it"
_PLAIN_HTTP = f"check scheme and port of {_URL}, and whether a proxy (HTTPS_PROXY) is in between"
_FILE, _FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
_CERTIFICATES = f"correct {_FILE} or {_FOLDER}, or unset it: then well-known authorities are trusted"

# Numbers of OpenSSL's X509_V_ERR_….
_NOT_YET, _HAS_EXPIRED, _OTHER_NAME = 9, 10, (62, 63, 64)
# What OpenSSL calls an answer that isn't TLS, by version.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True, slots=True)
class Reason:
    """What keeps a call from arriving, and what to do. `may_pass`: there is sense in trying again."""

    words: str
    action: str
    may_pass: bool = True


def reason(error: httpx.HTTPError, url: str) -> Reason:
    """Why no whole answer came of a call to `url`."""
    for cause in _chain(error):
        found = _of(cause)
        if found is not None:
            return found
    told = f"no whole answer came: {type(error).__name__}."
    if isinstance(error, httpx.RemoteProtocolError) and url.startswith("http:"):
        return Reason(told, f"if it speaks https, say so in {_URL}")
    return Reason(told, NOTHING_LOST)


def certificates_missing(error: OSError | None = None) -> Reason | None:
    """What is wrong with the authorities that the environment names, once they couldn't be loaded; None: nothing."""
    name = _FILE if os.environ.get(_FILE) else _FOLDER
    place = os.environ.get(name, "")
    is_there = Path(place).is_file() if name == _FILE else Path(place).is_dir()
    if place and not is_there:
        kind = "file" if name == _FILE else "folder"
        return Reason(f"{name} names a {kind} that isn't there: {place}.", _CERTIFICATES, may_pass=False)
    if error is None:
        return None
    if not place:
        return Reason(f"no authorities can be trusted: {type(error).__name__}.", "install the project anew", False)
    why = "can't be read" if isinstance(error, PermissionError) else "has no certificates"
    return Reason(f"{name} names a file that {why}: {place}.", _CERTIFICATES, may_pass=False)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of(cause: BaseException) -> Reason | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(cause)
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        return Reason("what answers at its address doesn't speak https.", _PLAIN_HTTP, may_pass=False)
    if isinstance(cause, ConnectionRefusedError):
        return Reason("nothing listens at its address.", _IN_BETWEEN)
    if isinstance(cause, socket.gaierror):
        return Reason("the name in its address isn't known.", _NAME)
    if isinstance(cause, httpx.ConnectTimeout):
        return Reason("nothing answers at its address.", _IN_BETWEEN)
    return None


def _certificate(error: ssl.SSLCertVerificationError) -> Reason:
    if error.verify_code == _HAS_EXPIRED:
        return Reason("its certificate has expired.", _EXPIRED, may_pass=False)
    if error.verify_code == _NOT_YET:
        return Reason("its certificate isn't valid yet.", "check the clock of this machine", may_pass=False)
    if error.verify_code in _OTHER_NAME:
        # OpenSSL's own words would name the address.
        return Reason("its certificate is another address's.", _PLAIN_HTTP, may_pass=False)
    return Reason(f"its certificate isn't trusted: {error.verify_message}.", _AUTHORITY, may_pass=False)
