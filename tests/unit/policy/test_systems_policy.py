"""The policy of connected systems: told in words when it is wrong, by itself and together with the sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken import Case, assert_told

from orchestration.policy.load import check, load_policies
from orchestration.policy.problems import PolicyError

SYSTEMS, SOURCES = "systems.yaml", "sources.yaml"
ORG = "  crm: {url: 'https://x.my.salesforce.com', sign_in: client_credentials, client_id: abc, secret: crm_secret}\n"
SALESFORCE = ("salesforce:\n", "")
DESK = "  desk: {url: 'https://x.zendesk.com', sign_in: token, user: a@x.com, secret: desk_token}\n"


def org(**changed: str) -> str:
    """The text of an org with some settings changed or added."""
    settings = {
        "url": "'https://x.my.salesforce.com'",
        "sign_in": "client_credentials",
        "client_id": "abc",
        "secret": "crm_secret",
    } | changed
    return "salesforce:\n  crm: {" + ", ".join(f"{name}: {value}" for name, value in settings.items()) + "}\n"


ALONE = [
    Case("no https", SYSTEMS, "salesforce: {}\n", org(url="'http://x.my.salesforce.com'"), "  crm:",
         "salesforce.crm.url", '"http://x.my.salesforce.com"', "an https address"),
    Case("password in the address", SYSTEMS, "salesforce: {}\n", org(url="'https://me:pw@x.my.salesforce.com'"),
         "  crm:", "salesforce.crm.url", "an address with a user", "an https address without user"),
    Case("jwt without user", SYSTEMS, "salesforce: {}\n", org(sign_in="jwt"), "  crm:", "salesforce.crm.user",
         "nothing", "a user with sign_in jwt"),
    Case("user without jwt", SYSTEMS, "salesforce: {}\n", org(user="me@x.com"), "  crm:", "salesforce.crm.user",
         '"me@x.com"', "a user with sign_in jwt, none without"),
    Case("unknown sign-in", SYSTEMS, "salesforce: {}\n", org(sign_in="password"), "  crm:", "salesforce.crm.sign_in",
         '"password"', "one of client_credentials, jwt"),
    Case("version as a number", SYSTEMS, "salesforce: {}\n", org(api_version="62"), "  crm:",
         "salesforce.crm.api_version", "62", "text"),
    Case("half a version", SYSTEMS, "salesforce: {}\n", org(api_version="'62.5'"), "  crm:",
         "salesforce.crm.api_version", '"62.5"', "a version such as '62.0'"),
    Case("quota over all", SYSTEMS, "salesforce: {}\n", org(quota_share_pct="101"), "  crm:",
         "salesforce.crm.quota_share_pct", "101", "at most 100"),
    Case("page too long", SYSTEMS, "salesforce: {}\n", org(page_rows="2001"), "  crm:", "salesforce.crm.page_rows",
         "2001", "at most 2000"),
    Case("no name of a secret", SYSTEMS, "salesforce: {}\n", ORG.replace("crm_secret", "CRM secret").join(SALESFORCE),
         "  crm:", "salesforce.crm.secret", "a text that is no name", "the name of a secret"),
    Case("token without user", SYSTEMS, "zendesk: {}\n",
         "zendesk:\n  desk: {url: 'https://x.zendesk.com', sign_in: token, secret: desk_token}\n", "  desk:",
         "zendesk.desk.user", "nothing", "a user with sign_in token"),
    Case("no bucket", SYSTEMS, "buckets: {}\n", "buckets:\n  lake: {url: 'ftp://x/y'}\n", "  lake:",
         "buckets.lake.url", '"ftp://x/y"', "a folder of an object store"),
    Case("bucket without a name", SYSTEMS, "buckets: {}\n", "buckets:\n  lake: {url: 's3:///'}\n", "  lake:",
         "buckets.lake.url", '"s3:///"', "a folder of an object store"),
    Case("no port", SYSTEMS, "inboxes: {}\n", "inboxes:\n  mail: {host: x, port: 0, user: a, secret: pw}\n",
         "  mail:", "inboxes.mail.port", "0", "at least 1"),
    Case("waits that shrink", SYSTEMS, "  first_wait_seconds: 1\n", "  first_wait_seconds: 121\n",
         "longest_wait_seconds: 120", "calling.longest_wait_seconds", "120", "at least calling.first_wait_seconds"),
    Case("memory of nothing", SYSTEMS, "memory_limit: 256MB", "memory_limit: lots", "memory_limit",
         "pulling.memory_limit", '"lots"', "text that matches"),
    Case("where of a file", SOURCES, "sources: []\n",
         "sources:\n  - {name: a, stream: usage, path: a.csv, where: x = 1}\n", "  - {name: a",
         "sources[0].where", '"where"', "no such key without system"),
    Case("several headers of a file", SOURCES, "sources: []\n",
         "sources:\n  - {name: a, stream: usage, path: a.csv, columns: {seats: [A, B]}}\n", "  - {name: a",
         "sources[0].columns.seats", "a list", "one header"),
    Case("no field in a list", SOURCES, "sources: []\n",
         "sources:\n  - {name: a, stream: usage, path: a.csv, columns: {seats: []}}\n", "  - {name: a",
         "sources[0].columns.seats", "an empty list", "a field"),
    Case("a word that nobody knows", SOURCES, "sources: []\n",
         "sources:\n  - {name: a, stream: activities, path: a.csv, value_maps: {type: {Call: calll}}}\n",
         "  - {name: a", "sources[0].value_maps.type.Call", '"calll"', "one of call, email,", "did you mean call?"),
]  # fmt: skip

SOURCE = "sources:\n  - {{name: a, stream: accounts, {}}}\n"
COLUMNS = "columns: {account_name: Name, owner_name: Owner.Name, geo: A, region: B}"
TOGETHER = [
    ("unknown system", "salesforce", f"system: crm2, object: Account, {COLUMNS}", "sources[0].system",
     'the unknown system "crm2"', "one of crm"),
    ("nothing asked", "salesforce", "system: crm", "sources[0].system", "nothing that is asked for",
     "object or report"),
    ("sql of a CRM", "salesforce", "system: crm, sql: select 1", "sources[0].sql", "sql", "object or report"),
    ("other object of a desk", "zendesk", f"system: desk, object: user, {COLUMNS}", "sources[0].object", '"user"',
     "ticket"),
    ("a condition of Zendesk", "zendesk", f"system: desk, object: ticket, where: x, {COLUMNS}", "sources[0].where",
     '"x"', "no condition"),
]  # fmt: skip

WITH_SYSTEM = [
    ("two questions", "system: crm, object: Account, report: 00O", "object and report", "one of them"),
    ("a file's setting", "system: crm, object: Account, delimiter: ';'", '"delimiter"', "no such key with object"),
    ("a query of files", "system: crm, object: Account, query: select 1", '"query"', "no such key with object"),
    ("a watermark of an object", "system: crm, object: Account, watermark: x", '"watermark"',
     "no such key without sql"),
    ("a subject of an object", "system: crm, object: Account, subject: x", '"subject"', "without attachment"),
    ("a watermark without key", "system: crm, sql: select 1, watermark: x", "no account_id", "the stream's key"),
]  # fmt: skip


@pytest.mark.parametrize("case", ALONE, ids=lambda case: case.name)
def test_a_broken_setting_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def connected(folder: Path, kind: str, source: str) -> None:
    """Policies with an org or a desk, and one source."""
    systems, sources = folder / SYSTEMS, folder / SOURCES
    settings = ORG if kind == "salesforce" else DESK
    systems.write_text(systems.read_text().replace(f"\n{kind}: {{}}\n", f"\n{kind}:\n{settings}"))
    sources.write_text(sources.read_text().replace("\nsources: []\n", "\n" + SOURCE.format(source)))


@pytest.mark.parametrize(
    ("kind", "source", "key", "found", "expected"), [t[1:] for t in TOGETHER], ids=[t[0] for t in TOGETHER]
)
def test_sources_and_systems_have_to_fit(folder, kind, source, key, found, expected) -> None:
    connected(folder, kind, source)

    with pytest.raises(PolicyError) as error:
        load_policies(folder)

    (problem,) = error.value.problems
    assert (problem.file, problem.key) == (SOURCES, key)
    assert problem.line is not None
    assert found in problem.found
    assert expected in problem.expected


@pytest.mark.parametrize(("source", "found", "expected"), [w[1:] for w in WITH_SYSTEM], ids=[w[0] for w in WITH_SYSTEM])
def test_a_source_of_a_system_says_one_thing(folder, source, found, expected) -> None:
    connected(folder, "salesforce", source)

    with pytest.raises(PolicyError) as error:
        load_policies(folder)

    assert any(found in one.found and expected in one.expected for one in error.value.problems), error.value.problems


def test_a_mapping_loads(folder: Path) -> None:
    columns = "columns: {account_name: Name, owner_name: Owner.Name, geo: [A, B], region: C}, extra: [Website]"
    connected(folder, "salesforce", f"system: crm, object: Account, {columns}")

    assert check(folder) == []
    (source,) = load_policies(folder).sources.sources
    assert source.fields == ("Name", "Owner.Name", "A", "B", "C", "Website")
    assert source.asks == "object"


@pytest.mark.parametrize(
    ("block", "settings"),
    [
        ("salesforce", org(url="'https://u:topsecretpw@x.my.salesforce.com'")),
        ("salesforce", org(url="'https://u:top/secretpw@x.my.salesforce.com'")),
        ("salesforce", org(url="'https://u:topsecretpw@[x'")),
        ("salesforce", org(url="'u:topsecretpw@x'")),
        ("salesforce", org(url="'https://x.my.salesforce.com?token=topsecretpw'")),
        ("salesforce", org(**{"secret": "'p@ss topsecretpw'"})),
        ("salesforce", org(hook_secret=f"'{'topsecretpw' * 9}'")),
        ("salesforce", org(**{"secret": "{topsecretpw: 1}"})),
        ("databases", "databases:\n  d: {secret: 'postgresql://u:topsecretpw@x/y'}\n"),
        ("inboxes", "inboxes:\n  d: {host: x, user: a, secret: 'Topsecretpw'}\n"),
        ("buckets", "buckets:\n  d: {url: 's3://key:topsecretpw@bucket/x'}\n"),
        ("buckets", "buckets:\n  d: {url: 's3://key:top/secretpw@bucket/x'}\n"),
        ("buckets", "buckets:\n  d: {url: 'ftp://key:topsecretpw@bucket'}\n"),
        ("buckets", "buckets:\n  d: {url: 's3://bucket', secret: 'Key:topsecretpw'}\n"),
        ("zendesk", "zendesk:\n  d: {url: 'https://x.zendesk.com', sign_in: oauth, secret: 'Topsecretpw'}\n"),
    ],
)
def test_no_error_shows_what_may_be_a_secret(folder: Path, block: str, settings: str) -> None:
    path = folder / SYSTEMS
    path.write_text(path.read_text().replace(f"\n{block}: {{}}\n", f"\n{settings}"))

    (problem,) = check(folder)

    assert problem.file == SYSTEMS
    assert "secretpw" not in str(problem).lower()


def test_a_container_of_an_account_is_a_bucket(folder: Path) -> None:
    path = folder / SYSTEMS
    lake = "abfs://reports@lake.dfs.core.windows.net/x"
    path.write_text(path.read_text().replace("\nbuckets: {}\n", f"\nbuckets:\n  lake: {{url: '{lake}'}}\n"))

    assert check(folder) == []


def named(stream: str, name: str, rest: str) -> str:
    return f"  - {{name: {name}, stream: {stream}, {rest}}}\n"


def add(folder: Path, sources: str) -> None:
    """Further sources behind the one that `connected` made."""
    path = folder / SOURCES
    head, first, tail = path.read_text().partition("\nsources:\n")
    line, _, rest = tail.partition("\n")
    path.write_text(f"{head}{first}{line}\n{sources}{rest}")


def test_what_a_system_has_shares_no_name(folder: Path) -> None:
    connected(folder, "salesforce", f"system: crm, object: Account, {COLUMNS}")
    reports = named("invoices", "b", "system: crm, report: x") + named("usage", "c", "path: c.csv")
    files = named("usage", "d", "path: d.csv") + named("contacts", "d", "path: e.csv")
    shared = named("contracts", "a", "path: f.csv") + named("contacts", "b", "system: crm, report: y")
    add(folder, reports + files + shared)

    problems = check(folder)

    assert [(one.key, one.found) for one in problems] == [
        ("sources[5].name", '"a" again'),
        ("sources[6].name", '"b" again'),
    ]
    assert "(first as [0])" in problems[0].expected


def test_an_object_has_what_its_stream_needs(folder: Path) -> None:
    connected(folder, "salesforce", "system: crm, object: Account, columns: {account_name: Name}, constants: {geo: EU}")
    told = "system: crm, object: Task, columns: {occurred_at: A, subject: Subject, has_attachment: B}"
    add(folder, named("activities", "tasks", told))

    problems = check(folder)

    assert [(one.key, one.found) for one in problems] == [
        ("sources[0].columns", "no owner_name"),
        ("sources[0].columns", "no region"),
        ("sources[1].columns", "no account_id (or account_name)"),
        ("sources[1].columns", "no owner_name"),
    ]
    assert "a field or a constant" in problems[0].expected


def test_words_are_compared_as_they_are_read(folder: Path) -> None:
    maps = "value_maps: {segment: {M: ' Mid-Market ', E: ENTERPRISE, X: , Y: '  '}}"
    connected(folder, "salesforce", f"system: crm, object: Account, {COLUMNS}, {maps}")

    assert check(folder) == []


def test_two_systems_of_one_name_are_refused(folder: Path) -> None:
    path = folder / SYSTEMS
    text = path.read_text().replace("\nsalesforce: {}\n", f"\nsalesforce:\n{ORG}")
    path.write_text(text.replace("\ndatabases: {}\n", "\ndatabases:\n  crm: {secret: url}\n"))

    (problem,) = check(folder)

    assert (problem.key, problem.found) == ("databases.crm", 'the name "crm"')


def test_domains_come_from_a_source_that_has_them(folder: Path) -> None:
    path = folder / SYSTEMS
    desk = DESK.replace("}", ", domains_from: {source: nobody, column: Website}}")
    path.write_text(path.read_text().replace("\nzendesk: {}\n", f"\nzendesk:\n{desk}"))

    (problem,) = check(folder)

    assert (problem.file, problem.key) == (SYSTEMS, "zendesk.desk.domains_from.source")
    assert "a source of accounts with Website" in problem.expected


def test_a_change_of_systems_is_no_change_of_policy(folder: Path) -> None:
    before = load_policies(folder).version
    connected(folder, "salesforce", f"system: crm, object: Account, {COLUMNS}")

    assert load_policies(folder).version == before
