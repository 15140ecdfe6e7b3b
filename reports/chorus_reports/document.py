"""The document: what every report consists of, as plain values, before anything prints it.

``page.py`` prints a document as HTML and as Markdown. Texts are plain: nothing in them acts as
HTML or Markdown.
"""

from typing import Literal

import msgspec

from chorus_reports.plot import Plot

#: Where a number is from. A simulated number is modelled, however well its inputs are measured.
Mark = Literal["measured", "modelled", "assumed", "given"]


class KeyNumber(msgspec.Struct, frozen=True, kw_only=True):
    """One number of the first screen; ``beside`` sets it in proportion."""

    name: str
    value: str
    beside: str
    mark: Mark


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of cells under ``columns``; the first cell of a row is its name.

    ``words`` aligns to the left. ``lead`` makes the second column, what the report is about, bold.
    ``strong`` are the places of rows that stand out. A row of one cell heads a group of rows.
    ``note`` stands below.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    note: str = ""
    words: bool = False
    lead: bool = False
    strong: tuple[int, ...] = ()


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A heading with, in this order: paragraphs, tables, plots, points, and blocks to copy."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    points: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One report.

    ``answer`` are the sentences a manager reads first, ``cautions`` the reasons for doubt, the
    gravest first, ``setting`` what was asked, name and text. Names of plots are unique.
    """

    title: str
    answer: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    key_numbers: tuple[KeyNumber, ...] = ()
    setting: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
