"""How the text of a cell becomes a value: DuckDB expressions, one kind of column each.

An expression is given the name of a text column that is trimmed and never empty (blank cells are NULL) and gives NULL
for what it cannot read; it never guesses. Helper columns come in layers so that no pattern is matched twice. Which
cells are read, and what becomes of those that can't be, is `records`; whether a value is plausible is an expectation.

What is read:

* numbers: `1250`, `1,250,000.00`, `1 250 000.00`, `1'250'000`, `1.250.000,00`, `.5`, `+3`, `(3)`, `-3`, `85%`.
  A single comma is a thousands separator when three digits follow and one to three go before, else the cell is
  undecidable; a European number is read only where its separators allow one reading. No exponents, hex, NaN, inf.
* money: a number with K, M, MM or B (thousand, million, million, billion) and a currency before or after; a trailing
  minus; rounded half away from zero to four decimals, never through floating point.
* dates: year first (`2026-05-03`, `2026/5/3`, `20260503`), or the format declared for the source. A timestamp in a
  date column gives its date, in the business time zone where it carries a zone.
* timestamps: ISO 8601 with or without seconds, fraction and zone, `2026-05-03-14:30`, a date alone (midnight). Without
  a zone they are in the business time zone: a local time skipped by summer time is read with the offset before the
  change (02:30 becomes 03:30), one that occurs twice as its second, standard-time pass. Landed as naive UTC.
* booleans: y/n, yes/no, true/false, t/f, 1/0 in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.sources import currencies
from orchestration.sources.settings import ReadingRules
from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, text_map, texts
from orchestration.sources.streams import Kind

# What Python's str.strip() takes off, so that "trimmed" means the same everywhere.
WHITESPACE = "".join(chr(point) for point in range(0x110000) if chr(point).isspace())

SQL_TYPES = {
    Kind.ID: Sql("VARCHAR"),
    Kind.TEXT: Sql("VARCHAR"),
    Kind.ENUM: Sql("VARCHAR"),
    Kind.CURRENCY: Sql("VARCHAR"),
    Kind.BOOLEAN: Sql("BOOLEAN"),
    Kind.DATE: Sql("DATE"),
    Kind.TIMESTAMP: Sql("TIMESTAMP"),
    Kind.MONEY: Sql("DECIMAL(19,4)"),
    Kind.RATE: Sql("DECIMAL(18,12)"),
    Kind.NUMBER: Sql("DECIMAL(18,6)"),
    Kind.INTEGER: Sql("BIGINT"),
}

_DIGITS = literal("0123456789")
_NUMBER = r"(\d[\d., '’]*\d|\d[.,]?|\.\d+)"
_NUMBER_CELL = literal(r"^(\(?) ?([+-]?) ?" + _NUMBER + r" ?%? ?(\)?)$")
_NAMES_NUMBER = Sql("['open', 'sign', 'num', 'close']")
_CURRENCY = r"([A-Z]{3}|[A-Z]{0,3} ?[$€£¥₹₩₽₺₪₫฿₴₦₱₸]|)"
_MONEY_CELL = literal(
    rf"^(\(?) ?([+-]?) ?{_CURRENCY} ?(\(?) ?([+-]?) ?{_NUMBER} ?(MM|[KMB])? ?(-?) ?(\)?) ?{_CURRENCY} ?(\)?)$"
)
_NAMES_MONEY = Sql("['open1', 'sign1', 'cur1', 'open2', 'sign2', 'num', 'suffix', 'sign3', 'close1', 'cur2', 'close2']")
_TIME = r"(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)"
_TIMESTAMP_CELL = literal(
    r"^(?:(\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{4}\.\d{1,2}\.\d{1,2}|\d{8})"
    rf"(?:(?:T| ?, ?| |_|-){_TIME})?|(\d{{8}})T(\d{{4}}|\d{{6}}))"
    r" ?(Z|UTC|GMT|[+-]\d{2}(?::?[0-5]\d)?)?$"
)
_NAMES_TIMESTAMP = Sql("['day', 'time', 'compact_day', 'compact_time', 'zone']")
# What a cast alone reads, once the third dash is a space.
_PLAIN_TIMESTAMP = literal(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?")
_DASHED_TIMESTAMP = literal(r"\d{4}-\d\d-\d\d-\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
# Dates that a file alone can't decide: day or month first, or month by name.
UNDECIDED_DATE = literal(
    r"(?i)^(\d{1,2}[-/. ]\d{1,2}[-/. ](\d{4}|\d{2})|\d{1,2}(st|nd|rd|th)?[-/. ]*[a-z]{3,9}\.?,?[-/. ]*(\d{4}|\d{2})"
    r"|[a-z]{3,9}\.?[-/. ]*\d{1,2}(st|nd|rd|th)?,?[-/. ]+(\d{4}|\d{2}))([ T,].*)?$"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read: helper columns layer by layer, then the value (and a money cell's own currency).

    `currency_of` maps the names of helper columns: the ISO code found in the cell, and whether the writing fits
    several currencies (a bare `$`).
    """

    value: Sql
    layers: tuple[tuple[tuple[str, Sql], ...], ...] = ()
    currency: Sql | None = None
    currency_is_loose: Sql | None = None


