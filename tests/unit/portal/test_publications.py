"""The publication that is shown: whole under load while another takes its place, the old one where that is damaged; and
the lists laid out as arrays, which answer as the database does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from starlette.datastructures import QueryParams

from orchestration.publishing.errors import NothingPublishedError, PublishingError
from orchestration.settings import Settings
from portal.access import CUTS, Reader, UnreadableTableError, Viewer
from portal.exports import LISTINGS
from portal.kept import Kept
from portal.listing import Listing, _by_query, answer
from portal.publications import Library
from tests.support.portal import GEO, HOSTILE, SELLER, home
from tests.support.publications import publish_again

EVERYBODY = Viewer("e", "e", frozenset(["executive"]), sees=frozenset(["all"]))
OWNER = Viewer("s", "s", frozenset(["seller"]), names=(SELLER.lower(),), sees=frozenset(["own"]))
MANAGER = Viewer("m", "m", frozenset(["manager"]), geos=(GEO.lower(),), sees=frozenset(["area"]))
BOTH = Viewer(
    "b", "b", frozenset(["manager"]), names=(SELLER.lower(),), geos=("apac",), sees=frozenset(["own", "area"])
)
NOBODY = Viewer("n", "n", frozenset(["approver_low"]))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return home(tmp_path_factory.mktemp("publications"))


def library_of(settings: Settings) -> Library:
    return Library(settings.published_path, settings.home_path / "tmp", 256)


@pytest.fixture(scope="module")
def library(settings: Settings) -> Iterator[Library]:
    opened = library_of(settings)
    yield opened
    opened.close()


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A home of the test's own."""
    return home(tmp_path)


def soon(condition) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def shown(library: Library) -> str:
    with library.current() as edition:
        return edition.snapshot_id


