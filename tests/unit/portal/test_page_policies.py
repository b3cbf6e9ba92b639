"""Policies: values with their lines; a change is checked, compared and given as a patch, and nothing is adopted."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from orchestration.ledger.store import Store
from orchestration.ledger.tables import audit_log
from orchestration.policy.describe import describe
from orchestration.policy.load import load_policies
from orchestration.settings import Settings
from portal.background import Background, State
from portal.previews import Draft, Drafts, patch
from tests.support.portal import Person, home, served, signed_in
from tests.support.publications import publish_again

_ANCHORS = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("policies"), portal={"previews_waiting_most": 2, "preview_bytes_most": 50_000})


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def revops(base: str) -> Person:
    return signed_in(base, "Rev Ops", ("revops",))


def _text(person: Person, stem: str) -> str:
    found = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', person.get(f"/policies/{stem}").text, re.S)
    assert found
    return unescape(found[1])


def _sent(person: Person, stem: str, text: str) -> httpx.Response:
    """The edited text, with the ends of lines a browser sends."""
    return person.submit(f"/policies/{stem}", {"text": text.replace("\n", "\r\n")})


def _uploaded(person: Person, stem: str, name: str, content: bytes) -> httpx.Response:
    return person.submit(f"/policies/{stem}", {"text": "ignored"}, files={"upload": (name, content)})


def _words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize("role", ["seller", "manager", "executive", "approver_high"])
def test_other_roles_are_refused(role: str, base: str) -> None:
    person = signed_in(base, "Some Body", (role,))
    for path in ("/policies", "/policies/churn", "/policies/previews/x", "/policies/previews/x/churn.patch"):
        assert person.get(path).status_code == 403
    for path in ("/policies/churn", "/policies/previews/x/cancel"):
        assert person.submit(path, {"text": "x"}).status_code == 403


def test_every_value_is_there_with_unit_and_meaning(settings: Settings, revops: Person) -> None:
    described = describe(load_policies(settings.policies))
    for stem in ("health_score", "churn", "sources"):
        html = revops.get(f"/policies/{stem}").text
        ids = {unescape(found) for found in re.findall(r'<tr id="([^"]+)"', html)}
        wanted = {one.key.replace(" ", "-") for one in described if one.file == f"{stem}.yaml"}
        assert ids == wanted
    (meaning,) = {one.meaning for one in described if one.file == "churn.yaml" and one.key == "cap_pct"}
    assert meaning in unescape(revops.get("/policies/churn").text)


def test_a_value_names_the_line_it_stands_on(settings: Settings, revops: Person) -> None:
    lines = (settings.policies / "churn.yaml").read_text(encoding="utf-8").splitlines()
    row = re.search(r'<tr id="base_pct.red">.*?href="#L(\d+)"', revops.get("/policies/churn").text, re.S)
    assert row
    assert lines[int(row[1]) - 1].strip().startswith("red:")


def test_values_are_found_by_key_value_and_meaning(revops: Person) -> None:
    html = revops.get("/policies?q=base+red").text
    assert 'href="/policies/churn#base_pct.red"' in html
    assert "No value is called" in revops.get("/policies?q=nothing+is+called+so").text


def test_a_file_that_isnt_there_is_absent(revops: Person) -> None:
    for stem in ("nothing", "..%2f..%2fetc%2fpasswd", "churn.yaml", "schema"):
        assert revops.get(f"/policies/{stem}").status_code == 404
        assert revops.submit(f"/policies/{stem}", {"text": "x"}).status_code in (404, 405)


def test_a_problem_is_told_by_line_key_and_what_was_expected(revops: Person) -> None:
    text = _text(revops, "churn")
    edited = text.replace("red: 70", "red: seventy").replace("cap_pct:", "cap_pctt:")
    line = edited.splitlines().index("  red: seventy") + 1
    words = _words(_sent(revops, "churn", edited).text)
    assert f"churn.yaml, line {line} base_pct.red" in words
    assert '"seventy" a number' in words
    assert "did you mean cap_pct?" in words
    assert "Export the patch" not in words


def test_the_page_of_a_problem_keeps_the_text_sent(revops: Person) -> None:
    edited = _text(revops, "churn").replace("red: 70", "red: </textarea><script>alert(1)</script>")
    html = _sent(revops, "churn", edited).text
    assert "<script>alert" not in html
    found = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', html, re.S)
    assert found
    assert unescape(found[1]) == edited


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_ANCHORS.encode(), "policies take no anchors"),
        (b"a: " + b"[" * 2_000, "levels of nesting"),
        ("base_pct: é".encode("utf-16"), "text saved as UTF-8"),
        (b"a: \x00", "control character"),
        (b"- a\n- b\n", "keys with values"),
        (b"", "an empty file"),
        (b"!!python/object/apply:os.system ['true']", "policies take no tags"),
        (b"a: 1\n---\nb: 2\n", "one document a file"),
    ],
)
def test_what_would_harm_is_refused_in_words_and_at_once(content: bytes, told: str, revops: Person) -> None:
    began = time.monotonic()
    answer = _uploaded(revops, "churn", "churn.yaml", content)
    assert answer.status_code == 200
    assert told in _words(answer.text)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "name", ["../../churn.yaml", "/etc/churn.yaml", "health_score.yaml", "churn.yaml.exe", "CHURN.YAML"]
)
def test_a_file_of_another_name_is_refused(name: str, settings: Settings, revops: Person) -> None:
    before = {file: file.read_bytes() for file in settings.policies.rglob("*.yaml")}
    answer = _uploaded(revops, "churn", name, b"base_pct: {red: 1}\n")
    assert answer.status_code == 400
    assert "takes churn.yaml alone" in answer.text
    assert {file: file.read_bytes() for file in settings.policies.rglob("*.yaml")} == before


def test_what_is_too_large_is_refused(revops: Person) -> None:
    assert _uploaded(revops, "churn", "churn.yaml", b"#" * 50_001).status_code == 413
    assert _sent(revops, "churn", "#" * 50_001).status_code == 413
    assert _uploaded(revops, "churn", "churn.yaml", b"#" * 5_000_000).status_code == 413


def test_a_file_that_shapes_no_result_isnt_compared(revops: Person) -> None:
    words = _words(_sent(revops, "portal", _text(revops, "portal").replace("rows_a_page: 50", "rows_a_page: 60")).text)
    assert "portal.rows_a_page 50 60" in words
    assert "moves no action, status, tier or churn probability" in words


def test_a_change_of_comments_alone_changes_no_value(revops: Person) -> None:
    words = _words(_sent(revops, "churn", "# A word more.\n" + _text(revops, "churn")).text)
    assert "No value differs: only comments or layout do" in words
    assert "Export the patch" in words


def _address(answer: httpx.Response) -> str:
    assert "/policies/previews/" in str(answer.url)
    return answer.url.path


def test_a_draft_is_of_its_session(base: str, revops: Person) -> None:
    address = _address(_sent(revops, "churn", "# A word more.\n" + _text(revops, "churn")))
    assert revops.get(address).status_code == 200
    other = signed_in(base, "Rev Ops", ("revops",))
    assert other.get(address).status_code == 404
    assert other.get(f"{address}/churn.patch").status_code == 404
    assert other.submit(f"{address}/cancel").status_code == 404


def test_many_drafts_of_one_session_leave_those_of_others() -> None:
    drafts = Drafts(20)
    first = Draft("churn.yaml", "", "", [])
    drafts.keep("a", first)
    made = [Draft("churn.yaml", "", "", []) for _ in range(30)]
    for one in made:
        drafts.keep("b", one)
    assert drafts.find("a", first.draft_id) is first
    assert [drafts.find("b", one.draft_id) is one for one in made] == [False] * 25 + [True] * 5


def test_a_form_without_its_token_does_nothing(revops: Person) -> None:
    assert revops.post("/policies/churn", data={"text": "x"}).status_code == 403


def test_previews_are_in_the_audit_log(settings: Settings, revops: Person) -> None:
    address = _address(_sent(revops, "churn", "# Logged.\n" + _text(revops, "churn")))
    revops.get(f"{address}/churn.patch")
    with Store.open(settings) as store, store.reading() as con:
        rows = con.execute(
            sa.select(audit_log.c.subject, audit_log.c.detail)
            .where(audit_log.c.event == "policy_preview", audit_log.c.person == "Rev Ops")
            .order_by(audit_log.c.happened_at.desc())
            .limit(2)
        ).all()
    assert {tuple(row) for row in rows} == {("churn.yaml", "took the patch"), ("churn.yaml", "0 values differ")}


@pytest.mark.parametrize("tool", [["git", "apply"], ["patch", "-p1", "-i"]])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nb: 2\n", "a: 1\nb: 3\n"),
        ("a: 1\n", "a: 1\nb: 2"),
        ("a: 1", "a: 1\n"),
        ("a: 1", "b: 1"),
        ("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 3\r\n"),
        ("# \u2028 \x0c é\na: 1\n", "# \u2028 \x0c è\na: 1\n"),
        ("a: 1\n" * 40, "z: 1\n" + "a: 1\n" * 39 + "b: 1\n\n"),
    ],
)
def test_a_patch_gives_exactly_the_edited_text(before: str, after: str, tool: list[str], tmp_path: Path) -> None:
    file = tmp_path / "policies" / "churn.yaml"
    file.parent.mkdir()
    file.write_bytes(before.encode())
    (tmp_path / "x.patch").write_bytes(patch("policies/churn.yaml", before, after).encode())
    done = subprocess.run([*tool, "x.patch"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_bytes() == after.encode()


def test_the_patch_of_a_preview_applies(settings: Settings, revops: Person, tmp_path: Path) -> None:
    before = (settings.policies / "churn.yaml").read_bytes()
    edited = _text(revops, "churn") + "# One line more."
    answer = revops.get(f"{_address(_sent(revops, 'churn', edited))}/churn.patch")
    assert answer.headers["content-disposition"] == 'attachment; filename="churn.patch"'
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "churn.yaml").write_bytes(before)
    (tmp_path / "churn.patch").write_bytes(answer.content)
    subprocess.run(["git", "apply", "churn.patch"], cwd=tmp_path, check=True)
    assert (tmp_path / "policies" / "churn.yaml").read_text(encoding="utf-8") == edited


def test_a_change_is_compared_across_the_portfolio_and_nothing_is_adopted(
    settings: Settings, base: str, tmp_path: Path
) -> None:
    person = signed_in(base, "Rev Olution", ("revops",))
    before = {file: file.read_bytes() for file in settings.policies.rglob("*") if file.is_file()}
    homes = sorted(file for file in settings.home_path.rglob("*") if file.name != "operations.db-wal")
    text = _text(person, "health_score")
    edited = text.replace("green_at_least: 80", "green_at_least: 90")
    assert edited != text
    answer = _sent(person, "health_score", edited)
    address = _address(answer)
    # It is said that it runs, and how a page without scripts follows.
    assert "The models run" in answer.text
    assert '<noscript><meta http-equiv="refresh"' in answer.text
    deadline = time.monotonic() + 280
    while "every 2s" in answer.text:
        assert time.monotonic() < deadline, "the preview doesn't end"
        time.sleep(1)
        answer = person.get(address)
    words = _words(answer.text)
    moved = re.search(r"([\d,]+) statuses change", words)
    assert moved, words[:2000]
    assert int(moved[1]) > 0
    assert "GREEN YELLOW" in words
    # Who falls to YELLOW is likelier to leave.
    assert re.search(r"Churn probabilities \d+ now, \d+ then\. Expected loss [\d,]+ USD now, [\d,]+ USD then\.", words)
    assert "Probability now Then How many" in words
    assert {file: file.read_bytes() for file in settings.policies.rglob("*") if file.is_file()} == before
    assert sorted(file for file in settings.home_path.rglob("*") if file.name != "operations.db-wal") == homes
    # An account may have been forgotten since: nothing of it is shown that another publication doesn't have.
    publish_again(settings)
    deadline = time.monotonic() + 60
    while "Another publication took the place" not in (words := _words(person.get(address).text)):
        assert time.monotonic() < deadline, words[:2000]
        time.sleep(0.2)
    assert "statuses change" not in words


def test_a_preview_can_be_cancelled(base: str) -> None:
    person = signed_in(base, "Rev Erse", ("revops",))
    answer = _sent(person, "churn", _text(person, "churn").replace("red: 70", "red: 71"))
    address = _address(answer)
    assert "Cancel</button>" in answer.text
    assert "cancelled" in person.submit(f"{address}/cancel").text
    deadline = time.monotonic() + 30
    while "It was cancelled." not in (html := person.get(address).text):
        assert time.monotonic() < deadline, _words(html)
        time.sleep(0.2)


def _nap(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def test_cancelling_ends_the_work_and_lets_the_next_one_begin() -> None:
    background = Background(seconds_most=60, waiting_most=3, kept=5)
    try:
        first, second = (background.ask(key, key, _nap, seconds) for key, seconds in (("a", 60.0), ("b", 0.0)))
        third = background.ask("c", "c", _nap, 60.0)
        while first.state is not State.WORKING:
            time.sleep(0.01)
        background.cancel(third)
        background.cancel(first)
        deadline = time.monotonic() + 30
        while not (first.state.is_over and second.state.is_over):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert (first.words, first.result) == ("It was cancelled.", None)
        assert (second.words, second.result) == (None, "slept")
        assert third.words == "It was cancelled."
        background.cancel(second)
        assert second.result == "slept"
    finally:
        background.close()
