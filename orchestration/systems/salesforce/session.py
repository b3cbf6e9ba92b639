"""Calls to one org: signed, the token renewed when its session ends, the day's calls watched, refusals in words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from orchestration.policy.systems import Calling, Salesforce
from orchestration.systems.http import NOTHING_LOST, Answer, Api, ApiError, QuotaError
from orchestration.systems.salesforce.sign_in import SignIn

_USAGE = re.compile(r"(?:^|[\s,;])api-usage=(\d+)/(\d+)")
_SIGNED_OUT = "INVALID_SESSION_ID"
_SPENT = "REQUEST_LIMIT_EXCEEDED"
# The vendor counts the last 24 hours, so after so long another call may ask how many are left.
_KNOWN_SECONDS = 3_600
# How to mend what the vendor's codes say.
_MENDS: Mapping[str, str] = {
    "API_DISABLED_FOR_ORG": "give the user the permission API Enabled; the org's edition must have the API",
    "API_CURRENTLY_DISABLED": "give the user the permission API Enabled; the org's edition must have the API",
    "INSUFFICIENT_ACCESS": "give the user's permission set the right that is missing",
    "INSUFFICIENT_ACCESS_OR_READONLY": "give the user's permission set the right that is missing",
    "INVALID_TYPE": "see that the object exists and that the user's permission set may read it",
    "INVALID_FIELD": "see that the field exists and that the user's permission set may read it",
    "MALFORMED_QUERY": "see `where` of the source",
    "QUERY_TIMEOUT": "ask for less: narrow `where` to fields with an index",
}


def code_of(error: ApiError) -> str:
    """The vendor's code of an error; blank where it gave none."""
    return _code(error.body)


def _code(body: Any) -> str:
    first = body[0] if isinstance(body, list) and body else body
    return str(first.get("errorCode") or "") if isinstance(first, dict) else ""


def _words(body: Any) -> str:
    listed = body if isinstance(body, list) else [body]
    told = [one for one in listed if isinstance(one, dict) and one.get("errorCode")]
    return "; ".join(f"{one['errorCode']}: {one.get('message', '')}" for one in told)


class Session:
    """One org, signed in to when it is first called.

    No call is made once `quota_share_pct` of the day's calls are used, by whom ever: an answer tells how many are. The
    answer that tells it still counts, the next call raises QuotaError.
    """

    def __init__(
        self,
        name: str,
        policy: Salesforce,
        secret: str,
        calling: Calling,
        deadline: float | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.policy = policy
        self.calling = calling
        self.sleep, self.clock = sleep, clock
        times: dict[str, Any] = {"deadline": deadline, "sleep": sleep, "clock": clock}
        self._token_call = Api(name, policy.url, calling, **times)
        self._sign_in = SignIn(policy, secret, self._token_call, wall)
        self._token: str | None = None
        self._used: tuple[int, int] | None = None
        self._used_at = 0.0
        self.api = Api(
            name,
            policy.url,
            calling,
            authorise=self._authorise,
            judge=self._judge,
            is_signed_out=lambda status, body: status == 401 or _code(body) == _SIGNED_OUT,
            watch=self._watch,
            **times,
        )

    @property
    def calls(self) -> int:
        """Calls made so far, signing in included."""
        return self.api.calls + self._token_call.calls

    @property
    def quota(self) -> str | None:
        """How many of the day's calls are used, in words; None until an answer told."""
        return None if self._used is None else f"{self._used[0]:,} of {self._used[1]:,} calls used today"

    @property
    def is_spent(self) -> bool:
        """Whether so many of the day's calls are used that no more are made."""
        if self._used is None or self.clock() - self._used_at > _KNOWN_SECONDS:
            return False
        return self._used[0] * 100 >= self._used[1] * float(self.policy.quota_share_pct)

    def path(self, rest: str, version: str | None = None) -> str:
        """The path of something below the version of the API; `version`: another than policy's."""
        return f"/services/data/v{version or self.policy.api_version}/{rest}"

    def get(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """An answer whose body is an object. Raises ApiError."""
        answer = self.api.json("GET", path, params=params, headers=headers)
        if not isinstance(answer.body, dict):
            raise self.error("the answer isn't what this call gives.", path, action=NOTHING_LOST)
        return answer

    def sign_in(self) -> None:
        """Sign in now; raises ApiError."""
        self._token, self.api.base_url = self._sign_in()

    def error(self, message: str, path: str = "", **more: Any) -> ApiError:
        """An error of this org."""
        return self.api.error(message, path, **more)

    def close(self) -> None:
        self.api.close()
        self._token_call.close()

    def _authorise(self, renew: bool) -> Mapping[str, str]:
        if self.is_spent:
            used, most = self._used or (0, 0)
            share = self.policy.quota_share_pct
            raise QuotaError(
                f"{used:,} of the org's {most:,} calls of a day are used, by anybody; from {share} % on none are made.",
                file=self.name,
                expected=f"less than {most * float(share) / 100:,.0f} calls (quota_share_pct of policies/systems.yaml)",
                action=NOTHING_LOST,
            )
        if renew or self._token is None:
            self.sign_in()
        return {"Authorization": f"Bearer {self._token}"}

    def _watch(self, headers: Mapping[str, str]) -> None:
        found = _USAGE.search(headers.get("sforce-limit-info", ""))
        if found:
            self._used, self._used_at = (int(found[1]), int(found[2])), self.clock()

    def _judge(self, status: int, body: Any) -> ApiError | None:
        code, words = _code(body), _words(body)
        if not words:
            return None
        where = {"status": status, "body": body, "file": self.name}
        if code == _SPENT:
            told = f", {self.quota}" if self.quota else ""
            return QuotaError(f"the org takes no more calls ({words}{told}).", action=NOTHING_LOST, **where)
        return ApiError(f"it answered {status} ({words}).", action=_MENDS.get(code, ""), **where)
