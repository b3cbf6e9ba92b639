"""Service tokens: shown once, kept as hashes, limited to what they were made for, ended by time or by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from orchestration.cli import app as cli
from orchestration.ledger.store import Store, utc_now
from orchestration.ledger.tables import audit_log, service_tokens
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.access import Viewer
from portal.tokens import PREFIX, Scope, TokenError, Tokens
from tests.support.portal import GEO, OTHER_GEO, SELLER, Person, home, published, served, signed_in

API = "/api/v1"
ADMIN = "Ada"
_SHOWN = re.compile(r'id="itself" readonly value="([^"]+)"')


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("tokens"), access={"people": {ADMIN: ["admin"], "Rita": ["revops"]}})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def admin(base: str) -> Person:
    return signed_in(base, ADMIN, ["admin"])


def made(admin: Person, **form: object) -> str:
    answer = admin.submit("/tokens", {"name": "etl", "days": "30", "role": ["executive"], "all_tables": "yes"} | form)
    shown = _SHOWN.search(answer.text)
    assert shown, answer.text
    return shown[1]


def asked(base: str, token: str, path: str = "/tables", kind: str = "Bearer") -> httpx.Response:
    return httpx.get(f"{base}{API}{path}", headers={"Authorization": f"{kind} {token}"})


def kept(settings: Settings) -> list[dict]:
    with Store.open(settings) as store, store.reading() as con:
        return [dict(row) for row in con.execute(sa.select(service_tokens)).mappings()]


def test_a_token_is_shown_once_and_kept_as_a_hash(settings: Settings, base: str, admin: Person) -> None:
    token = made(admin, name="<b>nightly")
    assert token.startswith(PREFIX)
    assert len(token) > 40
    assert token not in admin.get("/tokens").text
    assert "&lt;b&gt;nightly" in admin.get("/tokens").text
    assert not [file for file in settings.home_path.glob("operations.db*") if token.encode() in file.read_bytes()]
    assert asked(base, token).status_code == 200
    with Store.open(settings) as store, store.reading() as con:
        events = con.execute(sa.select(audit_log).where(audit_log.c.event == "token_made")).mappings().all()
    assert any("nightly" in event["detail"] and event["person"] == ADMIN for event in events)


def test_it_sees_what_it_was_made_for(settings: Settings, base: str, admin: Person) -> None:
    token = made(admin, role=["manager"], geos=GEO, all_tables=[], table=["health_check_candidates"])
    names = [table["name"] for table in asked(base, token).json()["tables"]]
    assert names == ["health_check_candidates"]
    rows = asked(base, token, "/tables/health_check_candidates?limit=1000").json()["rows"]
    assert {row["geo"] for row in rows} == {GEO}
    assert asked(base, token, "/tables/account_health").status_code == 404
    assert asked(base, token, "/actions").status_code == 404
    other = published(settings, f"select account_id from account_signals where geo = '{OTHER_GEO}' limit 1")[0]
    assert asked(base, token, f"/accounts/{other['account_id']}").status_code == 404
    own = asked(base, token, f"/accounts/{rows[0]['account_id']}").json()
    assert own["tables"] == {}


def test_a_seller_s_token_has_the_accounts_of_the_owners_it_names(base: str, admin: Person) -> None:
    token = made(admin, role=["seller"], names=SELLER)
    rows = asked(base, token, "/tables/health_check_candidates?limit=1000").json()["rows"]
    assert {row["owner_name"] for row in rows} == {SELLER}
    nobody = made(admin, name=SELLER, role=["seller"])
    assert asked(base, nobody, "/tables/health_check_candidates").json()["total"] == 0, "its name makes it nobody"


def test_only_the_header_counts_and_only_whole(base: str, admin: Person) -> None:
    token = made(admin)
    assert asked(base, token).status_code == 200
    for answer in (
        asked(base, token[:-1]),
        asked(base, f"{token}x"),
        asked(base, token, kind="Basic"),
        asked(base, "-"),
        httpx.get(f"{base}{API}/tables", params={"token": token, "access_token": token}),
        httpx.get(f"{base}{API}/tables", cookies={"account_health_session": token}),
        admin.get(f"{API}/tables", headers={"Authorization": "Bearer ahk_wrong"}),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    page = httpx.get(base, headers={"Authorization": f"Bearer {token}"})
    assert page.headers["location"].startswith("/sign-in"), "a token opens no page"


def test_one_that_is_revoked_or_over_holds_no_longer(settings: Settings, base: str, admin: Person) -> None:
    token = made(admin, name="soon gone")
    row = next(row for row in kept(settings) if row["name"] == "soon gone")
    assert admin.submit(f"/tokens/{row['token_id']}/revoke").status_code == 200
    assert asked(base, token).status_code == 401
    assert "no such token" in admin.submit(f"/tokens/{row['token_id']}/revoke").text
    over = made(admin, name="over")
    assert asked(base, over).status_code == 200
    with Store.open(settings) as store, store.writing() as con:
        con.execute(sa.update(service_tokens).where(service_tokens.c.name == "over").values(expires_at=utc_now()))
    assert asked(base, over).status_code == 401


def test_use_is_noted(settings: Settings, base: str, admin: Person) -> None:
    token = made(admin, name="used")
    assert next(row for row in kept(settings) if row["name"] == "used")["last_used_at"] is None
    asked(base, token)
    assert next(row for row in kept(settings) if row["name"] == "used")["last_used_at"] is not None


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"days": "366"}, "1 to 365 days"),
        ({"days": "0"}, "1 to 365 days"),
        ({"days": "many"}, "1 to 365 days"),
        ({"name": " "}, "needs a name"),
        ({"role": []}, "needs a role"),
        ({"role": ["root"]}, "needs a role"),
        ({"all_tables": [], "table": []}, "needs a table"),
        ({"all_tables": [], "table": ["sqlite_master"]}, "needs a table"),
    ],
)
def test_what_can_t_be_made_is_said(settings: Settings, admin: Person, form: dict[str, object], words: str) -> None:
    before = len(kept(settings))
    answer = admin.submit("/tokens", {"name": "x", "days": "30", "role": ["seller"], "all_tables": "yes"} | form)
    assert answer.status_code == 422
    assert words in answer.text
    assert len(kept(settings)) == before


def test_nobody_but_an_administrator_handles_them(settings: Settings, base: str) -> None:
    for role in ("seller", "manager", "executive", "revops", "approver_high"):
        client = signed_in(base, "Rita", [role])
        before = len(kept(settings))
        assert client.get("/tokens").status_code == 403
        assert client.submit("/tokens", {"name": "x", "days": "30", "role": ["admin"]}).status_code == 403
        assert client.submit("/tokens/abc/revoke").status_code == 403
        assert len(kept(settings)) == before
    assert signed_in(base, ADMIN, ["admin"]).post("/tokens", data={"name": "x"}).status_code == 403, (
        "without form token"
    )


def test_none_sees_more_than_its_maker(settings: Settings) -> None:
    policies = load_policies(settings.policies)
    maker = Viewer("m", "m", frozenset(["manager"]), geos=("emea",), sees=frozenset(["area"]))
    with Store.open(settings) as store:
        tokens = Tokens(store, policies.access, policies.portal)
        tokens.make("fits", Scope(("manager",), geos=("EMEA",)), 1, "m", maker)
        for scope in (
            Scope(("executive",)),
            Scope(("manager",), geos=("EMEA", "APAC")),
            Scope(("manager",), geos=("EMEA",), regions=("US West",)),
            Scope(("seller",), names=("Ann",)),
            Scope(("manager", "admin"), geos=("EMEA",)),
        ):
            with pytest.raises(TokenError, match="more than you"):
                tokens.make("beyond", scope, 1, "m", maker)


def test_too_many_requests_of_one_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    own = home(tmp_path_factory.mktemp("rates"), portal={"most_a_minute_of_a_token": 5})
    with served(own) as address:
        client = signed_in(address, ADMIN, ["admin"])
        one, other = made(client), made(client)
        answers = [asked(address, one, "/publication") for _ in range(8)]
        assert [answer.status_code for answer in answers[:5]] == [200] * 5
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        assert asked(address, other, "/publication").status_code == 200


def test_the_terminal_makes_lists_and_revokes(settings: Settings, base: str) -> None:
    run = CliRunner()
    where = ["--home", str(settings.home_path), "--policies", str(settings.policies)]
    refused = run.invoke(cli, ["tokens", "make", "x", "--role", "seller", "--days", "3", "--by", "Rita", *where])
    assert refused.exit_code == 2
    assert "no admin" in refused.output
    unknown = run.invoke(cli, ["tokens", "make", "x", "--role", "root", "--days", "3", "--by", ADMIN, *where])
    assert unknown.exit_code == 2
    new = run.invoke(
        cli,
        ["tokens", "make", "by hand", "--role", "executive", "--days", "3", "--table", "alerts", "--by", ADMIN, *where],
    )
    assert new.exit_code == 0, new.output
    token = new.stdout.strip().splitlines()[-1]
    assert [table["name"] for table in asked(base, token).json()["tables"]] == ["alerts"]
    listed = run.invoke(cli, ["tokens", "list", "--by", ADMIN, *where]).stdout
    line = next(line for line in listed.splitlines() if "by hand" in line)
    assert "valid" in line
    assert token not in listed
    token_id = line.split()[0]
    assert run.invoke(cli, ["tokens", "revoke", token_id, "--by", ADMIN, *where]).exit_code == 0
    assert asked(base, token).status_code == 401
    assert run.invoke(cli, ["tokens", "revoke", token_id, "--by", ADMIN, *where]).exit_code == 1
