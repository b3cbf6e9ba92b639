"""A small published home for tests of the portal, the portal on loopback over it, and people who are signed in.

The home is a demo company of 100 accounts and a few with hostile names, refreshed by its own stages as of `AS_OF`, with
a ledger that took it in. It is made once for as long as what it is made from stays as it is; tests get copies.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import httpx
import uvicorn
import yaml

from orchestration.ledger.store import Store
from orchestration.policy.load import load_policies
from orchestration.settings import PROJECT_ROOT, Settings
from portal.access import Identity
from portal.app import create_app, server_config
from portal.sessions import Sessions
from portal.web import SESSION_COOKIE

AS_OF = date(2026, 6, 30)
NOW = datetime(2026, 7, 1, 6, 0)
# Owners of the demo company, with accounts of their own; the hostile accounts are the seller's.
SELLER, OTHER_SELLER = "Hanae Mori", "Kwame Asante"
GEO, OTHER_GEO = "EMEA", "APAC"
ROLES = ("seller", "manager", "executive", "revops", "approver_low", "approver_medium", "approver_high", "admin")

# Names by account id.
HOSTILE = {
    "H-01": "<script>alert('name')</script>",
    "H-02": "\"><img src=x onerror=alert(1)> & 'co'",
    "H-03": '=HYPERLINK("https://evil.example","click")',
    "H-04": "@SUM(1+1)*cmd|' /C calc'!A0",
    "H-05": "Rob'); drop table published.account_signals;--",
    "H-06": "\u202eמחברים بيانات\u202c",
    "H-07": "🦔🏳️\u200d🌈 Hedgehog & Sons",
    "H-08": "Long " * 2_000,
    "H-09": "{{ 7 * 7 }} ${7*7} {account_health}",
    "H 10?&#%": "Odd id",
}
_FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_KEPT = PROJECT_ROOT / "dbt_project" / "target"
# What the home is made by.
_MAKERS = ("actions", "demo", "ledger", "publishing", "quality", "refresh", "sources")
# Policies that it doesn't depend on.
_OF_THE_PORTAL = ("access", "portal")
_OLD_SECONDS = 24 * 3600


def home(folder: Path, **policies: Mapping[str, Any]) -> Settings:
    """A copy of the small home in `folder`, with policies of its own: `access={"people": {...}}` replaces values."""
    made = _made()
    shutil.copytree(made, folder / "home", copy_function=_linked_where_immutable)
    shutil.copytree(PROJECT_ROOT / "policies", folder / "policies")
    for name, changes in policies.items():
        file = folder / "policies" / f"{name}.yaml"
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        file.write_text(yaml.safe_dump(_changed(content, changes), allow_unicode=True), encoding="utf-8")
    (folder / "secrets").mkdir()
    return Settings(home=folder / "home", policies=folder / "policies", secrets=folder / "secrets")


@contextmanager
def served(settings: Settings, port: int = 0, **app: Any) -> Iterator[str]:
    """Serve the portal of a home, with the development sign-in unless told otherwise; yields its address."""
    created = create_app(settings, **({"development_sign_in": True} | app))
    with running(created, port) as base:
        yield base


def free_port() -> int:
    """A port of loopback that nobody listens on: for what has to know its address before it is there."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@contextmanager
