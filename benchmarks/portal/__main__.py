"""Measures the portal at 100,000 accounts: pages for 16 people at once, its memory, exports, and a publication that
changes under load; the same table in Streamlit as a peer.

`python -m benchmarks.portal` makes the home (from the demo's publication, see `home.py`), serves it by the command that
people use, and asks from another process. Results go to `benchmarks/portal/results.json` and its `REPORT.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from benchmarks.portal import peer
from benchmarks.portal.home import described, grow
from benchmarks.portal.load import Client
from benchmarks.portal.report import report
from benchmarks.watch import tree_rss
from orchestration.ledger.store import Store
from orchestration.policy.load import load_policies
from orchestration.publishing.reader import Publication
from orchestration.publishing.snapshot import renew_histories
from orchestration.settings import PROJECT_ROOT, Settings

HERE = Path(__file__).parent
AT_ONCE = 16
_PORT = 8399
_MUCH = 1_000_000_000
_MB = 2**20
_SEARCHES = ("cloud", "peñ", "grid", "group", "health", "lab")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30, help="so long pages are asked for, each time")
    parser.add_argument("--from", dest="source", type=Path, help="a home with a publication; default: the demo's")
    parser.add_argument("--home", type=Path, help="where the large home is kept, for the next time")
    parser.add_argument("--no-peer", action="store_true", help="leave Streamlit out")
    parser.add_argument("--peer-python", type=Path, help="a Python that has Streamlit; default: one is made for it")
    arguments = parser.parse_args(argv)
    work = Path(tempfile.mkdtemp(prefix="account-health-portal-"))
    try:
        settings = _home(arguments, work)
        result = measure(settings, arguments.seconds)
        _write(result)
        if not arguments.no_peer:
            python = arguments.peer_python
            result["peer"] = peer.run(python, settings) if python else peer.measure(settings, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(result)
    print(report(result))
    return 0


def _write(result: dict[str, Any]) -> None:
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (HERE / "REPORT.md").write_text(report(result), encoding="utf-8")


def _home(arguments: argparse.Namespace, work: Path) -> Settings:
    """The large home, with policies of its own that let one person ask without end."""
    folder = (arguments.home or work / "home").absolute()
    policies = work / "policies"
    shutil.copytree(PROJECT_ROOT / "policies", policies)
    content = yaml.safe_load((policies / "portal.yaml").read_text(encoding="utf-8"))
    content |= {"most_a_minute": _MUCH, "most_sign_ins_a_minute": _MUCH}
    (policies / "portal.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    settings = Settings(home=folder, policies=policies)
    if not (settings.published_path / "CURRENT").exists():
        source = Settings(home=arguments.source) if arguments.source else _demo(work / "demo")
        grow(source, settings, arguments.accounts)
        _take_in(settings)
    return settings


def _demo(folder: Path) -> Settings:
    program = str(Path(sys.executable).parent / "account-health")
    subprocess.run([program, "demo", "--home", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return Settings(home=folder)


def _take_in(settings: Settings) -> None:
    from orchestration.actions.sync import take_in

    with Store.open(settings) as store, Publication.open(settings.published_path) as publication:
        take_in(store, publication, load_policies(settings.policies), publication.manifest.published_at)


def measure(settings: Settings, seconds: float) -> dict[str, Any]:
    """Everything that is measured of the portal itself."""
    result: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 1),
        "at_once": AT_ONCE,
        "seconds": seconds,
    }
    with Publication.open(settings.published_path) as publication:
        tables = publication.manifest.tables
        result["rows"] = {name: tables[name].rows for name in _NAMED}
        plans = _plans(publication)
    with served(settings) as (base, process):
        began = time.monotonic()
        client = Client(base, "Otto", "executive")
        result["first_page_seconds"] = round(
            time.monotonic() - began + client.get("targets", "/").milliseconds / 1e3, 1
        )
        result["mb_when_loaded"] = tree_rss(process.pid) // _MB
        _ask(base, plans, seconds / 3)
        result["loads"] = [
            _load(title, base, process, chosen, seconds, pause) for title, chosen, pause in _loads(plans)
        ]
        result["exports"] = _exports(Client(base, "Otto", "executive"))
        result["mb_at_most"] = _peak_mb(process.pid)
        result["swap"] = _swap(settings, base, plans, seconds)
        result["mb_at_most_with_swap"] = _peak_mb(process.pid)
    return result


# Seconds that people look at a page, as a mean, where they don't ask without end.
_PAUSE = 1.0


def _loads(plans: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Sequence[dict[str, Any]], float]]:
    """Title, plans and pause of each load: lists, for one person up to sixteen, and with pages of accounts."""
    lists = [plan | {"pages": [one for one in plan["pages"] if one["page"] != "account"]} for plan in plans]
    # The executive sees all accounts, so it is the dearest one.
    executive = [plan for plan in lists if plan["who"]["role"] == "executive"]
    yield "One executive alone, lists, without a pause", executive, 0
    yield "Four at once, lists, without a pause", lists[:: AT_ONCE // 4], 0
    yield f"{AT_ONCE} at once, lists, without a pause", lists, 0
    yield f"{AT_ONCE} at once, lists and pages of accounts, without a pause", plans, 0
    yield f"{AT_ONCE} people, lists and pages of accounts, who look at each for {_PAUSE:g} s", plans, _PAUSE


def _load(
    title: str, base: str, process: subprocess.Popen, plans: Sequence[dict[str, Any]], seconds: float, pause: float
) -> dict[str, Any]:
    before = _processor_seconds(process.pid)
    taken = _ask(base, plans, seconds, pause)
    return {
        "title": title,
        "pages": _figures(taken),
        "requests_a_second": round(len(taken) / seconds, 1),
        "processor_milliseconds": round(1_000 * (_processor_seconds(process.pid) - before) / len(taken), 1),
        "failed": sum(one["status"] != 200 for one in taken),
    }


_NAMED = (
    "account_signals",
    "health_check_candidates",
    "hygiene_issues",
    "recommended_actions",
    "account_health_history",
)


@contextmanager
def served(settings: Settings) -> Iterator[tuple[str, subprocess.Popen]]:
    """The portal as people start it, in a process of its own."""
    program = [str(Path(sys.executable).parent / "account-health"), "portal", "--development", "--port", str(_PORT)]
    program += ["--home", str(settings.home_path), "--policies", str(settings.policies)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        base = f"http://127.0.0.1:{_PORT}"
        try:
            _wait(base, process)
            yield base, process
        finally:
            process.terminate()
            process.wait(30)


def _wait(base: str, process: subprocess.Popen) -> None:
    import httpx

    until = time.monotonic() + 300
    while True:
        try:
            httpx.get(f"{base}/sign-in")
            return
        except httpx.TransportError:
            assert process.poll() is None, "the portal ended"
            assert time.monotonic() < until, "the portal doesn't start"
            time.sleep(0.2)


def _plans(publication: Publication) -> list[dict[str, Any]]:
    """Sixteen people, most of them sellers, and what each may ask for: filters, orders, searches, pages at random."""
    named = publication.rows("select distinct owner_name from account_signals where owner_name is not null order by 1")
    owners = [row["owner_name"] for row in named]
    plans = []
    for owner in owners[:: len(owners) // 10][:10]:
        who = {"person": owner, "role": "seller"}
        plans.append({"who": who, "pages": _pages(_some(publication, "owner_name = ?", owner), owners)})
    for geo in ("EMEA", "APAC", "AMER"):
        who = {"person": f"manager of {geo}", "role": "manager", "geos": [geo]}
        plans.append({"who": who, "pages": _pages(_some(publication, "geo = ?", geo), owners)})
    for role in ("executive", "revops", "admin"):
        plans.append({"who": {"person": role, "role": role}, "pages": _pages(_some(publication, "true"), owners)})
    return plans


def _some(publication: Publication, condition: str, *values: str) -> list[str]:
    """Accounts at random, the same ones each time."""
    query = f"select account_id from account_signals where {condition} order by hash(account_id) limit 200"
    return [row["account_id"] for row in publication.rows(query, values)]


def _pages(accounts: Sequence[str], owners: Sequence[str]) -> list[dict[str, Any]]:
    """Pages with the addresses to choose from; lists are asked for twice as often as accounts."""
    targets = [
        *_varied(
            "/", "status", ("past_due", "pending", "upcoming"), ("-amount", "due_date", "health_score", "account_name")
        ),
        *(f"/?owner={quote(owner)}" for owner in owners[::9]),
    ]
    listed = _varied("/accounts", "tier", ("at_risk", "stable", "declining"), ("-arr", "score", "-churn_probability"))
    hygiene = _varied("/hygiene", "severity", ("warning", "info"), ("account_name", "-first_seen"))
    actions = _varied("/actions", "priority", ("P1", "P2", "P3"), ("due_on", "account_name"))
    found = [
        {"page": "targets", "paths": targets},
        {"page": "accounts", "paths": listed},
        {"page": "hygiene", "paths": hygiene},
        {"page": "actions", "paths": actions},
        {"page": "account", "paths": [f"/accounts/{quote(account, safe='')}" for account in accounts]},
    ]
    return [found[0], *found]


def _varied(path: str, name: str, values: Sequence[str], sorts: Sequence[str]) -> list[str]:
    """Addresses of a list: each filter with each order, GEO and segment, searches, later pages."""
    found = [path]
    for value in values:
        for sort in sorts:
            found += [f"{path}?{name}={value}&sort={sort}", f"{path}?{name}={value}&geo=EMEA&sort={sort}&page=2"]
            found += [f"{path}?segment=enterprise&{name}={value}&sort={sort}"]
    return [*found, *(f"{path}?q={quote(text)}&sort={sorts[0]}" for text in _SEARCHES)]


def _ask(base: str, plans: Sequence[dict[str, Any]], seconds: float, pause: float = 0) -> list[dict[str, Any]]:
    asked = json.dumps({"base": base, "plans": plans, "seconds": seconds, "pause": pause})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.portal.load"],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT_ROOT,
    )
    return json.loads(done.stdout)


def _figures(taken: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of each page, and of all: how many, and percentiles of milliseconds at the server and at the client."""
    answered = [one for one in taken if one["status"] == 200]
    pages = sorted({one["page"] for one in answered})
    return {page: _percentiles([one for one in answered if page in (one["page"], "all")]) for page in (*pages, "all")}


