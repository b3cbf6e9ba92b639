"""Charts as SVG, drawn on the server: no script, no inline style; colours come from `static/css/charts.css`.

All are 320 units wide and scale to their place, so a phone shows them nearly unit by pixel. Every mark has its figures
as a hover title, and the macros of `templates/charts.html.j2` put the same figures into a table below. Colour never
stands alone: parts are patterned, ordered and named. Empty data gives a chart that says that there is none yet.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from markupsafe import Markup, escape

from portal.words import number, short_day, short_number

Figure = float | int | Decimal

_WIDTH = 320.0
# A letter is about so wide.
_LETTER, _CAPITAL = 6.4, 8.4
_LINE = 14.0
_MOST_DOTS = 60
# Words under the axis stand so far below it, clear of the figures beside it.
_UNDER = 17.0
# Texts that stand side by side keep so much room between them.
_GAP = 8.0
NOT_YET = "Not enough history yet"
# What a part of a stack looks like beside its colour: bands of the paper's colour over it.
_PATTERNS = {"red": "hatch", "yellow": "dots", "none": "lines", "second": "hatch", "third": "dots"}


def line(
    points: Sequence[tuple[date, Figure | None]],
    *,
    title: str,
    unit: str = "",
    low: Figure = 0,
    high: Figure = 100,
    bands: Sequence[tuple[Figure, Figure, str]] = (),
    marks: Sequence[tuple[date, str]] = (),
) -> Markup:
    """A figure over time, in the order of `points`; None breaks the line.

    `bands`: from, to and name of what the figure means there (RED, YELLOW, GREEN). `marks`: days on which something
    changed, with words; numbered, and told on hovering and in the table.
    """
    given = sorted((day, None if value is None else float(value)) for day, value in points)
    known = [(day, value) for day, value in given if value is not None]
    if len(known) < 2:
        only = f"{short_day(known[0][0])}: {_with(known[0][1], unit)}" if known else "The first refreshes make it."
        return _placeholder(title, only)
    first, last = given[0][0], given[-1][0]
    bottom, top = float(low), float(high)
    if not bands:
        bottom, top = min(bottom, *(value for _, value in known)), max(top, *(value for _, value in known))
    ticks = _ticks(bottom, top)
    bottom, top = min(bottom, ticks[0]), max(top, ticks[-1])
    left = max(_wide(number(tick, 2)) for tick in ticks) + 6
    right, upper, height = _WIDTH - 10, 20.0, 172.0
    span = max((last - first).days, 1)

    def x(day: date) -> float:
        return left + (right - left) * (day - first).days / span

    def y(value: float) -> float:
        return height - (height - upper) * (min(max(value, bottom), top) - bottom) / (top - bottom)

    parts = [*_bands(bands, y, left, right, known), *_rulings(ticks, y, left, right), *_days(first, last, x, height)]
    numbered = [one for one in enumerate(marks, 1) if first <= one[1][0] <= last]
    parts += [_mark(place, day, words, x(day), upper, height) for place, (day, words) in numbered]
    for run in _runs(given):
        if len(run) > 1:
            corners = " ".join(f"{_n(x(day))},{_n(y(value))}" for day, value in run)
            parts.append(Markup('<polyline class="line" points="{}"/>').format(corners))
    dots = known if len(known) <= _MOST_DOTS else [known[0], known[-1]]
    for day, value in dots:
        size = 4 if (day, value) == known[-1] else 2.5
        parts.append(_circle(x(day), y(value), size, "dot", f"{short_day(day)}: {_with(value, unit)}"))
    told = ", ".join(f"{_with(value, unit)} on {short_day(day)}" for day, value in (known[0], known[-1]))
    return _chart("line", title, f"{told}.", height + _UNDER + 8, parts)


def bars(rows: Sequence[tuple[str, Figure | None, Figure]], *, title: str) -> Markup:
    """Label, value and what it is out of, a bar each; a value of None is told as missing."""
    if not rows:
        return _placeholder(title, "There is nothing to show.")
    parts, told = [], []
    for place, (label, value, most) in enumerate(rows):
        at = place * 34.0
        whole = float(most)
        figure = "no data" if value is None else f"{number(value)} of {number(most)}"
        told.append(f"{label} {figure}")
        parts.append(_text(0, at + 12, _short(label, _WIDTH - _wide(figure) - _GAP), "label strong"))
        parts.append(_text(_WIDTH, at + 12, figure, "label end"))
        parts.append(_rect(0, at + 17, _WIDTH, 9, "track missing" if value is None else "track", round_by=2))
        if value is not None and whole > 0:
            share = min(max(float(value) / whole, 0.0), 1.0)
            parts.append(_rect(0, at + 17, _WIDTH * share, 9, "bar", f"{label}: {figure}", round_by=2))
    return _chart("bars", title, f"{'; '.join(told)}.", len(rows) * 34.0, parts)


def stacked(
    columns: Sequence[tuple[str, Mapping[str, Figure]]],
    *,
    title: str,
    order: Sequence[str],
    classes: Mapping[str, str],
    shown: Callable[[float], str] = short_number,
) -> Markup:
    """Columns of parts, the first of `order` lowest; `classes` name each part's look (red, yellow, green, none, …).

    `shown` writes a figure. Columns keep their order.
    """
    totals = [sum(float(parts.get(name, 0) or 0) for name in order) for _, parts in columns]
    if not any(total > 0 for total in totals):
        return _placeholder(title, "There is nothing to show.")
    used = [name for name in order if any(parts.get(name) for _, parts in columns)]
    identity = _identity("stacked", title, columns)
    legend, upper = _legend(used, classes, identity)
    ticks = _ticks(0.0, max(totals))
    top = ticks[-1]
    upper += 16
    left = max(_wide(shown(tick)) for tick in ticks) + 6
    right, height = _WIDTH, upper + 140.0

    def y(value: float) -> float:
        return height - (height - upper) * value / top

    parts: list[Markup] = [*legend, *_rulings(ticks, y, left, right, shown)]
    step = (right - left) / len(columns)
    width = min(step * 0.72, 46.0)
    every = _every([label for label, _ in columns], step)
    for place, ((label, figures), total) in enumerate(zip(columns, totals, strict=True)):
        at, below = left + step * place + (step - width) / 2, 0.0
        for name in used:
            value = float(figures.get(name, 0) or 0)
            if value <= 0:
                continue
            upto = y(below + value)
            tall = y(below) - upto
            look = classes.get(name, "other")
            said = f"{label}, {name}: {shown(value)} of {shown(total)} ({number(100 * value / total)} %)"
            parts.append(_part(at, upto, width, tall, look, identity, said))
            below += value
        if total > 0 and _wide(shown(total)) <= step:
            parts.append(_text(at + width / 2, y(total) - 4, shown(total), "label middle total"))
        if place % every == 0:
            parts.append(_text(at + width / 2, height + _UNDER, label, "label middle"))
    told = "; ".join(
        f"{label}: {', '.join(f'{name} {shown(float(figures.get(name, 0) or 0))}' for name in used)}"
        for label, figures in columns
    )
    return _chart("stacked", title, f"{told}.", height + _UNDER + 8, [_patterns(identity), *parts], identity)


def calibration(points: Sequence[tuple[Figure, Figure, int]], *, title: str) -> Markup:
    """What was said against what happened, both in percent, with how many cases; on the dashed line they agree."""
    counted = [(float(said), float(happened), int(count)) for said, happened, count in points if count]
    if not counted:
        return _placeholder(title, "No outcome is known yet.")
    left, right, upper, height = 34.0, _WIDTH - 12, 8.0, 222.0
    most = max(count for _, _, count in counted)

    def x(value: float) -> float:
        return left + (right - left) * min(max(value, 0.0), 100.0) / 100

    def y(value: float) -> float:
        return height - (height - upper) * min(max(value, 0.0), 100.0) / 100

    parts = _rulings((0, 25, 50, 75, 100), y, left, right)
    parts += [_text(x(tick), height + _UNDER, str(tick), "label middle") for tick in (0, 25, 50, 75, 100)]
    parts.append(_segment(x(0), y(0), x(100), y(100), "agree"))
    parts.append(_text(x(50), height + _UNDER + 15, "said, %", "label middle"))
    parts.append(_text(left + 4, upper + 9, "happened, %", "label"))
    for said, happened, count in sorted(counted, key=lambda one: -one[2]):
        words = f"said {number(said)} %, happened {number(happened)} %, of {count:,}"
        parts.append(_circle(x(said), y(happened), 3 + 9 * math.sqrt(count / most), "bubble", words))
    told = "; ".join(
        f"said {number(said)} %, happened {number(happened)} % of {count:,}" for said, happened, count in counted
    )
    return _chart("calibration", title, f"{told}.", height + _UNDER + 22, parts)


def intervals(
    rows: Sequence[tuple[str, Figure | None, Figure | None, Figure | None]],
    *,
    title: str,
    low: Figure = -100,
    high: Figure = 100,
) -> Markup:
    """Label, value and its interval from and to, a column each: a small number isn't read as a trend."""
    known = [(place, *one) for place, one in enumerate(rows) if one[1] is not None]
    if not known:
        return _placeholder(title, "There is nothing to show.")
    ticks = _ticks(float(low), float(high))
    bottom, top = ticks[0], ticks[-1]
    left = max(_wide(number(tick)) for tick in ticks) + 6
    right, upper, height = _WIDTH, 10.0, 170.0

    def y(value: float) -> float:
        return height - (height - upper) * (min(max(value, bottom), top) - bottom) / (top - bottom)

    step = (right - left) / len(rows)
    every = _every([label for label, *_ in rows], step)
    parts = _rulings(ticks, y, left, right)
    parts += [
        _text(left + step * (place + 0.5), height + _UNDER, label, "label middle")
        for place, (label, *_) in enumerate(rows)
        if place % every == 0
    ]
    told = []
    for place, label, value, start, end in known:
        at, words = left + step * (place + 0.5), f"{label}: {number(value)}"
        if start is not None and end is not None:
            words += f", between {number(start)} and {number(end)}"
            for one in (start, end):
                parts.append(_segment(at - 4, y(float(one)), at + 4, y(float(one)), "whisker"))
            parts.append(_segment(at, y(float(start)), at, y(float(end)), "whisker"))
        parts.append(_circle(at, y(float(value)), 4, "dot", words))
        told.append(words)
    return _chart("intervals", title, f"{'; '.join(told)}.", height + _UNDER + 8, parts)


