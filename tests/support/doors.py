"""The web app on loopback, as it is served, and a home whose policies have two systems that call."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
import yaml

from orchestration.ledger.store import Store
from orchestration.ledger.tables import hook_calls
from orchestration.settings import PROJECT_ROOT, Settings
from portal.app import create_app, server_config

DESK_KEY, ORG_KEY = "key of the desk", "key of the org"
_DESK = {"url": "https://desk.example.com", "sign_in": "oauth", "secret": "desk_token"}
_ORG = {
    "url": "https://org.example.com",
    "sign_in": "client_credentials",
    "client_id": "3MVG",
    "secret": "org_secret",
    "own_user": "health@example.com",
}


def home_with_callers(folder: Path, **hooks: Any) -> Settings:
    """A home with `desk` and `quiet_desk` (Zendesk), `org` and `lost_org` (Salesforce); `hooks` replace values.

    `quiet_desk` has no key for calls; the key of `lost_org` is empty.
    """
    policies, secrets = folder / "policies", folder / "secrets"
    shutil.copytree(PROJECT_ROOT / "policies", policies)
    content = yaml.safe_load((policies / "systems.yaml").read_text())
    content["zendesk"] = {"desk": _DESK | {"hook_secret": "desk_key"}, "quiet_desk": _DESK}
    content["salesforce"] = {"org": _ORG | {"hook_secret": "org_key"}, "lost_org": _ORG | {"hook_secret": "lost_key"}}
    content["hooks"] |= hooks
    (policies / "systems.yaml").write_text(yaml.safe_dump(content))
    secrets.mkdir()
    for name, key in (("desk_key", DESK_KEY), ("org_key", ORG_KEY), ("lost_key", "")):
        (secrets / name).write_text(key + "\n")
    return Settings(home=folder / "home", policies=policies, secrets=secrets)


@contextmanager
def served(settings: Settings, **app: Any) -> Iterator[str]:
    """Run the app; yields its address."""
    server = uvicorn.Server(server_config(create_app(settings, only_hooks=True, **app), "127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the app didn't start"
            assert time.monotonic() < deadline, "the app doesn't start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def calls_kept(settings: Settings) -> list[dict[str, Any]]:
    """The rows of hook_calls, in the order they came."""
    with Store.open(settings) as store, store.reading() as con:
        return [dict(row) for row in con.execute(sa.select(hook_calls).order_by(hook_calls.c.number)).mappings()]
