"""Calls to one Zendesk account: how they are signed, and what its refusals mean in words."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestration.policy.systems import Calling, Zendesk
from orchestration.systems.http import Api, ApiError

_SIGNED_OUT, _FORBIDDEN = 401, 403
# Of errors about a page that comes again.
AGAIN = {
    "expected": "a cursor that moves on",
    "action": "pull again later; where it comes again, ask Zendesk's support. Nothing was changed here",
}


def sign(policy: Zendesk, secret: str) -> Mapping[str, str]:
    """The header that signs a call."""
    if policy.sign_in == "oauth":
        return {"Authorization": f"Bearer {secret}"}
    pair = f"{policy.user}/token:{secret}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def open_api(
    name: str,
    policy: Zendesk,
    secret: str,
    calling: Calling,
    deadline: float | None = None,
    *,
    pace: int | None = None,
    watch: Callable[[Mapping[str, str]], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Api:
    """An account's API. `pace`: calls in a minute, at most."""
    header = sign(policy, secret)
    return Api(
        name,
        policy.url,
        calling,
        authorise=lambda _: header,
        judge=lambda status, body: _judged(name, policy, status, body),
        # A token doesn't run out: asking for a new one mends nothing.
        is_signed_out=lambda _status, _body: False,
        watch=watch,
        pace=pace,
        deadline=deadline,
        sleep=sleep,
        clock=clock,
    )


def listed(api: Api, path: str, word: str) -> Iterator[dict]:
    """Every entry of a list that is paged by cursor."""
    for entries, _ in pages_of(api, path, word):
        yield from entries


def pages_of(
    api: Api, path: str, word: str, after: str | None = None, also: Mapping[str, str] | None = None, size: int = 100
) -> Iterator[tuple[list[dict], str]]:
    """The pages of a list from a cursor on, each with the cursor after it. Raises ApiError where one comes again."""
    seen = {after}
    while True:
        params = {"page[size]": str(size), **(also or {})} | ({"page[after]": after} if after else {})
        body = api.json("GET", path, params=params).body
        if not isinstance(body, dict) or not isinstance(body.get(word), list):
            raise api.error(f"the answer has no {word}.", path, expected=f"a list of {word}")
        meta = body.get("meta") or {}
        after = meta.get("after_cursor")
        yield body[word], after or ""
        if not meta.get("has_more"):
            return
        if not after or after in seen:
            raise api.error("the list names a page that was read already as the next one.", path, **AGAIN)
        seen.add(after)


def _judged(name: str, policy: Zendesk, status: int, body: Any) -> ApiError | None:
    if status == _SIGNED_OUT:
        mended = (
            f"an API token of {policy.user}, active, where access by API token is on"
            if policy.sign_in == "token"
            else "an OAuth access token that wasn't revoked, with the scope read"
        )
        action = (
            f"make a new one in the Admin Center (Apps and integrations, APIs) and put it into the secret "
            f"{policy.secret}"
        )
        return ApiError("the sign-in was refused.", status=status, body=body, file=name, expected=mended, action=action)
    if status == _FORBIDDEN:
        return ApiError(
            f"it forbids this{_title(body)}.",
            status=status,
            body=body,
            file=name,
            expected="a user with the role admin, and a token with the scope read: exports are for admins",
            action="give that role to the user of the token, or use another's token",
        )
    return None


def _title(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    title = error.get("title") if isinstance(error, dict) else error
    return f" ({title})" if isinstance(title, str) else ""