def _percentiles(taken: Sequence[dict[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {"requests": len(taken)}
    for where, key in (("server", "server_milliseconds"), ("client", "milliseconds")):
        values = sorted(one[key] for one in taken)
        cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
        found |= {f"{where}_p{one}": round(cuts[one - 1], 1) for one in (50, 95, 99)}
    return found


def _exports(client: Client) -> dict[str, Any]:
    found = {}
    for kind, path in (("csv", "/export/actions.csv?geo=EMEA"), ("xlsx", "/export/targets.xlsx?geo=APAC")):
        taken = client.get(kind, path)
        found[kind] = {
            "status": taken.status,
            "rows": taken.rows,
            "seconds": round(taken.milliseconds / 1_000, 2),
            "mb": round(taken.bytes / _MB, 1),
        }
    return found


def _swap(settings: Settings, base: str, plans: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What people notice of a publication that comes while sixteen ask."""
    from threading import Thread

    again = Thread(target=_publish_again, args=(settings,))
    again.start()
    taken = _ask(base, plans, max(45.0, seconds))
    again.join()
    return {"pages": _figures(taken)["all"], "failed": sum(one["status"] != 200 for one in taken)}


def _publish_again(settings: Settings) -> None:
    """The same tables as another publication."""
    with Publication.open(settings.published_path) as publication:
        tables = publication.manifest.tables
    histories = {name: settings.history_path / name for name, table in tables.items() if table.is_history}
    keys = {name: tables[name].key for name in histories}
    renew_histories(
        settings.published_path, histories, moment=datetime.now(UTC), keys=keys, descriptions=described(tables)
    )


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1_024


if __name__ == "__main__":
    sys.exit(main())