def running(app: Any, port: int = 0) -> Iterator[str]:
    """Run an app on a port of loopback, as the portal's server runs it; yields its address."""
    server = uvicorn.Server(server_config(app, "127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive(), "the portal didn't start"
            assert time.monotonic() < deadline, "the portal doesn't start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(15)


class Person(httpx.Client):
    """Somebody with a browser without scripts: keeps cookies, follows to other pages, sends forms."""

    def form_token(self, path: str = "/") -> str:
        """The token of this person's forms, from a page; one that is refused has it too."""
        found = _FORM_TOKEN.search(self.get(path).text)
        assert found, f"{path} has no form"
        return unescape(found[1])

    def submit(self, path: str, data: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Send a form of a page, with its token."""
        return self.post(path, data={"form_token": self.form_token()} | dict(data or {}), **more)


def signed_in(
    base: str,
    person: str = SELLER,
    roles: Sequence[str] = ("seller",),
    geos: Sequence[str] = (),
    regions: Sequence[str] = (),
) -> Person:
    """Somebody who signed in as this person with these roles; the development sign-in has to be on."""
    client = Person(base_url=base, follow_redirects=True, timeout=30)
    answer = client.post(
        "/sign-in/development",
        data={"person": person, "role": list(roles), "geo": list(geos), "region": list(regions), "path": "/"},
        follow_redirects=False,
    )
    assert answer.status_code == 303, answer.text
    return client


def entered(base: str, settings: Settings, identity: Identity) -> Person:
    """Somebody with a session as a provider would have told of them: also of no group that policy knows."""
    policy = load_policies(settings.policies).portal
    key = (settings.home_path / "portal.key").read_text(encoding="ascii")
    with Store.open(settings) as store:
        cookie = Sessions(store, policy, key).begin(identity)
    return Person(base_url=base, follow_redirects=True, timeout=30, cookies={SESSION_COOKIE: cookie})


def published(settings: Settings, query: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a query over the published tables, read from the files themselves; values by `$name`."""
    current = (settings.published_path / "CURRENT").read_text(encoding="utf-8").strip()
    folder = settings.published_path / current
    with duckdb.connect() as con:
        for name in {file.relative_to(folder).parts[0].removesuffix(".parquet") for file in folder.rglob("*.parquet")}:
            files = folder / (f"{name}.parquet" if (folder / f"{name}.parquet").exists() else f"{name}/*.parquet")
            con.read_parquet(str(files), union_by_name=True).create_view(name)
        result = con.execute(query, parameters)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _changed(content: Any, changes: Mapping[str, Any]) -> Any:
    return {**(content or {}), **changes}


def _linked_where_immutable(source: str, target: str) -> str:
    # Files of snapshots and histories are never changed in place.
    if source.endswith(".parquet"):
        with suppress(OSError):
            os.link(source, target)
            return target
    return shutil.copy2(source, target)


def _made() -> Path:
    """The home itself; made where need be, by one process."""
    folder = _KEPT / f"portal-home-{_fingerprint()}"
    if folder.exists():
        return folder
    _KEPT.mkdir(exist_ok=True)
    with (_KEPT / "portal-home.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _remove_old()
            building = folder.with_name(f"{folder.name}.building")
            shutil.rmtree(building, ignore_errors=True)
            _make(building)
            building.rename(folder)
    return folder


def _make(folder: Path) -> None:
    from orchestration.actions.sync import take_in
    from orchestration.dbt import ensure_manifest, published_descriptions, published_keys
    from orchestration.publishing.reader import Publication
    from orchestration.publishing.snapshot import publish_snapshot
    from orchestration.refresh.histories import PublishedHistories, keep
    from orchestration.refresh.run import Run
    from tests.support.stages import make

    settings = Settings(home=folder)
    _write_company(settings.drop_path)
    run = Run(settings, AS_OF, "run-of-tests")
    made = make(run)
    manifest = ensure_manifest(Settings())
    keys, descriptions = published_keys(manifest), published_descriptions(manifest)
    keep(run, made.con, keys)
    _keep_earlier(settings)
    histories = PublishedHistories.of(run, keys, descriptions)
    publish_snapshot(
        made.con,
        settings.published_path,
        run_id=run.run_id,
        as_of=AS_OF,
        policy_version=run.policies.version,
        published_at=NOW,
        keys={**keys, **histories.keys},
        tables=sorted(descriptions.keys() - histories.folders.keys()),
        descriptions={**descriptions, **histories.descriptions},
        history=histories.folders,
    )
    made.con.close()
    with Store.open(settings) as store, Publication.open(settings.published_path) as publication:
        take_in(store, publication, run.policies, NOW)


def _write_company(drop: Path) -> None:
    from orchestration.demo import write_demo

    write_demo(drop, AS_OF, accounts=100)
    _add(
        drop / "accounts.csv",
        (
            {
                "account_id": account_id,
                "account_name": name.strip(),
                "owner_name": SELLER,
                "geo": GEO,
                "region": "Nordics",
                "segment": "smb",
                "lifecycle": "active",
                "health_data_enrolled": "true",
            }
            for account_id, name in HOSTILE.items()
        ),
    )
    _add(
        drop / "contracts.csv",
        (
            {
                "contract_id": f"C-{account_id}",
                "account_id": account_id,
                "product": "Core <b>",
                "start_date": "2025-08-01",
                "end_date": str(AS_OF + timedelta(days=10 + number)),
                "amount": str(10_000 * (number + 1)),
                "currency": "USD",
                "auto_renew": "false",
            }
            for number, account_id in enumerate(HOSTILE)
        ),
    )


def _add(file: Path, rows: Iterator[Mapping[str, str]]) -> None:
    with file.open(encoding="utf-8", newline="") as existing:
        header = next(csv.reader(existing))
    with file.open("a", encoding="utf-8", newline="") as more:
        writer = csv.DictWriter(more, header, restval="", lineterminator="\n")
        writer.writerows(rows)


def _keep_earlier(settings: Settings) -> None:
    """Histories of earlier dates: what is kept of `AS_OF`, as if it had been so a week and a month before."""
    for file in list(settings.history_path.glob(f"*/{AS_OF}.parquet")):
        for day in (AS_OF - timedelta(days=7), AS_OF - timedelta(days=30)):
            with duckdb.connect() as con:
                rows = con.read_parquet(str(file))
                then = f"* replace (date '{day}' as as_of_date)" if "as_of_date" in rows.columns else "*"
                rows.project(then).write_parquet(str(file.with_name(f"{day}.parquet")), compression="zstd")


@cache
def _fingerprint() -> str:
    """Of every file that the home is made from."""
    root = PROJECT_ROOT
    files = [Path(__file__), Path(__file__).with_name("stages.py")]
    files += sorted(file for file in (root / "policies").glob("*.yaml") if file.stem not in _OF_THE_PORTAL)
    for part in _MAKERS:
        files += sorted((root / "orchestration" / part).rglob("*.py"))
    for part in ("models", "macros"):
        files += sorted(file for file in (root / "dbt_project" / part).rglob("*.*") if file.is_file())
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _remove_old() -> None:
    for old in _KEPT.glob("portal-home-*"):
        if time.time() - old.stat().st_mtime > _OLD_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