def untidy(cells: Sequence[Sql]) -> Sql:
    """Whether any cell of a record may have white space around it: one look at the record, not one at each cell."""
    return compose(
        "regexp_matches(concat_ws(chr(31), '', {cells}, ''), {edge})",
        cells=joined(cells),
        edge=literal("[^!-~\x1f]\x1f|\x1f[^!-~\x1f]"),
    )


def trimmed(column: Sql, is_untidy: Sql) -> Sql:
    """The cell without white space around it; NULL when nothing is left."""
    return compose(
        "nullif(CASE WHEN {is_untidy} THEN trim({column}, {space}) ELSE {column} END, '')",
        column=column,
        is_untidy=is_untidy,
        space=literal(WHITESPACE),
    )


def read(kind: Kind, cell: Sql, prefix: str, rules: ReadingRules, values: Sequence[str] = ()) -> Reading:
    """How a column of `kind` is read from the trimmed text column `cell`; helper columns start with `prefix`."""
    if kind in (Kind.ID, Kind.TEXT):
        return Reading(cell)
    if kind is Kind.ENUM:
        return _enum(cell, prefix, values)
    if kind is Kind.BOOLEAN:
        return _boolean(cell)
    if kind is Kind.CURRENCY:
        return _currency(cell, rules)
    if kind is Kind.MONEY:
        return _money(cell, prefix, rules)
    if kind in (Kind.NUMBER, Kind.RATE, Kind.INTEGER):
        return _number(kind, cell, prefix)
    return _moment(kind, cell, prefix, rules)


def _enum(cell: Sql, prefix: str, values: Sequence[str]) -> Reading:
    word = identifier(f"{prefix}word")
    return Reading(
        value=compose("CASE WHEN {word} IN {values} THEN {word} END", word=word, values=texts(values)),
        layers=(
            (
                (
                    f"{prefix}word",
                    compose("regexp_replace(lower({cell}), {gaps}, '_', 'g')", cell=cell, gaps=literal(r"[\s\-_]+")),
                ),
            ),
        ),
    )


def _boolean(cell: Sql) -> Reading:
    return Reading(
        compose(
            "CASE WHEN lower({cell}) IN {yes} THEN true WHEN lower({cell}) IN {no} THEN false END",
            cell=cell,
            yes=texts(["y", "yes", "true", "t", "1"]),
            no=texts(["n", "no", "false", "f", "0"]),
        )
    )


def _currency(cell: Sql, rules: ReadingRules) -> Reading:
    return Reading(
        compose(
            "CASE WHEN regexp_full_match(upper({cell}), '[A-Z][A-Z][A-Z]') THEN upper({cell})"
            " ELSE {symbols}[upper({cell})] END",
            cell=cell,
            symbols=_symbols(rules),
        )
    )


