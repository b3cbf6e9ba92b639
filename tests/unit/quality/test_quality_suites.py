"""Reading expectation files: what is shipped, and errors that name file, line, key and what was expected."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from landed_data import EXPECTATIONS

from orchestration.quality.suites import CONTEXT_PARAMS, SuiteError, load_published_suites, load_suites
from orchestration.sources.streams import STREAMS


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(EXPECTATIONS, tmp_path / "expectations"))


def problems(folder: Path) -> list[str]:
    with pytest.raises(SuiteError) as error:
        load_suites(folder)
    return [str(problem) for problem in error.value.problems]


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the first `old` in a file; the line on which it stood."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_every_stream_has_a_suite(suites):
    assert set(suites) == set(STREAMS)


def test_shipped_rules_follow_the_house_rules(suites):
    published = load_published_suites(EXPECTATIONS)
    for suite in [*suites.values(), *published.values()]:
        for rule in suite.rules:
            place = f"{suite.table}.{rule.name}"
            assert rule.description.endswith("."), place
            assert not rule.expected.endswith("."), place
            assert not rule.title.endswith("."), place


# A portfolio that moves fast may have done so, and an action without its why is an action all the same: somebody looks,
# and the publication goes on.
WARNINGS = {
    ("portfolio_mix", "mix_moves_slowly"),
    ("recommended_actions", "rationale_present"),
    ("support_organizations", "organization_matched"),
}


def test_everything_published_is_critical():
    for suite in load_published_suites(EXPECTATIONS).values():
        warnings = {(suite.table, rule.name) for rule in suite.rules if rule.severity != "critical"}
        assert warnings <= WARNINGS
        assert {"key_unique", "one_run"} <= {rule.name for rule in suite.rules}


def test_streams_share_the_rules_that_all_need(suites):
    for name, suite in suites.items():
        names = {rule.name for rule in suite.rules}
        assert {"columns_present", "row_count_plausible", "id_in_one_source", "id_unique"} <= names, name
        assert ("account_known" in names) is STREAMS[name].refers_to_account, name
        required = {f"{column.name}_present" for column in STREAMS[name].columns if column.required_value}
        assert required <= names, name


def test_uniqueness_is_judged_after_all_that_sets_aside(suites):
    for suite in suites.values():
        setting_aside = [rule.name for rule in suite.rules if rule.effect == "set_aside"]
        assert setting_aside[-1] == "id_unique", suite.table


def test_numbers_of_the_specification_stand_in_the_files(suites):
    assert suites["opportunities"].rule("won_contract_exists").params["tolerance_days"] == 7
    assert suites["usage"].rule("no_gaps").params["gap_days"] == 3
    assert suites["usage"].rule("no_spikes").params["times_mean"] == 3
    assert suites["tickets"].rule("csat_in_range").expect.arguments() == {
        "column": "csat",
        "min_value": 1.0,
        "max_value": 5.0,
    }
    for suite in suites.values():
        assert suite.rule("row_count_plausible").params["change_pct"] == 50
        assert {rule.critical_above_pct for rule in suite.rules} <= {None, 5}


def test_queries_bind_only_what_is_there(suites):
    for suite in suites.values():
        for rule in suite.rules:
            if rule.query is not None:
                named = duckdb.extract_statements(rule.query)[0].named_parameters
                assert set(named) - CONTEXT_PARAMS == set(rule.params), f"{suite.table}.{rule.name}"


def test_an_unknown_severity_is_told_with_its_place(folder):
    line = edit(folder, "usage.yaml", "severity: info", "severity: informal")
    (problem,) = problems(folder)
    assert problem.startswith(f"usage.yaml:{line}: rules[")
    assert 'severity: found "informal"; expected one of critical, warning, info' in problem


def test_an_unknown_key_is_told(folder):
    line = edit(folder, "usage.yaml", "owner_role:", "owner_rule:")
    found = problems(folder)
    assert any(p.startswith(f"usage.yaml:{line}: ") and "did you mean owner_role?" in p for p in found)


def test_all_files_are_told_at_once(folder):
    edit(folder, "usage.yaml", "severity: info", "severity: x")
    edit(folder, "tickets.yaml", "effect: blank_value", "effect: blank")
    assert {problem.split(":")[0] for problem in problems(folder)} == {"usage.yaml", "tickets.yaml"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("gap_days: 3 ", "gap_dais: 3 ", "$gap_dais, $gap_days stands in one of them only"),
        ("having median(read_again_on", "haaving median(read_again_on", "SQL that DuckDB can read"),
        ("      with readings as (", "      drop table readings; with readings as (", "one SELECT"),
        ("gap_days: 3 ", "gap_days: true ", "a number, text or a list of texts"),
        ("shared: account_known", "shared: acount_known", "did you mean account_known?"),
        ("table: usage", "table: usages", "usage, as the file is called"),
        ("- shared: id_unique", "- shared: account_known\n  - shared: id_unique", "each rule name once"),
        ("min_value: 0, max_value: 1000", "value_set: [a]", "min_value, max_value or both"),
        ("    phase: cross", "    phase: cross\n    effect: set_aside", "effect listed and no critical"),
        ("type: ExpectColumnValuesToNotBeNull", "type: ExpectColumnToExist", "one of ExpectColumnValuesToNotBeNull"),
    ],
)
def test_what_cannot_work_is_refused(folder, old, new, expected):
    edit(folder, "usage.yaml", old, new)
    found = problems(folder)
    assert any(expected in problem for problem in found), found


def test_a_missing_and_a_stray_file_are_told(folder):
    (folder / "usage.yaml").rename(folder / "usages.yaml")
    edit(folder, "usages.yaml", "table: usage", "table: usages\nkey: [account_id]")
    found = problems(folder)
    assert any(p.startswith("usages.yaml: table: ") and "did you mean usage?" in p for p in found)
    assert any(p.startswith("usage.yaml: found no such file") for p in found)


def test_names_given_to_shared_rules_are_names(folder):
    edit(folder, "invoices.yaml", "with: {date: issued_on}", "with: {date: 'issued_on) or (true'}")
    assert any("names such as {date: start_date}" in problem for problem in problems(folder))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SuiteError, match="no such folder"):
        load_suites(tmp_path / "nowhere")
