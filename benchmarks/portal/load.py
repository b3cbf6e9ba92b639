"""Asks a portal for pages, many at once, and says how long each took.

A process of its own, so that the portal keeps its interpreter; on plain sockets, so that little of the processors goes
to asking. It still shares them with the portal.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlencode, urlsplit

TIMING = "server-timing"


@dataclass(frozen=True)
class Taken:
    """One request: what page it was, the milliseconds it took here and in the server, and its status."""

    page: str
    milliseconds: float
    server_milliseconds: float
    status: int
    bytes: int
    rows: int = 0


class Client:
    """Somebody who is signed in, on one connection."""

    def __init__(self, base: str, person: str, role: str, geos: Sequence[str] = ()) -> None:
        where = urlsplit(base)
        self._connection = http.client.HTTPConnection(where.hostname, where.port, timeout=900)
        form = urlencode({"person": person, "role": role, "geo": list(geos), "path": "/"}, doseq=True)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/sign-in/development", form, headers)
        answer = self._connection.getresponse()
        answer.read()
        cookies = [value.split(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        assert answer.status == 303, answer.status
        self._headers = {"Cookie": "; ".join(cookies)}

    def get(self, page: str, path: str) -> Taken:
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1_000
        timing = re.search(r"dur=([0-9.]+)", answer.getheader(TIMING) or "")
        return Taken(
            page,
            took,
            float(timing[1]) if timing else took,
            answer.status,
            len(body),
            int(answer.getheader("x-rows") or 0),
        )


def drive(base: str, plans: Sequence[dict], seconds: float, pause: float = 0) -> list[Taken]:
    """Let as many clients as there are plans ask at once, each again as soon as it is answered.

    `pause`: so many seconds they look at what they got before, as a mean.
    """
    taken: list[Taken] = []
    until = time.monotonic() + seconds
    lock = threading.Lock()

    def ask(number: int, plan: dict) -> None:
        chance = random.Random(number)  # noqa: S311 - which page is next
        client = Client(base, **plan["who"])
        own = []
        while time.monotonic() < until:
            page = chance.choice(plan["pages"])
            own.append(client.get(page["page"], chance.choice(page["paths"])))
            time.sleep(chance.uniform(0, 2 * pause))
        with lock:
            taken.extend(own)

    threads = [threading.Thread(target=ask, args=(number, plan)) for number, plan in enumerate(plans)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


if __name__ == "__main__":
    told = json.load(sys.stdin)
    print(json.dumps([asdict(one) for one in drive(told["base"], told["plans"], told["seconds"], told["pause"])]))