def _symbols(rules: ReadingRules) -> Sql:
    """Token -> ISO code, as a DuckDB map."""
    return text_map((token, code) for token, (code, _) in currencies.tokens(rules.reporting_currency).items())


def _single_spaced(cell: Sql) -> Sql:
    """Upper case, one plain space for any run of white space, a hyphen for the minus sign."""
    return compose(
        "replace(regexp_replace(upper({cell}), {space}, ' ', 'g'), '−', '-')",
        cell=cell,
        space=literal(rf"[{WHITESPACE}]+"),
    )


def _is_plain(cell: Sql) -> Sql:
    """Whether a cell is a plain decimal, which a cast alone reads: by far the most cells."""
    return compose("regexp_full_match({cell}, {plain})", cell=cell, plain=literal(r"-?(\d+\.?\d*|\.\d+)"))


def _plain_digits(number: Sql) -> Sql:
    """A number as written -> digits with at most one decimal point; NULL where its separators allow no one reading."""
    return compose(
        """CASE
            WHEN {n} = '' THEN NULL
            WHEN regexp_full_match({n}, {plain}) THEN {n}
            WHEN regexp_full_match({n}, {commas}) THEN replace({n}, ',', '')
            WHEN regexp_full_match({n}, {dots_comma}) THEN replace(replace({n}, '.', ''), ',', '.')
            WHEN regexp_full_match({n}, {dots}) THEN replace({n}, '.', '')
            WHEN regexp_full_match({n}, {spaces}) THEN replace({n}, ' ', '')
            WHEN regexp_full_match({n}, {spaces_comma}) THEN replace(replace({n}, ' ', ''), ',', '.')
            WHEN regexp_full_match({n}, {apostrophes}) THEN replace(replace({n}, '’', ''), '''', '')
        END""",
        n=number,
        plain=literal(r"\d+\.?\d*|\.\d+"),
        commas=literal(r"\d{1,3}(,\d{3})+(\.\d*)?"),
        dots_comma=literal(r"\d{1,3}(\.\d{3})+,\d+"),
        dots=literal(r"\d{1,3}(\.\d{3}){2,}"),
        spaces=literal(r"\d{1,3}( \d{3})+(\.\d*)?"),
        spaces_comma=literal(r"\d{1,3}( \d{3})+,(\d{1,2}|\d{4,})"),
        apostrophes=literal(r"\d{1,3}(['’]\d{3})+(\.\d*)?"),
    )


def _number(kind: Kind, cell: Sql, prefix: str) -> Reading:
    parts, plain = identifier(f"{prefix}parts"), identifier(f"{prefix}plain")
    layers = (
        (
            (
                f"{prefix}parts",
                compose(
                    "CASE WHEN NOT ({is_plain}) THEN regexp_extract({spaced}, {pattern}, {names}) END",
                    is_plain=_is_plain(cell),
                    spaced=_single_spaced(cell),
                    pattern=_NUMBER_CELL,
                    names=_NAMES_NUMBER,
                ),
            ),
        ),
        (
            (
                f"{prefix}plain",
                compose(
                    """CASE
                        WHEN {cell} IS NULL THEN NULL
                        WHEN {parts} IS NULL THEN {cell}
                        WHEN ({parts}.open = '(') <> ({parts}.close = ')') THEN NULL
                        WHEN {parts}.open = '(' AND {parts}.sign <> '' THEN NULL
                        ELSE (CASE WHEN {parts}.open = '(' OR {parts}.sign = '-' THEN '-' ELSE '' END) || {digits}
                    END""",
                    cell=cell,
                    parts=parts,
                    digits=_plain_digits(compose("{parts}.num", parts=parts)),
                ),
            ),
        ),
    )
    if kind is Kind.INTEGER:
        value = compose(
            "CASE WHEN regexp_full_match({plain}, {whole}) THEN TRY_CAST(split_part({plain}, '.', 1) AS BIGINT) END",
            plain=plain,
            whole=literal(r"-?\d+(\.0*)?"),
        )
    else:
        value = compose("TRY_CAST({plain} AS {type})", plain=plain, type=SQL_TYPES[kind])
    return Reading(value, layers)


