"""How a deck looks: PowerPoint with native charts. Nothing here decides what is said.

Text that the sources may hold is set as text of a run, never as markup; it is measured roughly beforehand, so that a
long one is set smaller, down to twelve points, and what still doesn't fit is left out and counted.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import datetime, time

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import (
    XL_CHART_TYPE,
    XL_LABEL_POSITION,
    XL_LEGEND_POSITION,
    XL_MARKER_STYLE,
    XL_TICK_LABEL_POSITION,
)
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.slide import Slide as PowerPointSlide
from pptx.util import Inches, Pt

from orchestration.documents.content import Bullets, Chart, Deck, Slide, Table, Tile
from orchestration.documents.stable import without_clock
from orchestration.documents.wording import day, plain, width

_INK, _QUIET_INK = "1B2430", "566273"
_RULE, _BAND, _PAPER = "D5DBE3", "F3F6F9", "FFFFFF"
_ACCENT = "1D5FA8"
_COLOURS = {
    "": _ACCENT,
    "accent": _ACCENT,
    "good": "1B6B3A",
    "fair": "7A5200",
    "bad": "A3231D",
    "quiet": "C9D3DF",
}
_FONT = "Calibri"
_PAGE = (13.333, 7.5)
_LEFT, _RIGHT = 0.65, 0.65
_WIDE = _PAGE[0] - _LEFT - _RIGHT
_BODY_TOP, _BODY_BOTTOM = 1.75, 6.75
_GAP = 0.45
_SMALLEST = 12
# How wide a letter is on average, in parts of its size, and how high a line is.
_LETTER, _LINE = 0.56, 1.22
_POINTS_AN_INCH = 72
_CELL_PAD = 0.09
_TABLE_SIZES = (18, 16, 15, 14, 13, _SMALLEST)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def pptx(deck: Deck) -> bytes:
    """The deck as a PowerPoint file; the same deck gives the same bytes."""
    presentation = Presentation()
    presentation.slide_width, presentation.slide_height = Inches(_PAGE[0]), Inches(_PAGE[1])
    for place, slide in enumerate(deck.slides, start=1):
        _draw(presentation, deck, slide, place)
    properties = presentation.core_properties
    properties.title, properties.subject = deck.title, deck.subject
    properties.author = properties.last_modified_by = "account-health"
    properties.created = properties.modified = datetime.combine(deck.as_of, time())
    properties.identifier = deck.fingerprint
    properties.revision, properties.comments = 1, ""
    made = io.BytesIO()
    presentation.save(made)
    return without_clock(made.getvalue(), deck.as_of)


def _draw(presentation, deck: Deck, slide: Slide, place: int) -> None:
    # The layout with a title only: the finding is the slide's title, for outlines and screen readers.
    page = presentation.slides.add_slide(presentation.slide_layouts[5])
    top = _BODY_TOP
    _bar(page, place == 1)
    if slide.kicker:
        _text(page, _LEFT, 0.42, _WIDE, 0.32, slide.kicker.upper(), 13, _ACCENT, bold=True)
    _finding(page, slide.finding)
    if slide.tiles:
        _tiles(page, slide.tiles, top)
        top += 1.75
    _blocks(page, slide.blocks, top)
    foot = f"{deck.mark}  ·  as of {day(deck.as_of)}" if deck.mark else f"As of {day(deck.as_of)}"
    _text(page, _LEFT, 6.98, _WIDE - 1, 0.32, foot, 12, _QUIET_INK)
    _text(page, _PAGE[0] - _RIGHT - 1, 6.98, 1, 0.32, str(place), 12, _QUIET_INK, align=PP_ALIGN.RIGHT)


def _bar(page: PowerPointSlide, is_first: bool) -> None:
    bar = page.shapes.add_shape(
        MSO_SHAPE.RECTANGLE,
        0,
        0,
        Inches(_PAGE[0]) if is_first else Inches(0.18),
        Inches(0.18 if is_first else _PAGE[1]),
    )
    bar.fill.solid()
    bar.fill.fore_color.rgb = RGBColor.from_string(_ACCENT)
    bar.line.fill.background()
    bar.name = "Mark"


def _finding(page: PowerPointSlide, sentence: str) -> None:
    title = page.shapes.title
    title.left, title.top, title.width, title.height = Inches(_LEFT), Inches(0.72), Inches(_WIDE), Inches(0.95)
    size = next((size for size in (28, 26, 24, 22, 20) if _lines(sentence, _WIDE, size) * size * _LINE <= 68), 18)
    frame = title.text_frame
    frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.TOP
    _flush(frame)
    _run(frame.paragraphs[0], plain(sentence, 190), size, _INK, bold=True)
    frame.paragraphs[0].alignment = PP_ALIGN.LEFT


def _tiles(page: PowerPointSlide, tiles: Sequence[Tile], top: float) -> None:
    wide = (_WIDE - _GAP * (len(tiles) - 1)) / len(tiles)
    longest = max((plain(tile.value, 40) for tile in tiles), key=width)
    size = next((size for size in (36, 30, 26, 22, 18) if _lines(longest, wide - 0.3, size) == 1), 16)
    for place, tile in enumerate(tiles):
        left = _LEFT + place * (wide + _GAP)
        card = page.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(left), Inches(top), Inches(wide), Inches(1.4))
        card.fill.solid()
        card.fill.fore_color.rgb = RGBColor.from_string(_BAND)
        card.line.fill.background()
        card.shadow.inherit = False
        frame = card.text_frame
        frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.MIDDLE
        _run(frame.paragraphs[0], plain(tile.value, 40), size, _COLOURS[tile.tone], bold=True)
        _run(frame.add_paragraph(), tile.label, 14, _QUIET_INK)
        for paragraph in frame.paragraphs:
            paragraph.alignment = PP_ALIGN.LEFT


def _blocks(page: PowerPointSlide, blocks: Sequence[object], top: float) -> None:
    if not blocks:
        return
    shares = (0.64, 0.36) if len(blocks) == 2 and _is_wide(blocks[0]) and not _is_wide(blocks[1]) else None
    shares = shares or (1 / len(blocks),) * len(blocks)
    left, room = _LEFT, _WIDE - _GAP * (len(blocks) - 1)
    high = _BODY_BOTTOM - top
    # Tables side by side are set in letters of one size.
    size = min(
        (
            _size(block, room * share, high)
            for block, share in zip(blocks, shares, strict=True)
            if isinstance(block, Table)
        ),
        default=_SMALLEST,
    )
    for block, share in zip(blocks, shares, strict=True):
        area = (left, top, room * share, high)
        if isinstance(block, Chart):
            _chart(page, block, area)
        elif isinstance(block, Table):
            _table(page, block, area, size)
        elif isinstance(block, Bullets):
            _bullets(page, block, area, is_alone=len(blocks) == 1)
        left += room * share + _GAP


def _is_wide(block: object) -> bool:
    return isinstance(block, Chart | Table)


def _bullets(page: PowerPointSlide, block: Bullets, area: tuple[float, ...], *, is_alone: bool) -> None:
    left, top, wide, high = area
    sizes = (22, 20, 18, 16, 14, _SMALLEST) if is_alone else (18, 16, 14, 13, _SMALLEST)
    inner = wide - 0.3

    def height(size: int) -> float:
        head = size * _LINE * 1.6 if block.title else 0
        return head + sum(_lines(item, inner, size) * size * _LINE + size * 0.55 for item in block.items)

    size = next((size for size in sizes if height(size) <= high * _POINTS_AN_INCH), _SMALLEST)
    box = page.shapes.add_textbox(Inches(left), Inches(top), Inches(wide), Inches(high))
    frame = box.text_frame
    frame.word_wrap = True
    _flush(frame)
    paragraph = frame.paragraphs[0]
    if block.title:
        _run(paragraph, block.title, min(size, 16), _QUIET_INK, bold=True)
        paragraph.space_after = Pt(size * 0.5)
        paragraph = frame.add_paragraph()
    for place, item in enumerate(block.items):
        if place:
            paragraph = frame.add_paragraph()
        _bullet(paragraph, size)
        _run(paragraph, item, size, _INK)
        paragraph.space_after = Pt(size * 0.55)


def _bullet(paragraph, size: int) -> None:
    properties = paragraph._p.get_or_add_pPr()
    indent = int(Pt(size * 0.9))
    properties.set("marL", str(indent))
    properties.set("indent", str(-indent))
    colour = properties.makeelement(qn("a:buClr"), {})
    colour.append(colour.makeelement(qn("a:srgbClr"), {"val": _ACCENT}))
    properties.append(colour)
    properties.append(properties.makeelement(qn("a:buFont"), {"typeface": "Arial"}))
    properties.append(properties.makeelement(qn("a:buChar"), {"char": "•"}))


def _size(table: Table, wide: float, high: float) -> int:
    """The largest size of letters that a table fits with."""
    columns = [wide * share for share in table.widths]
    return next((size for size in _TABLE_SIZES if _height(table, table.rows, columns, size) <= high), _SMALLEST)


def _table(page: PowerPointSlide, table: Table, area: tuple[float, ...], size: int) -> None:
    left, top, wide, high = area
    columns = [wide * share for share in table.widths]
    rows = table.rows
    while len(rows) > 1 and _height(table, rows, columns, size) > high - (0.36 if len(rows) < len(table.rows) else 0):
        rows = rows[:-1]
    left_out = len(table.rows) - len(rows)
    heights = [_row_height(table.columns, columns, size), *(_row_height(row, columns, size) for row in rows)]
    shape = page.shapes.add_table(
        len(rows) + 1, len(columns), Inches(left), Inches(top), Inches(wide), Inches(sum(heights))
    )
    grid = shape.table
    # No style of the program's own: the fills below are all there is.
    properties = grid._tbl.tblPr
    for style in properties.findall(qn("a:tableStyleId")):
        style.text = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
    properties.set("bandRow", "0")
    for column, inches in zip(grid.columns, columns, strict=True):
        column.width = Inches(inches)
    drawn = zip(grid._tbl.tr_lst, (table.columns, *rows), heights, strict=True)
    for place, (line, row, height) in enumerate(drawn):
        line.set("h", str(Inches(height)))
        for cell, text in zip(line.tc_lst, row, strict=True):
            _cell(cell, text, size, is_head=place == 0, is_banded=place % 2 == 1)
    if left_out:
        _text(page, left, top + sum(heights) + 0.06, wide, 0.3, f"and {left_out} more", 12, _QUIET_INK)


def _height(table: Table, rows: Sequence[tuple[str, ...]], columns: Sequence[float], size: int) -> float:
    return sum(_row_height(row, columns, size) for row in (table.columns, *rows))


def _row_height(row: Sequence[str], columns: Sequence[float], size: int) -> float:
    lines = max(_lines(text, wide - 2 * _CELL_PAD, size) for text, wide in zip(row, columns, strict=True))
    return lines * size * _LINE / _POINTS_AN_INCH + 2 * 0.07


def _cell(cell, text: str, size: int, *, is_head: bool, is_banded: bool) -> None:
    _add_run(cell.txBody.p_lst[0], text, size, _PAPER if is_head else _INK, bold=is_head)
    properties = cell.get_or_add_tcPr()
    for side, inches in (("marL", _CELL_PAD), ("marR", _CELL_PAD), ("marT", 0.05), ("marB", 0.05)):
        properties.set(side, str(Inches(inches)))
    properties.set("anchor", "ctr")
    _fill(properties, _ACCENT if is_head else _BAND if is_banded else _PAPER)


def _chart(page: PowerPointSlide, chart: Chart, area: tuple[float, ...]) -> None:
    left, top, wide, high = area
    data = CategoryChartData(number_format="0.0")
    data.categories = [_label(category) for category in chart.categories]
    for series in chart.series:
        data.add_series(_label(series.name), series.values)
    kind = XL_CHART_TYPE.BAR_STACKED if chart.kind == "bars" else XL_CHART_TYPE.LINE_MARKERS
    frame = page.shapes.add_chart(kind, Inches(left), Inches(top), Inches(wide), Inches(high), data)
    frame.name = chart.alternative
    frame._element.nvGraphicFramePr.cNvPr.set("descr", chart.alternative)
    drawn = frame.chart
    drawn.has_title = False
    drawn.font.size, drawn.font.name = Pt(14), _FONT
    drawn.font.color.rgb = RGBColor.from_string(_INK)
    drawn.has_legend = len(chart.series) > 1
    if drawn.has_legend:
        drawn.legend.position, drawn.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    value = drawn.value_axis
    value.minimum_scale, value.maximum_scale = 0, _rounded_up(chart.highest)
    value.major_unit = value.maximum_scale / 5
    value.has_major_gridlines = True
    value.major_gridlines.format.line.color.rgb = RGBColor.from_string(_RULE)
    value.format.line.fill.background()
    value.tick_labels.font.size = Pt(12)
    value.tick_labels.number_format, value.tick_labels.number_format_is_linked = "0", False
    drawn.category_axis.format.line.color.rgb = RGBColor.from_string(_RULE)
    drawn.category_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    plot = drawn.plots[0]
    if chart.kind == "bars":
        # The first category on top, as in a table.
        drawn.category_axis.reverse_order = True
        value.tick_label_position = XL_TICK_LABEL_POSITION.HIGH
        plot.gap_width, plot.overlap = 55, 100
    plot.has_data_labels = True
    labels = plot.data_labels
    labels.font.size, labels.show_value = Pt(12), True
    labels.number_format, labels.number_format_is_linked = "0.#;;", False
    for drawn_series, series in zip(plot.series, chart.series, strict=True):
        colour = RGBColor.from_string(_COLOURS[series.tone])
        if chart.kind == "bars":
            drawn_series.format.fill.solid()
            drawn_series.format.fill.fore_color.rgb = colour
            drawn_series.data_labels.show_value = True
            drawn_series.data_labels.font.size = Pt(12)
            drawn_series.data_labels.number_format = "0.0;;"
            drawn_series.data_labels.number_format_is_linked = False
            ink = _INK if series.tone == "quiet" else _PAPER
            drawn_series.data_labels.font.color.rgb = RGBColor.from_string(ink)
        else:
            drawn_series.smooth = False
            drawn_series.format.line.color.rgb, drawn_series.format.line.width = colour, Pt(2.5)
            drawn_series.marker.style, drawn_series.marker.size = XL_MARKER_STYLE.CIRCLE, 9
            drawn_series.marker.format.fill.solid()
            drawn_series.marker.format.fill.fore_color.rgb = colour
            drawn_series.marker.format.line.color.rgb = colour
            labels.position = XL_LABEL_POSITION.ABOVE
            labels.number_format = "0.0"


def _label(text: str) -> str:
    """A label of a chart: its workbook would read one that begins like a formula as one."""
    shown = plain(text, 60)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _rounded_up(highest: float) -> float:
    """An end of the axis that its marks come out even with."""
    step = 10 ** math.floor(math.log10(highest)) / 2 if highest > 0 else 1
    return math.ceil(highest / step) * step


def _text(
    page: PowerPointSlide,
    left: float,
    top: float,
    wide: float,
    high: float,
    text: str,
    size: float,
    colour: str,
    *,
    bold: bool = False,
    align: PP_ALIGN = PP_ALIGN.LEFT,
) -> None:
    frame = page.shapes.add_textbox(Inches(left), Inches(top), Inches(wide), Inches(high)).text_frame
    frame.word_wrap = True
    _flush(frame)
    _run(frame.paragraphs[0], text, size, colour, bold=bold)
    frame.paragraphs[0].alignment = align


# Decks have hundreds of runs and cells: through python-pptx each costs a millisecond, so these are made directly.
_R, _RUN_PROPERTIES, _T, _LATIN = (qn(name) for name in ("a:r", "a:rPr", "a:t", "a:latin"))
_SOLID, _COLOUR = qn("a:solidFill"), qn("a:srgbClr")


def _run(paragraph, text: str, size: float, colour: str, *, bold: bool = False) -> None:
    _add_run(paragraph._p, text, size, colour, bold=bold)


def _add_run(paragraph, text: str, size: float, colour: str, *, bold: bool) -> None:
    """Text as text: what could be markup is escaped when the file is written."""
    new = paragraph.makeelement
    run, said = new(_R, {}), new(_T, {})
    properties = new(_RUN_PROPERTIES, {"lang": "en-GB", "sz": str(round(size * 100)), "b": "1" if bold else "0"})
    _fill(properties, colour)
    properties.append(new(_LATIN, {"typeface": _FONT}))
    said.text = plain(text)
    run.append(properties)
    run.append(said)
    paragraph.append(run)


def _fill(properties, colour: str) -> None:
    solid = properties.makeelement(_SOLID, {})
    solid.append(properties.makeelement(_COLOUR, {"val": colour}))
    properties.append(solid)


def _flush(frame) -> None:
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0


def _lines(text: str, inches: float, size: float) -> int:
    """About how many lines a text takes: words aren't broken, so a line holds less than its letters would."""
    letters = max(1.0, inches * _POINTS_AN_INCH / (size * _LETTER))
    total, used = 1, 0.0
    for word in (text or "").split(" "):
        long = width(word)
        if used and used + 1 + long > letters:
            total, used = total + 1, 0.0
        if long > letters:
            total += math.ceil(long / letters) - 1
            long = long % letters
        used += long + (1 if used else 0)
    return total
