"""The page: a document as ``report.html`` that loads nothing, ``report.md`` and ``figures/``.

    from chorus_reports.document import Document, Section
    from chorus_reports.page import write_page
    from chorus_reports.plot import Line, Panel, Plot

    write_page(Document(title=..., answer=(...,), sections=(Section(title=..., plots=(...,)),)),
               folder)

Every plot is drawn twice from the same values: still pictures as files and inside the page, and a
Plotly figure that takes the still one's place where the reader's browser runs scripts.
"""

import re
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from chorus_reports.document import Document, Section
from chorus_reports.interactive import figure_json, plotly_script
from chorus_reports.static import write_static


def write_page(document: Document, folder: Path) -> None:
    """Write the report of ``document`` into the existing ``folder``, over an earlier one."""
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    plots = [plot for section in document.sections for plot in section.plots]
    drawings = {plot.name: write_static(plot, figures) for plot in plots}
    templates = _templates()
    page = {
        "document": document,
        "drawings": drawings,
        "data": {plot.name: figure_json(plot) for plot in plots},
        "style": _template("report.css"),
        "script": _template("report.js"),
        "plotly": plotly_script() if plots else "",
    }
    for name in ("report.html", "report.md"):
        text = templates.get_template(name).render(page)
        (folder / name).write_text(text, encoding="utf-8")


def _templates() -> Environment:
    templates = Environment(
        loader=FunctionLoader(_template),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["md"] = _markdown
    templates.filters["tight"] = _tight
    templates.filters["fence"] = _fence
    templates.filters["anchor"] = _anchor
    return templates


def _template(name: str) -> str:
    return (resources.files("chorus_reports") / "templates" / name).read_text(encoding="utf-8")


def _tight(text: str) -> str:
    """Return ``text`` with numbers and their units kept on one line."""
    return re.sub(r"(?<=\d) (?=(%|s|ms|min|h|[KMGT]?i?B)\b|%)", "\u00a0", text)


def _markdown(text: str) -> str:
    """Return ``text`` with every character escaped that Markdown or HTML would act on."""
    return re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", text.replace("\n", " "))


def _fence(text: str) -> str:
    """Return ``text`` as a Markdown code block, whatever backticks it holds."""
    marks = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{marks}\n{text.rstrip()}\n{marks}"


def _anchor(section: Section) -> str:
    """Return the section's name in a link."""
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