def _money(cell: Sql, prefix: str, rules: ReadingRules) -> Reading:
    parts, digits = identifier(f"{prefix}parts"), identifier(f"{prefix}digits")
    negative, tokens = identifier(f"{prefix}negative"), identifier(f"{prefix}tokens")
    shift = identifier(f"{prefix}shift")
    loose = texts(t for t, (_, fits_several) in currencies.tokens(rules.reporting_currency).items() if fits_several)
    layers = (
        (
            (
                f"{prefix}parts",
                compose(
                    "CASE WHEN NOT ({is_plain}) THEN regexp_extract({spaced}, {pattern}, {names}) END",
                    is_plain=_is_plain(cell),
                    spaced=_single_spaced(cell),
                    pattern=_MONEY_CELL,
                    names=_NAMES_MONEY,
                ),
            ),
        ),
        (
            (
                f"{prefix}digits",
                compose(
                    "CASE WHEN {parts} IS NOT NULL THEN {digits} END",
                    parts=parts,
                    digits=_plain_digits(compose("{parts}.num", parts=parts)),
                ),
            ),
            (
                f"{prefix}negative",
                compose(
                    # NULL: more than one way of saying minus, or brackets that don't pair.
                    """CASE
                        WHEN {p} IS NULL THEN NULL
                        WHEN length({p}.open1 || {p}.open2) <> length({p}.close1 || {p}.close2) THEN NULL
                        WHEN length({p}.open1 || {p}.open2 || {p}.sign1 || {p}.sign2 || {p}.sign3) > 1 THEN NULL
                        ELSE {p}.open1 || {p}.open2 || {p}.sign1 || {p}.sign2 || {p}.sign3 IN ('(', '-')
                    END""",
                    p=parts,
                ),
            ),
            (
                f"{prefix}shift",
                compose(
                    "CASE {p}.suffix WHEN 'K' THEN 3 WHEN 'M' THEN 6 WHEN 'MM' THEN 6 WHEN 'B' THEN 9 ELSE 0 END",
                    p=parts,
                ),
            ),
            (
                f"{prefix}tokens",
                compose(
                    "CASE WHEN {p} IS NOT NULL THEN [replace({p}.cur1, ' ', ''), replace({p}.cur2, ' ', '')] END",
                    p=parts,
                ),
            ),
        ),
        (
            (
                f"{prefix}code",
                compose(
                    """CASE
                        WHEN {t} IS NULL THEN NULL
                        WHEN {t}[1] = '' AND {t}[2] = '' THEN ''
                        WHEN {t}[2] = '' THEN {known}[{t}[1]]
                        WHEN {t}[1] = '' THEN {known}[{t}[2]]
                        WHEN {known}[{t}[1]] = {known}[{t}[2]] THEN {known}[{t}[1]]
                        WHEN {t}[1] IN {loose} THEN {known}[{t}[2] || {t}[1]]
                    END""",
                    t=tokens,
                    known=_symbols(rules),
                    loose=loose,
                ),
            ),
            (
                f"{prefix}loose",
                compose(
                    "coalesce({t}[1] || {t}[2] IN {loose}, false)",
                    t=tokens,
                    loose=loose,
                ),
            ),
            (
                # The decimal point is moved in the text: exact, whatever the number of digits.
                f"{prefix}plain",
                compose(
                    """CASE WHEN {n} THEN '-' ELSE '' END
                        || split_part({d}, '.', 1)
                        || left(rpad(split_part({d}, '.', 2), 9, '0'), {s})
                        || '.' || substr(split_part({d}, '.', 2), {s} + 1)""",
                    n=negative,
                    d=digits,
                    s=shift,
                ),
            ),
        ),
    )
    plain, code = identifier(f"{prefix}plain"), identifier(f"{prefix}code")
    value = compose(
        """CASE
            WHEN {cell} IS NULL THEN NULL
            WHEN {p} IS NULL THEN TRY_CAST({cell} AS DECIMAL(19,4))
            WHEN {n} IS NOT NULL AND {code} IS NOT NULL AND {d} IS NOT NULL THEN TRY_CAST({plain} AS DECIMAL(19,4))
        END""",
        cell=cell,
        p=parts,
        n=negative,
        code=code,
        d=digits,
        plain=plain,
    )
    return Reading(
        value,
        layers,
        currency=compose("nullif({code}, '')", code=code),
        currency_is_loose=identifier(f"{prefix}loose"),
    )


