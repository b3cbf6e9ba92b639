"""Every way a policy can be wrong names the file, the line, the key, what was found and what was expected."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from broken import Case, assert_told

from orchestration.policy.load import check, load_policies
from orchestration.policy.problems import PolicyError, Severity

OVERRIDES = "overrides: []"
SOURCES = "sources: []"


def override(*lines: str) -> str:
    """One override of these lines in place of the empty list."""
    return "overrides:\n  - " + "\n    ".join(lines)


def source(*lines: str) -> str:
    return "sources:\n  - " + "\n    ".join(lines)


HC, CAL, SRC = "health_checks.yaml", "calendar.yaml", "sources.yaml"

CASES = [
    # Kinds of value
    Case("word for number", HC, "influence_days: 180", "influence_days: soon", "soon", "influence_days", '"soon"',
         "a whole number (days)"),
    Case("number in quotes", HC, "influence_days: 180", 'influence_days: "180"', '"180"', "influence_days", '"180"',
         "a whole number (days)"),
    Case("fraction", HC, "influence_days: 180", "influence_days: 1.5", "1.5", "influence_days", "1.5",
         "a whole number (days)"),
    Case("negative window", HC, "opens_days_before: 45", "opens_days_before: -45", "-45",
         "milestones.pre_end.opens_days_before", "-45", "at least 0 (days)"),
    Case("offset out of the calendar", HC, "offset_days: 90", "offset_days: 99999999", "99999999",
         "milestones.post_start.offset_days", "99999999", "at most 36525 (days"),
    Case("endless number", HC, "offset_days: 90", "offset_days: " + "9" * 5000, "9999",
         "milestones.post_start.offset_days", '"9999', "a whole number"),
    Case("not a number", HC, "influence_days: 180", "influence_days: .nan", ".nan", "influence_days", '".nan"',
         "a whole number (days)"),
    Case("yes is a word", HC, "require_attachment: true", "require_attachment: yes", "ment: yes",
         "require_attachment", '"yes"', "true or false"),
    Case("bool for number", HC, "horizon_quarters: 4", "horizon_quarters: true", "quarters: true",
         "horizon_quarters", "true", "a whole number (fiscal quarters)"),
    Case("blank", HC, "influence_days: 180", "influence_days:", "influence_days:", "influence_days",
         "nothing (blank)", "a whole number (days)"),
    Case("text for list", HC, "subject_patterns:\n  - health check\n  - healthcheck", "subject_patterns: health check",
         "subject_patterns: h", "subject_patterns", '"health check"', "a list"),
    Case("list for mapping", HC, "minimum_term_days:\n  post_start: 120\n  pre_end: 180", "minimum_term_days: [120]",
         "minimum_term_days: [", "minimum_term_days", "a list of 1", "a mapping"),
    Case("number for milestone", HC, OVERRIDES, override("segment: smb", "milestones: {post_start: 60}"),
         "post_start: 60", "overrides[0].milestones.post_start", "60", "a mapping with keys among anchor, offset_days"),
    Case("unknown anchor", HC, "anchor: contract_end", "anchor: contract_ends", "contract_ends",
         "milestones.pre_end.anchor", '"contract_ends"', "one of contract_start, contract_end",
         "did you mean contract_end?"),
    Case("unknown status", HC, "no_show]", "noshow]", "noshow]", "not_delivered_statuses[2]", '"noshow"',
         "one of planned, completed, declined, no_show", "did you mean no_show?"),
    # Keys
    Case("unknown key", HC, "require_attachment: true", "require_attachments: true", "require_attachments: true",
         "require_attachments", 'the unknown key "require_attachments"', "one of subject_patterns, require_attachment",
         "did you mean require_attachment?"),
    Case("unknown key inside", HC, "offset_days: -120", "offset: -120", "offset: -120", "milestones.pre_end.offset",
         'the unknown key "offset"', "one of anchor, offset_days", "did you mean offset_days?"),
    Case("missing key", HC, "influence_days: 180\n", "", None, "influence_days", "no such key",
         "a value (days): How long after a delivered health check"),
    Case("missing key inside", HC, "    offset_days: -120\n", "", "pre_end:", "milestones.pre_end.offset_days",
         "no such key", "a value (days, may be negative)"),
    Case("key twice", HC, "near_miss_days: 30", "near_miss_days: 30\nnear_miss_days: 31", "near_miss_days: 31",
         "near_miss_days", 'the key "near_miss_days" again', "each key once (first on line"),
    Case("key twice inside", HC, "    offset_days: 90", "    offset_days: 90\n    offset_days: 91", "91",
         "milestones.post_start.offset_days", 'the key "offset_days" again', "each key once"),
    Case("merge key", HC, "near_miss_days: 30", "near_miss_days: 30\n<<: {a: 1}", "<<:", "<<",
         'the unknown key "<<"', "one of"),
    # Health checks
    Case("no pattern", HC, "subject_patterns:\n  - health check\n  - healthcheck", "subject_patterns: []",
         "subject_patterns: []", "subject_patterns", "a list of 0", "at least 1"),
    Case("pattern of hyphens", HC, "  - healthcheck", '  - " -- "', '" -- "', "subject_patterns[1]", '"--"',
         "a text with more than spaces and hyphens"),
    Case("pattern twice", HC, "  - healthcheck", "  - Health--CHECK", "Health--CHECK", "subject_patterns[1]",
         '"Health--CHECK" beside "health check"', "each pattern once"),
    Case("planned counts", HC, "[planned, declined", "[declined", "[declined", "not_delivered_statuses",
         "no planned among them", "planned"),
    Case("window outside", HC, "offset_days: -120", "offset_days: 120", "offset_days: 120",
         "milestones.pre_end.offset_days", "120", "0 or less (days)", "the whole window lies outside"),
    Case("term of nothing", HC, "  pre_end: 180", "  pre_end: 180\n  pre_ends: 1", "pre_ends: 1",
         "minimum_term_days.pre_ends", "the unknown milestone pre_ends", "one of the milestones post_start, pre_end",
         "did you mean pre_end?"),
    Case("no term", HC, "  pre_end: 180\n", "", "minimum_term_days:", "minimum_term_days.pre_end", "no such key",
         "the least term of every milestone (days)"),
    Case("override of nothing known", HC, OVERRIDES, override("influence_days: 3"), "- influence_days: 3",
         "overrides[0]", "neither segment nor product", "a segment, a product or both"),
    Case("override without change", HC, OVERRIDES, override("segment: smb"), "- segment: smb", "overrides[0]",
         "nothing that is overridden", "at least one key beside segment and product"),
    Case("override of milestone without change", HC, OVERRIDES,
         override("segment: smb", "milestones: {pre_end: {}}"), "pre_end: {}", "overrides[0].milestones.pre_end",
         "nothing that is overridden", "at least one key"),
    Case("override twice", HC, OVERRIDES,
         override("segment: smb", "near_miss_days: 1") + "\n  - {segment: smb, near_miss_days: 2}", "near_miss_days: 2",
         "overrides[1]", "segment smb again", "one override for each", "merge it with overrides[0]"),
    Case("override of unknown milestone", HC, OVERRIDES,
         override("product: Gold", "milestones: {preend: {offset_days: -90}}"), "preend:",
         "overrides[0].milestones.preend", "the unknown milestone preend", "one of the milestones post_start, pre_end",
         "did you mean pre_end?"),
    Case("unknown segment", HC, OVERRIDES, override("segment: Mid-Market", "near_miss_days: 1"), "Mid-Market",
         "overrides[0].segment", '"Mid-Market"', "one of smb, mid_market, enterprise"),
    Case("blank override", HC, OVERRIDES, override("segment: smb", "influence_days:"), "    influence_days:",
         "overrides[0].influence_days", "nothing (blank)", "a whole number (days)"),
    Case("merged window outside", HC, OVERRIDES, override("segment: smb", "milestones: {pre_end: {offset_days: 50}}"),
         "offset_days: 50", "overrides[0].milestones.pre_end.offset_days", "50", "0 or less (days) from contract_end"),
    # Calendar
    Case("unknown zone", CAL, "time_zone: UTC", "time_zone: Europe/Berlim", "Berlim", "time_zone", '"Europe/Berlim"',
         "an IANA time zone", "did you mean Europe/Berlin?"),
    Case("zone that is a path", CAL, "time_zone: UTC", "time_zone: ../../etc/passwd", "passwd", "time_zone",
         '"../../etc/passwd"', "an IANA time zone"),
    Case("zone of the machine", CAL, "time_zone: UTC", "time_zone: localtime", "localtime", "time_zone", '"localtime"',
         "an IANA time zone"),
    Case("month 13", CAL, "start_month: 1", "start_month: 13", "month: 13", "fiscal_year_start_month", "13",
         "at most 12 (month, 1 to 12)"),
    Case("month 0", CAL, "start_month: 1", "start_month: 0", "month: 0", "fiscal_year_start_month", "0", "at least 1"),
    Case("currency sign", CAL, "currency: USD", "currency: US$", "US$", "reporting_currency", '"US$"',
         "(ISO 4217 code, three capital letters)"),
    Case("currency of nowhere", CAL, "currency: USD", "currency: USE", "USE", "reporting_currency", '"USE"',
         "a currency in use (ISO 4217"),
    # Sources
    Case("unknown stream", SRC, "  tickets: {", "  ticket: {", "  ticket: {", "streams.ticket",
         'the unknown stream "ticket"', "one of accounts, contracts", "did you mean tickets?"),
    Case("missing stream", SRC, "  usage: {cadence: weekly, max_age_days: 8, on_stale: omit}\n", "", "streams:",
         "streams.usage", "no such key", "settings of every stream"),
    Case("required stream omitted", SRC, "contracts: {cadence: daily, max_age_days: 2, on_stale: use_last_known",
         "contracts: {cadence: daily, max_age_days: 2, on_stale: omit", "contracts:", "streams.contracts.on_stale",
         '"omit"', "use_last_known"),
    Case("unknown source in order", SRC, "max_age_days: 7, on_stale: use_last_known",
         "max_age_days: 7, on_stale: use_last_known, source_order: [file]", "fx_rates:",
         "streams.fx_rates.source_order[0]", 'the unknown source "file"', "one of files", "did you mean files?"),
    Case("years crossed", SRC, "earliest_year: 1900\n  latest_year: 9999", "earliest_year: 2900\n  latest_year: 2800",
         "2900", "extraction.earliest_year", "2900", "at most latest_year, 2800"),
    Case("memory", SRC, "memory_limit: 1GB", "memory_limit: plenty", "plenty", "extraction.memory_limit", '"plenty"',
         "(size, such as 512MB or 1GB)"),
    Case("broken pattern", SRC, "- 'as of .*'", "- 'as of (.*'", "as of (", "extraction.summary_line_patterns[7]",
         '"as of (.*"', "a regular expression: missing )"),
    Case("legal form twice", SRC, "    - KK\n", "    - inc\n", "- inc", "matching.legal_forms[35]", '"inc" again',
         "each once"),
    Case("source in two places", SRC, SOURCES,
         source("name: a", "stream: tickets", "path: t.csv", "query: select 1"), "- name: a", "sources[0]",
         "both path and query", "one of the two, or neither"),
    Case("source twice", SRC, SOURCES,
         source("name: a", "stream: tickets") + "\n  - {name: a, stream: tickets}", "{name: a", "sources[1]",
         '"a of tickets" again', "each once"),
    Case("source outside", SRC, SOURCES, source("name: a", "stream: tickets", "path: ../t.csv"), "path: ../",
         "sources[0].path", '"../t.csv"', "a path or pattern inside the drop folder"),
    Case("source of unknown stream", SRC, SOURCES, source("name: a", "stream: ticket", "path: t.csv"), "stream: ticket",
         "sources[0].stream", 'the unknown stream "ticket"', "one of", "did you mean tickets?"),
    Case("mapping of unknown column", SRC, SOURCES,
         source("name: a", "stream: tickets", "path: t.csv", "columns: {ticket: Id}"), "columns:",
         "sources[0].columns.ticket", 'the unknown column "ticket"', "one of ticket_id", "did you mean ticket"),
    Case("header and constant", SRC, SOURCES,
         source("name: a", "stream: tickets", "path: t.csv", "columns: {csat: C}", "constants: {csat: 5}"),
         "constants:", "sources[0].constants.csat", "a column with a header too", "a header or a constant"),
    Case("two statements", SRC, SOURCES, source("name: a", "stream: tickets", "query: select 1; drop table t"),
         "query:", "sources[0].query", '"select 1; drop table t"', "one SELECT and nothing else"),
    Case("not a query", SRC, SOURCES, source("name: a", "stream: tickets", "query: selec 1"),
         "query:", "sources[0].query", '"selec 1"', "one SELECT: "),
    Case("date format", SRC, SOURCES, source("name: a", "stream: tickets", "path: t.csv", "date_format: dd/mm/yyyy"),
         "date_format: dd", "sources[0].date_format", '"dd/mm/yyyy"', "a strptime format"),
    Case("encoding", SRC, SOURCES, source("name: a", "stream: tickets", "path: t.csv", "encoding: utf-9"),
         "encoding: utf-9", "sources[0].encoding", '"utf-9"', "a text encoding"),
    Case("codec that is no encoding", SRC, SOURCES, source("name: a", "stream: usage", "path: t.csv", "encoding: zlib"),
         "encoding: zlib", "sources[0].encoding", '"zlib"', "a text encoding"),
    Case("threshold over all", SRC, "thresholds: []", "thresholds:\n  - {source: files, critical_above_pct: 101}",
         "101", "thresholds[0].critical_above_pct", "101", "at most 100 (% of the stream's rows)"),
    Case("threshold of unknown source", SRC, "thresholds: []",
         "thresholds:\n  - {source: file, critical_above_pct: 1.5}", "source: file,", "thresholds[0].source",
         'the unknown source "file"', "one of files"),
    Case("threshold twice", SRC, "thresholds: []",
         "thresholds:\n  - {source: files, critical_above_pct: 1}\n  - {source: files, critical_above_pct: 2}",
         "pct: 2", "thresholds[1]", '"files, any stream, any rule" again', "each once"),
    # The file itself
    Case("alias", HC, "near_miss_days: 30", "near_miss_days: *days", "*days", "", "the alias *days",
         "values written out"),
    Case("anchor", HC, "near_miss_days: 30", "near_miss_days: &days 30", "&days", "", "the anchor &days",
         "values written out"),
    Case("tag", HC, "near_miss_days: 30", "near_miss_days: !!python/object:os.system 30", "!!python", "",
         "the tag tag:yaml.org,2002:python/object:os.system", "plain values"),
    Case("tab", HC, "    offset_days: 90", "\toffset_days: 90", "\toffset_days", "", "a tab", "spaces"),
    Case("open bracket", HC, "[planned, declined, no_show]", "[planned, declined", "milestones:", "",
         "", "valid YAML"),
    Case("second document", HC, "near_miss_days: 30", "near_miss_days: 30\n---\na: 1", "---", "",
         "a second document", "one document a file"),
    Case("deep", HC, "near_miss_days: 30", "near_miss_days: " + "[" * 5000, "[[[", "", "more than 24 levels",
         "a flatter file"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_policy_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


def test_all_problems_of_all_files_come_at_once(folder: Path) -> None:
    edits = {
        HC: [("influence_days: 180", "influence_days: soon"), ("horizon_quarters: 4", "horizon_quarters: -1")],
        CAL: [("time_zone: UTC", "time_zone: Mars/Base"), ("start_month: 1", "start_month: 13")],
        SRC: [("threads: 2", "thread: 2")],
    }
    for file, changes in edits.items():
        path = folder / file
        text = path.read_text()
        for old, new in changes:
            text = text.replace(old, new)
        path.write_text(text)
    (folder / "account_aliases.csv").write_text("alias,account\nACME,\n")

    with pytest.raises(PolicyError) as raised:
        load_policies(folder)

    assert [(problem.file, problem.key) for problem in raised.value.problems] == [
        ("account_aliases.csv", "account"),
        (CAL, "time_zone"),
        (CAL, "fiscal_year_start_month"),
        (HC, "horizon_quarters"),
        (HC, "influence_days"),
        (SRC, "extraction.threads"),
        (SRC, "extraction.thread"),
    ]
    assert "7 problems in the policies:" in str(raised.value)


def test_a_duplicate_does_not_hide_other_problems(folder: Path) -> None:
    path = folder / HC
    text = path.read_text().replace("near_miss_days: 30", "near_miss_days: 30\nnear_miss_days: 31")
    path.write_text(text.replace("horizon_quarters: 4", "horizon_quarters: -1"))

    assert {problem.key for problem in check(folder)} == {"near_miss_days", "horizon_quarters"}


@pytest.mark.parametrize(
    ("content", "line", "found", "expected"),
    [
        (b"", None, "an empty file", "keys with values"),
        (b"# only a comment\n", None, "an empty file", "keys with values"),
        (b"- a\n- b\n", 1, "a sequence at the top", "keys with values"),
        (b"just text\n", 1, "a scalar at the top", "keys with values"),
        ("a: 1\nb: größer\n".encode("windows-1252"), 2, "which is not UTF-8", "text saved as UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "which is not UTF-8", "text saved as UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "the control character #x0000", "printable text"),
        (b"a: " + b"x" * 1_048_577, None, "1,048,580 bytes", "at most 1,048,576 bytes"),
        (b"[a]: 1\n", 1, "a key that is no word", "a name: value"),
        (b"? {a: 1}\n: 2\n", 1, "a key that is no word", "a name: value"),
    ],
    ids=["empty", "comments", "list", "text", "latin", "utf-16", "nul", "huge", "list key", "mapping key"],
)
def test_a_file_that_is_no_policy_is_told(
    folder: Path, content: bytes, line: int | None, found: str, expected: str
) -> None:
    (folder / CAL).write_bytes(content)

    problem = check(folder)[0]

    assert (problem.file, problem.line) == (CAL, line)
    assert found in problem.found
    assert expected in problem.expected


def test_bombs_cost_no_time(folder: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (folder / CAL).write_text("\n".join(levels))
    began = time.perf_counter()

    problems = check(folder)

    assert time.perf_counter() - began < 2
    assert problems[0].found == "the anchor &a0"


def test_a_file_no_model_knows_is_likely_a_typo(folder: Path) -> None:
    (folder / HC).rename(folder / "health_check.yaml")

    stray, missing = check(folder)

    assert (stray.file, stray.hint) == ("health_check.yaml", "did you mean health_checks.yaml?")
    assert "calendar.yaml, health_checks.yaml, health_score.yaml, churn.yaml" in stray.expected
    assert (missing.file, missing.found) == (HC, "no such file")


def test_other_files_in_the_folder_are_left_alone(folder: Path) -> None:
    (folder / "README.md").write_text("How to edit policies")
    (folder / ".calendar.yaml.swp").write_text("an editor's")

    assert check(folder) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no such folder; expected a folder with calendar\.yaml"):
        load_policies(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        (OVERRIDES, override("product: Gold", "influence_days: 5"), "overrides[0].influence_days", "no effect"),
        ("  pre_end: 180", "  pre_end: 100", "minimum_term_days.pre_end", "outside contracts of that term"),
        ("offset_days: 90", "offset_days: -10", "milestones.post_start.offset_days", "outside every contract"),
        (OVERRIDES, override("segment: smb", "minimum_term_days: {post_start: 1}"),
         "overrides[0].minimum_term_days.post_start", "outside contracts of that term"),
    ],
)  # fmt: skip
def test_what_looks_unintended_is_a_warning_and_loads(folder: Path, old: str, new: str, key: str, hint: str) -> None:
    path = folder / HC
    path.write_text(path.read_text().replace(old, new))

    (problem,) = check(folder)

    assert (problem.severity, problem.key) == (Severity.WARNING, key)
    assert hint in problem.hint
    assert "warning: " in str(problem)
    load_policies(folder)


def test_a_stream_that_must_go_stale_is_a_warning(folder: Path) -> None:
    path = folder / SRC
    path.write_text(path.read_text().replace("max_age_days: 8", "max_age_days: 6"))

    (problem,) = check(folder)

    assert (problem.severity, problem.key) == (Severity.WARNING, "streams.usage.max_age_days")


def test_a_problem_reads_as_a_sentence(folder: Path) -> None:
    path = folder / HC
    path.write_text(path.read_text().replace("anchor: contract_end", "anchor: contract_ends"))
    line = path.read_text().splitlines().index("    anchor: contract_ends") + 1

    (problem,) = check(folder)

    assert str(problem) == (
        f'health_checks.yaml:{line}: milestones.pre_end.anchor: found "contract_ends"; '
        "expected one of contract_start, contract_end (did you mean contract_end?)"
    )


@pytest.mark.parametrize(
    ("content", "line", "key", "found", "expected"),
    [
        ("", 1, "", "an empty file", "the header alias,account"),
        ("name,account\nA,B\n", 1, "", "name,account", "the header alias,account"),
        ("alias,account\nA,B\nC\n", 3, "", "1 cells", "2: alias,account"),
        ("alias,account\nA,B, Inc\n", 2, "", "3 cells", "2: alias,account"),
        ("alias,account\nA,\n", 2, "account", "nothing (blank)", "a name"),
        ("alias,account\n,B\n", 2, "alias", "nothing (blank)", "a name"),
        ("alias,account\nA,B\n\nA,C\n", 4, "alias", '"A" again', "each alias once (first on line 2)"),
        ('alias,account\n"A\nA",B\nC\n', 4, "", "1 cells", "2: alias,account"),
        ('alias,account\n"A,B\n', 2, "", "unexpected end of data", "a CSV record"),
    ],
)
def test_a_broken_alias_file_is_told(
    folder: Path, content: str, line: int, key: str, found: str, expected: str
) -> None:
    (folder / "account_aliases.csv").write_text(content)

    (problem,) = check(folder)

    assert (problem.file, problem.line, problem.key) == ("account_aliases.csv", line, key)
    assert found in problem.found
    assert expected in problem.expected


def test_aliases_are_read_as_people_save_them(folder: Path) -> None:
    content = '\ufeffAlias,Account\r\n# by hand\r\n Acme , ACME Corp \r\n\r\n"Böck, Söhne",B-17\r\n'
    (folder / "account_aliases.csv").write_bytes(content.encode())

    aliases = load_policies(folder).account_aliases

    assert [(alias.alias, alias.account, alias.line) for alias in aliases] == [
        ("Acme", "ACME Corp", 3),
        ("Böck, Söhne", "B-17", 5),
    ]