def _chart(
    kind: str, title: str, told: str, height: float, parts: Sequence[Markup], identity: str | None = None
) -> Markup:
    identity = identity or _identity(kind, title, told)
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d"'
        ' xmlns="http://www.w3.org/2000/svg"><title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
    ).format(kind, _n(_WIDTH), _n(height), identity, identity, identity, title, identity, told, Markup("").join(parts))


def _placeholder(title: str, words: str) -> Markup:
    middle = _WIDTH / 2
    parts = [
        _rect(0.5, 0.5, _WIDTH - 1, 109, "blank", round_by=8),
        Markup('<polyline class="blank-line" points="110,44 135,34 160,40 185,24 210,30"/>'),
        _text(middle, 70, NOT_YET, "label middle strong"),
        _text(middle, 90, _short(words, _WIDTH - 20), "label middle"),
    ]
    return _chart("empty-chart", title, f"{NOT_YET}. {words}", 110, parts)


def _identity(*content: object) -> str:
    """A name for ids, of what the chart shows."""
    return f"c{hashlib.sha256(repr(content).encode()).hexdigest()[:10]}"


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round figures that span what is there."""
    if high <= low:
        high = low + 1
    rough = (high - low) / 4
    base = 10.0 ** math.floor(math.log10(rough))
    step = next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= rough * 0.999)
    start = math.floor(low / step + 1e-9)
    end = math.ceil(high / step - 1e-9)
    return [round(step * place, 10) for place in range(start, end + 1)]


def _rulings(
    ticks: Sequence[float],
    y: Callable[[float], float],
    left: float,
    right: float,
    shown: Callable[[float], str] = lambda value: number(value, 2),
) -> list[Markup]:
    parts = []
    for tick in ticks:
        parts.append(_segment(left, y(tick), right, y(tick), "rule base" if tick == 0 else "rule"))
        parts.append(_text(left - 5, y(tick) + 4, shown(tick), "label end"))
    return parts


def _days(first: date, last: date, x: Callable[[date], float], height: float) -> list[Markup]:
    """The first and last day, and firsts of months between them where there is room."""
    written = f"{first.day} {first:%b %y}", f"{last.day} {last:%b %y}"
    parts = [
        _text(x(first), height + _UNDER, written[0], "label"),
        _text(x(last), height + _UNDER, written[1], "label end"),
    ]
    free, until = x(first) + _wide(written[0]) + _GAP, x(last) - _wide(written[1]) - _GAP
    month = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    while month < last:
        words = f"{month:%b %y}"
        half = _wide(words) / 2
        if x(month) - half >= free and x(month) + half <= until:
            parts.append(_text(x(month), height + _UNDER, words, "label middle"))
            parts.append(_segment(x(month), height, x(month), height + 3, "rule"))
            free = x(month) + half + _GAP
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return parts


def _legend(names: Sequence[str], classes: Mapping[str, str], identity: str) -> tuple[list[Markup], float]:
    """The parts by name, and how high that is."""
    parts, at, top = [], 0.0, 0.0
    for name in names:
        wide = 16 + _wide(name) + 12
        if at and at + wide > _WIDTH:
            at, top = 0.0, top + 18
        parts.append(_part(at, top + 1, 11, 11, classes.get(name, "other"), identity, name))
        parts.append(_text(at + 16, top + 11, name, "label"))
        at += wide
    return parts, top + 16


def _part(x: float, y: float, width: float, height: float, look: str, identity: str, said: str) -> Markup:
    """A part of a stack in its colour, with its pattern over it."""
    pattern = _PATTERNS.get(look)
    over = (
        Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="url(#{}-{})"/>').format(
            _n(x), _n(y), _n(width), _n(height), identity, pattern
        )
        if pattern
        else Markup("")
    )
    return Markup("<g>{}{}{}</g>").format(_hover(said), _rect(x, y, width, height, f"part {_class(look)}"), over)


def _patterns(identity: str) -> Markup:
    return Markup(
        '<defs><pattern id="{0}-hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path class="over" d="M0 0V6"/></pattern>'
        '<pattern id="{0}-dots" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<circle class="over-dot" cx="3" cy="3" r="1.1"/></pattern>'
        '<pattern id="{0}-lines" width="4" height="4" patternUnits="userSpaceOnUse">'
        '<path class="over" d="M0 2H4"/></pattern></defs>'
    ).format(identity)


def _bands(
    bands: Sequence[tuple[Figure, Figure, str]],
    y: Callable[[float], float],
    left: float,
    right: float,
    known: Sequence[tuple[date, float]],
) -> list[Markup]:
    """What figures mean, named at the end where the line keeps away from the name."""
    parts = []
    early, late = y(known[0][1]), y(known[-1][1])
    for start, end, name in bands:
        at, until = y(float(start)), y(float(end))
        parts.append(_rect(left, until, right - left, at - until, f"band {_class(name)}"))
        if at - until > _LINE:
            place, is_late = until + 12, abs(late - until - 8) > abs(early - until - 8)
            look = "label band-name end" if is_late else "label band-name"
            parts.append(_text(right - 4 if is_late else left + 4, place, name, look))
    return parts


def _mark(place: int, day: date, words: str, at: float, upper: float, height: float) -> Markup:
    return Markup('<g class="mark">{}{}{}</g>').format(
        _hover(f"{place}. {short_day(day)}: {words}"),
        _segment(at, upper - 4, at, height, "mark-line"),
        _text(at, upper - 8, str(place), "label middle"),
    )


def _runs(points: Sequence[tuple[date, float | None]]) -> list[list[tuple[date, float]]]:
    """The stretches without a gap."""
    runs: list[list[tuple[date, float]]] = [[]]
    for day, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((day, value))
    return [run for run in runs if run]


def _every(labels: Sequence[str], step: float) -> int:
    """Every how many columns a label fits."""
    return max(1, math.ceil((max(_wide(label) for label in labels) + _GAP / 2) / step))


def _wide(text: str) -> float:
    return sum(_CAPITAL if letter.isupper() else _LETTER for letter in text)


def _short(text: str, room: float) -> str:
    most = max(int(room / _LETTER), 4)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _with(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".rstrip()


def _class(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _hover(words: str | None) -> Markup:
    return Markup("<title>{}</title>").format(words) if words else Markup("")


def _text(x: float, y: float, words: str, look: str) -> Markup:
    return Markup('<text x="{}" y="{}" class="{}">{}</text>').format(_n(x), _n(y), look, escape(words))


def _rect(
    x: float, y: float, width: float, height: float, look: str, said: str | None = None, round_by: float = 0
) -> Markup:
    corner = Markup(' rx="{}"').format(_n(round_by)) if round_by else Markup("")
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"{} class="{}">{}</rect>').format(
        _n(x), _n(y), _n(max(width, 0)), _n(max(height, 0)), corner, look, _hover(said)
    )


def _circle(x: float, y: float, radius: float, look: str, said: str | None = None) -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}">{}</circle>').format(
        _n(x), _n(y), _n(radius), look, _hover(said)
    )


def _segment(x: float, y: float, to_x: float, to_y: float, look: str) -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(_n(x), _n(y), _n(to_x), _n(to_y), look)