def fits_currency(found: Sql, is_loose: Sql, column: Sql) -> Sql:
    """Whether a money cell's own currency agrees with its currency column: a bare `$` fits any dollar."""
    return compose(
        """({column} = {found} OR ({loose} AND (({found} IN {dollars} AND {column} IN {dollars})
            OR ({found} IN {yens} AND {column} IN {yens}))))""",
        column=column,
        found=found,
        loose=is_loose,
        dollars=texts(sorted(currencies.DOLLARS)),
        yens=texts(sorted(currencies.YENS)),
    )


def _moment(kind: Kind, cell: Sql, prefix: str, rules: ReadingRules) -> Reading:
    """Dates and timestamps: the local time as written, and the instant where the cell carries a zone."""
    shape, parts = identifier(f"{prefix}shape"), identifier(f"{prefix}parts")
    local, instant = identifier(f"{prefix}local"), identifier(f"{prefix}instant")
    layers = (
        (
            (
                f"{prefix}shape",
                compose(
                    "CASE WHEN regexp_full_match({cell}, {plain}) THEN 'plain'"
                    " WHEN regexp_full_match({cell}, {dashed}) THEN 'dashed' ELSE '' END",
                    cell=cell,
                    plain=_PLAIN_TIMESTAMP,
                    dashed=_DASHED_TIMESTAMP,
                ),
            ),
        ),
        (
            (
                f"{prefix}parts",
                compose(
                    "CASE WHEN {shape} = '' THEN regexp_extract({spaced}, {pattern}, {names}) END",
                    shape=shape,
                    spaced=_single_spaced(cell),
                    pattern=_TIMESTAMP_CELL,
                    names=_NAMES_TIMESTAMP,
                ),
            ),
        ),
        (
            (
                f"{prefix}local",
                compose(
                    """CASE
                        WHEN {cell} IS NULL THEN NULL
                        WHEN {shape} = 'dashed'
                            THEN TRY_CAST({cell}[:10] || ' ' || {cell}[12:] AS TIMESTAMP)
                        WHEN {shape} = 'plain' THEN TRY_CAST({cell} AS TIMESTAMP)
                        WHEN {parts}.day <> '' THEN TRY_CAST({day} || ' ' || {time} AS TIMESTAMP)
                        WHEN {parts}.compact_day <> ''
                            THEN TRY_CAST({compact_day} || ' ' || {compact_time} AS TIMESTAMP)
                        {declared}
                    END""",
                    cell=cell,
                    parts=parts,
                    shape=shape,
                    day=_iso_day(compose("{parts}.day", parts=parts)),
                    time=compose(
                        "CASE WHEN {parts}.time = '' THEN '00:00' ELSE replace({parts}.time, ',', '.') END", parts=parts
                    ),
                    compact_day=_iso_day(compose("{parts}.compact_day", parts=parts)),
                    compact_time=compose(
                        "regexp_replace(rpad({parts}.compact_time, 6, '0'), {pairs}, {colons})",
                        parts=parts,
                        pairs=literal(r"^(\d\d)(\d\d)(\d\d)$"),
                        colons=literal(r"\1:\2:\3"),
                    ),
                    declared=_declared_formats(kind, cell, rules),
                ),
            ),
            (
                f"{prefix}offset",
                compose(
                    """CASE
                        WHEN coalesce({parts}.zone, '') = '' THEN NULL
                        {dates_alone}
                        WHEN {parts}.zone IN ('Z', 'UTC', 'GMT') THEN 0
                        ELSE (CASE WHEN {parts}.zone[1] = '-' THEN -1 ELSE 1 END)
                            * (60 * CAST({parts}.zone[2:3] AS INTEGER)
                               + CAST('0' || replace({parts}.zone[4:], ':', '') AS INTEGER))
                    END""",
                    parts=parts,
                    # A date alone is its own date, whatever zone stands behind it.
                    dates_alone=compose("WHEN {parts}.day <> '' AND {parts}.time = '' THEN NULL", parts=parts)
                    if kind is Kind.DATE
                    else Sql(""),
                ),
            ),
        ),
        (
            (
                f"{prefix}instant",
                compose(
                    "CASE WHEN {offset} IS NOT NULL AND abs({offset}) <= 14 * 60"
                    " AND {local_in_bounds} THEN {local} - to_minutes({offset}) END",
                    offset=identifier(f"{prefix}offset"),
                    local=local,
                    local_in_bounds=_in_bounds(local, rules),
                ),
            ),
        ),
    )
    if kind is Kind.DATE:
        value = compose(
            """CAST(CASE
                WHEN {offset} IS NULL THEN CASE WHEN {in_bounds} THEN {local} END
                ELSE {instant} AT TIME ZONE 'UTC' AT TIME ZONE {zone}
            END AS DATE)""",
            offset=identifier(f"{prefix}offset"),
            in_bounds=_in_bounds(local, rules),
            local=local,
            instant=instant,
            zone=literal(rules.time_zone),
        )
    else:
        value = compose(
            """CASE
                WHEN {offset} IS NOT NULL THEN {instant}
                WHEN {in_bounds} THEN {as_utc}
            END""",
            offset=identifier(f"{prefix}offset"),
            in_bounds=_in_bounds(local, rules),
            instant=instant,
            as_utc=local
            if rules.time_zone == "UTC"
            else compose(
                "({local} AT TIME ZONE {zone}) AT TIME ZONE 'UTC'", local=local, zone=literal(rules.time_zone)
            ),
        )
    return Reading(value, layers)


