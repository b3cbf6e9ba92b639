"""The nginx of deploy/, for real: TLS, the portal behind it, and two Dagster webservers behind the portal's word."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster._core.instance.ref import InstanceRef
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from orchestration.settings import PROJECT_ROOT
from tests.simulators.server import make_certificates
from tests.support import portal

DEPLOY = PROJECT_ROOT / "deploy" / "nginx"
START_SECONDS = 240

# One schedule to start: whoever may do that may do anything.
DEFINITIONS = """
import dagster as dg

@dg.op
def nothing(): ...

@dg.job
def small():
    nothing()

defs = dg.Definitions(
    jobs=[small], schedules=[dg.ScheduleDefinition(name="nightly", job=small, cron_schedule="0 5 * * *")]
)
"""
START = """mutation {
  startSchedule(scheduleSelector: {
    repositoryName: "__repository__", repositoryLocationName: "small.py", scheduleName: "nightly"
  }) { __typename }
}"""
LOOK = "{ version }"


@dataclass
class Front:
    """The whole thing, running. `home` is the portal's own address, without nginx."""

    base: str
    behind: str
    authority: str

    @contextmanager
    def visitor(self, *roles: str) -> Iterator[httpx.Client]:
        """Somebody with these roles, signed in through nginx; nobody, without any."""
        context = ssl.create_default_context(cafile=self.authority)
        with httpx.Client(base_url=self.base, verify=context, timeout=60) as client:
            if roles:
                person = {"person": portal.SELLER, "role": list(roles), "path": "/"}
                answer = client.post("/sign-in/development", data=person)
                assert answer.status_code == 303, answer.text
            yield client


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@contextmanager
def process(*command: str, folder: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """A process until the end of the block; it is ended by its own number."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".log", delete=False) as log:
        begun = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment, cwd=folder)
        try:
            yield begun
        finally:
            begun.terminate()
            try:
                begun.wait(20)
            except subprocess.TimeoutExpired:
                begun.kill()
                begun.wait(10)


def wait_for(begun: subprocess.Popen, url: str, folder: Path, verify: str | bool = True) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert begun.poll() is None, "\n".join(log.read_text() for log in folder.glob("*.log"))
        try:
            if httpx.get(url, timeout=5, verify=verify).status_code < 500:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"{url} doesn't answer"
        time.sleep(0.2)


def configured(folder: Path, tls: int, plain: int, upstreams: dict[str, str]) -> Path:
    """The configuration of deploy/ with the ports, addresses and files of this test, and nothing else changed."""
    for file in DEPLOY.glob("*.conf"):
        shutil.copy(file, folder)
    main = folder / "nginx.conf"
    text = main.read_text(encoding="utf-8")
    for old, new in {
        "listen 8443": f"listen 127.0.0.1:{tls}",
        "listen 8080": f"listen 127.0.0.1:{plain}",
        "/run/secrets/tls_certificate": str(folder / "server.pem"),
        "/run/secrets/tls_key": str(folder / "server.pem"),
        "/tmp/nginx": str(folder / "nginx"),  # noqa: S108 - what stands in the file
        "/dev/stdout": str(folder / "requests.log"),
    }.items():
        assert old in text
        text = text.replace(old, new)
    main.write_text(text, encoding="utf-8")
    names = folder / "upstreams.conf"
    text = names.read_text(encoding="utf-8")
    for name, address in upstreams.items():
        text, count = re.subn(rf"server {name}:\d+;", f"server {address};", text)
        assert count == 1
    names.write_text(text, encoding="utf-8")
    return main


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    authority, _ = make_certificates(folder)
    (folder / "small.py").write_text(DEFINITIONS, encoding="utf-8")
    dagster_home = folder / "dagster"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    # Made here, since two servers that start at once would both make its tables.
    dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home))).dispose()
    full, looking, tls, plain = (free_port() for _ in range(4))
    webserver = str(Path(sys.executable).with_name("dagster-webserver"))
    of_dagster = [webserver, "-f", "small.py", "-h", "127.0.0.1", "--path-prefix", "/dagster", "-p"]
    with ExitStack() as stack:
        behind = stack.enter_context(portal.served(portal.home(folder / "portal"), is_behind_tls=True))
        environment = {"DAGSTER_HOME": str(dagster_home)}
        servers = [
            stack.enter_context(process(*of_dagster, *more, folder=folder, **environment))
            for more in ([str(full)], [str(looking), "--read-only"])
        ]
        upstreams = {
            "portal": behind.removeprefix("http://"),
            "dagster": f"127.0.0.1:{full}",
            "dagster-read-only": f"127.0.0.1:{looking}",
        }
        main = configured(folder, tls, plain, upstreams)
        nginx = stack.enter_context(
            process("nginx", "-p", str(folder), "-c", str(main), "-g", "daemon off;", folder=folder)
        )
        for server, port in zip(servers, (full, looking), strict=True):
            wait_for(server, f"http://127.0.0.1:{port}/dagster/server_info", folder)
        wait_for(nginx, f"http://127.0.0.1:{plain}/healthz", folder)
        yield Front(f"https://127.0.0.1:{tls}", behind, str(authority))


def ask(visitor: httpx.Client, query: str, **headers: str) -> httpx.Response:
    return visitor.post("/dagster/graphql", json={"query": query}, headers=headers)


def test_nobody_gets_to_dagster_without_signing_in(front):
    with front.visitor() as nobody:
        page = nobody.get("/dagster/")
        assert (page.status_code, page.headers["location"]) == (303, f"{front.base}/sign-in?path=/dagster/")
        answer = ask(nobody, LOOK)
        assert answer.status_code == 401
        assert "version" not in answer.text


def test_who_sees_some_accounts_only_sees_no_runs(front):
    with front.visitor("seller") as seller:
        assert seller.get("/dagster/").status_code == 403
        assert ask(seller, LOOK).status_code == 403


def test_who_may_look_looks_and_can_start_nothing(front):
    with front.visitor("executive") as viewer:
        assert viewer.get("/dagster/").status_code == 200
        assert ask(viewer, LOOK).json()["data"]["version"]
        assert ask(viewer, START).json()["data"]["startSchedule"]["__typename"] == "UnauthorizedError"


def test_who_operates_starts_things(front):
    with front.visitor("revops") as operator:
        assert operator.get("/dagster/").status_code == 200
        assert ask(operator, START).json()["data"]["startSchedule"]["__typename"] == "ScheduleStateResult"


@pytest.mark.parametrize("path", ["/dagster/graphql", "/dagster/graphql/", "/dagster//graphql", "/dagster/%67raphql"])
def test_no_mutation_runs_over_get(front, path):
    with front.visitor("admin") as operator:
        assert operator.get(path, params={"query": START}).status_code == 405
        assert operator.head(path, params={"query": START}).status_code == 405


def test_pages_of_other_sites_ask_for_nothing(front):
    with front.visitor("admin") as operator:
        assert ask(operator, START, Origin="https://evil.example").status_code == 403
        assert ask(operator, START, Origin="null").status_code == 403
        assert ask(operator, LOOK, Origin=front.base).status_code == 200


def test_websockets_are_for_pages_of_this_site(front):
    context = ssl.create_default_context(cafile=front.authority)
    url = front.base.replace("https", "wss") + "/dagster/graphql"
    with front.visitor("admin") as operator:
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in operator.cookies.items())}
    with connect(
        url, ssl=context, origin=front.base, additional_headers=cookie, subprotocols=["graphql-ws"]
    ) as socket_:
        socket_.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(socket_.recv(20))["type"] == "connection_ack"
    for origin, headers, status in (("https://evil.example", cookie, 403), (front.base, {}, 401)):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, ssl=context, origin=origin, additional_headers=headers, subprotocols=["graphql-ws"])
        assert refused.value.response.status_code in (status, 303)


def test_what_is_for_machines_inside_isnt_there(front):
    with front.visitor("admin") as operator:
        for path in (
            "/metrics",
            "/readyz",
            "/auth/dagster",
            "/_dagster_access",
            "/dagster/report_asset_materialization/x",
        ):
            assert operator.get(path).status_code == 404, path
        assert operator.post("/dagster/report_asset_materialization/x", json={}).status_code == 404


def test_the_portal_is_reached_with_its_headers_and_one_request_id(front):
    with front.visitor("seller") as seller:
        page = seller.get("/", headers={"X-Request-Id": "mine-and-nobody-elses"})
        assert page.status_code == 200
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert re.fullmatch(r"[0-9a-f]{32}", page.headers["x-request-id"])
        assert page.headers["strict-transport-security"]
    assert httpx.get(front.behind + "/auth/dagster").status_code == 401


def test_a_body_that_is_too_large_ends_at_nginx(front):
    with front.visitor("seller") as seller:
        assert seller.post("/", content=b"x" * (5 * 1024 * 1024)).status_code == 413