def test_whoever_asks_while_it_changes_sees_one_whole_publication(own: Settings) -> None:
    library, seen, broken, stop = library_of(own), set(), [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                with library.current() as edition:
                    reader = Reader(edition, OWNER)
                    told = {row["snapshot_id"] for row in reader.rows("select snapshot_id from {publication}")}
                    count = "select count(*) as n from {account_health}"
                    first = reader.row(count)
                    time.sleep(0.01)
                    told.add(edition.connection.cursor().execute("from published.publication").fetchall()[0][0])
                    assert told == {edition.snapshot_id}
                    assert reader.row(count) == first
                    seen.add(edition.snapshot_id)
            except Exception as error:
                broken.append(error)
                return

    was = shown(library)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    names = [was]
    soon(lambda: was in seen or broken)
    for _ in range(2):
        names.append(publish_again(own))
        soon(lambda: names[-1] in seen or broken)
    stop.set()
    for thread in threads:
        thread.join()
    assert not broken
    assert seen == set(names)
    assert library.problem is None
    library.close()
    # What was shown before is removed by the thread that brought the new one, which may still be at it.
    soon(lambda: not list((own.home_path / "tmp").glob("portal-*")))


def test_a_damaged_one_isn_t_shown_and_is_told_until_a_better_one_comes(own: Settings) -> None:
    library = library_of(own)
    was = shown(library)
    new = publish_again(own)
    file = own.published_path / new / "account_signals.parquet"
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[: len(whole) // 2])
    shown(library)
    soon(lambda: library.problem)
    assert new in library.problem
    assert shown(library) == was
    with library.current() as edition:
        assert Reader(edition, EVERYBODY).rows("select 1 from {account_signals} limit 1")
    file.unlink()
    file.write_bytes(whole)
    better = publish_again(own)
    soon(lambda: shown(library) == better)
    assert library.problem is None
    library.close()


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingPublishedError):
        Library(tmp_path / "published", tmp_path / "tmp", 256).take()


def test_what_a_killed_portal_left_is_removed(own: Settings) -> None:
    left = own.home_path / "tmp" / "portal-left"
    left.mkdir(parents=True, exist_ok=True)
    (left / "held").touch()
    (left / "edition.duckdb").write_bytes(b"x")
    library, other = library_of(own), library_of(own)
    shown(library)
    assert not left.exists()
    shown(other)
    assert shown(library), "what another portal holds stays"
    assert len(list((own.home_path / "tmp").glob("portal-*"))) == 2
    library.close()
    other.close()


def test_the_database_reads_nothing_else_of_the_machine(library: Library, settings: Settings) -> None:
    secret = settings.home_path / "portal-secret.csv"
    secret.write_text("a\n1\n")
    with library.current() as edition:
        for query in (f"from read_csv('{secret}')", f"copy (select 1) to '{secret}.out'", "set threads = 4"):
            with pytest.raises(duckdb.Error):
                edition.connection.cursor().execute(query)


@pytest.mark.parametrize("viewer", [EVERYBODY, OWNER, MANAGER, BOTH, NOBODY], ids=lambda viewer: viewer.person)
@pytest.mark.parametrize("name", sorted(name for name, one in LISTINGS.items() if one.is_laid_out))
def test_arrays_answer_as_the_database_does(library: Library, name: str, viewer: Viewer) -> None:
    listing = LISTINGS[name].listing
    with library.current() as edition:
        reader = Reader(edition, viewer)
        for query in questions(listing, Reader(edition, EVERYBODY)):
            question = listing.ask(QueryParams(query))
            got, expected = answer(reader, question, 20), _by_query(reader, question, 20)
            assert got.rows == expected.rows, query
            assert got.total == expected.total, query
            assert got.counts == expected.counts, query
            assert {key: value and list(value) for key, value in got.choices.items()} == {
                key: value and list(value) for key, value in expected.choices.items()
            }


def questions(listing: Listing, reader: Reader) -> list[str]:
    """Every order, every filter with some of its values, searches, pages, and several at once."""
    sorts = [f"sort={sign}{one.name}" for one in listing.columns if one.sortable for sign in ("", "-")]
    found = [
        "",
        "page=2",
        "q=GROUP",
        "q=pe%C3%B1",
        "q=%25",
        "q='",
        *(f"q={name[:9]}" for name in list(HOSTILE.values())[4:8]),
    ]
    values = answer(reader, listing.ask(QueryParams("")), 1).choices
    for one in listing.filters:
        some = list(values[one.name] or ("nothing",))[:3]
        found += [
            f"{one.name}={value}&{sorts[len(found) % len(sorts)]}"
            for value in [*some, "(none)"]
            if one.kind == "choice" or value in some
        ]
        found.append("&".join(f"{one.name}={value}" for value in some))
    return [*found, *sorts]


def test_a_table_that_nobody_may_see_isn_t_laid_out(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.access.CUTS", {name: cut for name, cut in CUTS.items() if name != "alerts"})
    with library.current() as edition, pytest.raises(UnreadableTableError):
        Reader(edition, EVERYBODY).rows("from {alerts}")


def test_what_is_kept_is_bounded_and_the_least_used_goes() -> None:
    kept: Kept[str] = Kept(10, len)
    assert kept.get("a", lambda: "aaaa") == "aaaa"
    kept.get("b", lambda: "bbbb")
    kept.get("a", lambda: "other")
    kept.get("c", lambda: "cccc")
    assert kept.get("a", lambda: "new") == "aaaa"
    assert kept.get("b", lambda: "new") == "new"
    assert kept.get("large", lambda: "x" * 11) == "x" * 11
    assert kept.get("large", lambda: "again") == "again", "what is too large isn't kept"


def test_answers_are_kept_for_each_viewer_apart(library: Library) -> None:
    with library.current() as edition:
        count = "select count(*) as n from {account_signals}"
        found = {
            viewer.person: Reader(edition, viewer).row(count)["n"] for viewer in (EVERYBODY, OWNER, MANAGER, NOBODY)
        }
        again = {
            viewer.person: Reader(edition, viewer).row(count)["n"] for viewer in (EVERYBODY, OWNER, MANAGER, NOBODY)
        }
        assert found == again
        assert found["e"] > found["m"] > found["s"] > found["n"] == 0
        rows = Reader(edition, OWNER).rows("select account_id from {account_signals} order by 1")
        rows[0]["account_id"] = "changed"
        assert Reader(edition, OWNER).rows("select account_id from {account_signals} order by 1")[0] != rows[0]


def test_one_that_was_taken_away_isn_t_shown_any_more(own: Settings) -> None:
    """As forget does it: the next publication, then the folder of the old one goes, held or not."""
    library = library_of(own)
    was = shown(library)
    new = publish_again(own)
    (own.published_path / was).rename(own.published_path / ".tmp-forgotten")
    assert shown(library) == new
    better = publish_again(own)
    (own.published_path / new).rename(own.published_path / ".tmp-forgotten-too")
    (own.published_path / better / "account_signals.parquet").unlink()
    with pytest.raises((PublishingError, OSError, duckdb.Error)):
        library.take()
    with pytest.raises(NothingPublishedError):
        library.take()
    library.close()


def test_long_questions_and_empty_answers_take_no_memory(library: Library) -> None:
    with library.current() as edition:
        reader = Reader(edition, EVERYBODY)
        kept = len(edition._answers)
        for number in range(5):
            assert not reader.sees(f"nobody {number}")
            assert not reader.sees_account(f"nobody {number}")
        assert len(edition._answers) == kept
        question = "select $text as text from {publication}"
        reader.row(question, text="x")
        assert len(edition._answers) == kept + 1
        reader.row(question, text="x" * 16 * 400_000)
        assert len(edition._answers) == kept + 1


def test_an_id_that_no_system_has_isn_t_looked_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    with library.current() as edition:
        asked = []
        monkeypatch.setattr(edition, "rows", lambda *question: asked.append(question))
        assert not Reader(edition, EVERYBODY).sees("x" * 301)
        assert not Reader(edition, EVERYBODY).sees_account("x" * 301)
        assert not asked