def _iso_day(day: Sql) -> Sql:
    return compose(
        "CASE WHEN length({day}) = 8 AND regexp_full_match({day}, {eight})"
        " THEN {day}[1:4] || '-' || {day}[5:6] || '-' || {day}[7:8] ELSE translate({day}, './', '--') END",
        day=day,
        eight=literal(r"\d{8}"),
    )


def _in_bounds(moment: Sql, rules: ReadingRules) -> Sql:
    return compose(
        "year({moment}) BETWEEN {first} AND {last}",
        moment=moment,
        first=literal(rules.earliest_year),
        last=literal(rules.latest_year),
    )


# What may follow a date of a declared format in a timestamp column, where no timestamp_format is declared.
_TIMES_AFTER_DATES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p", "T%H:%M:%S")


def _declared_formats(kind: Kind, cell: Sql, rules: ReadingRules) -> Sql:
    formats: list[str] = []
    if rules.timestamp_format:
        formats.append(rules.timestamp_format)
    if rules.date_format:
        formats += [rules.date_format + rest for rest in _TIMES_AFTER_DATES]
    if not formats:
        return Sql("")
    tries = joined(
        (compose("try_strptime({cell}, {format})", cell=cell, format=literal(one)) for one in dict.fromkeys(formats)),
    )
    return compose("ELSE coalesce({tries}, NULL)", tries=tries)
