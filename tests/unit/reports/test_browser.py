"""A real browser shows a report: every figure is drawn, nothing is logged, nothing overflows."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from chorus_reports.document import Document, KeyNumber, Section, Table
from chorus_reports.page import write_page
from chorus_reports.plot import Bars, Heat, Limit, Line, Panel, Plot, Steps

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=4000",
    "--dump-dom",
)

#: Puts the report into frames as wide as a screen and a phone, and writes down what it finds there.
FRAMES = """<!doctype html><body>
<iframe src="report.html" width="1280" height="900"></iframe>
<iframe src="report.html" width="390" height="900"></iframe>
<pre id="found"></pre>
<script>
addEventListener("load", () => setTimeout(() => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument, root = page.documentElement;
    const plots = [...page.querySelectorAll(".plot")];
    return {
      width: root.clientWidth,
      content: root.scrollWidth,
      plots: plots.length,
      drawn: plots.filter((plot) => plot.querySelector("svg.main-svg")).length,
      widest: Math.max(...plots.map((plot) => plot.querySelector("svg.main-svg").clientWidth)),
      still: [...page.querySelectorAll(".still")].filter((one) => one.offsetHeight).length,
      ink: frame.contentWindow.getComputedStyle(root).getPropertyValue("--ink").trim(),
      text: page.querySelector(".plot .xtitle").style.fill,
    };
  });
  document.getElementById("found").textContent = JSON.stringify(found);
}, 1500));
</script></body>
"""


def plots():
    edges = np.linspace(0.0, 10.0, 11)
    filled = [
        Steps(name=name, edges=edges, values=np.arange(10.0), colour=colour)
        for name, colour in (("one", "#0072b2"), ("two", "#e69f00"))
    ]
    line = Line(name="l", x=edges + 1, y=edges, colour="#009e73", low=edges - 1, high=edges + 1)
    bars = Bars(name="b", labels=("p", "a longer label"), values=np.ones(2), colour="#d55e00")
    heat = Heat(
        name="h",
        columns=("1 GiB", "22.63 GiB", "512 GiB"),
        rows=("4", "8"),
        values=np.arange(6.0).reshape(2, 3),
        texts=(("0", "1", "2"), ("3", "4", "5")),
    )
    panels = {
        "steps": (Panel(series=(*filled, Limit(name="top", at=9.0)), y_label="y"),) * 2,
        "line": (Panel(series=(line, Limit(name="here", at=5.0, axis="x")), y_label="y"),),
        "bars": (Panel(series=(bars,), y_label=""),),
        "heat": (Panel(series=(heat,), y_label="GPUs"),),
        "nothing": (Panel(series=(), y_label=""),),
    }
    return tuple(
        Plot(
            name=name,
            title=name,
            caption="What it shows.",
            panels=panel,
            x_label="the x axis",
            nothing="no donors" if name == "nothing" else "",
        )
        for name, panel in panels.items()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    wide = Table(columns=tuple(f"column {n}" for n in range(9)), rows=(("1234567 MiB",) * 9,) * 3)
    narrow = Table(columns=("", "a", "b"), rows=(("Group, modelled",), ("row", "1 s", "2 s")))
    number = KeyNumber(name="hit ratio", value="41.5 %", beside="2 of 5", mark="modelled")
    document = Document(
        title="Made",
        answer=("It works.",),
        cautions=("Only a test.",),
        key_numbers=(number,) * 6,
        setting=(("trace", "made"),),
        sections=(
            Section(title="Tables", tables=(wide, narrow), points=("a: b", "c")),
            Section(title="Figures", plots=plots(), code=("x = 1",)),
        ),
    )
    folder = tmp_path_factory.mktemp("page")
    write_page(document, folder)
    (folder / "frames.html").write_text(FRAMES, encoding="utf-8")
    return folder


def dom_of(page, profile):
    """The page after its scripts, and what the browser logged."""
    done = subprocess.run(  # noqa: S603 - the browser is the one on the PATH
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def shown(folder, tmp_path_factory):
    dom, console = dom_of(folder / "frames.html", tmp_path_factory.mktemp("profile"))
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    return json.loads(found[1]), console


def test_every_figure_is_drawn_and_nothing_is_logged(shown):
    frames, console = shown
    assert console == []
    for frame in frames:
        assert frame["plots"] == frame["drawn"] == len(plots())
        assert frame["still"] == 0


def test_nothing_is_wider_than_a_screen_or_a_phone(shown):
    frames, _ = shown
    assert [frame["width"] for frame in frames] == pytest.approx([1280, 390], abs=16)
    for frame in frames:
        assert frame["content"] <= frame["width"]
        assert 200 < frame["widest"] <= frame["width"]


def test_figures_take_the_colours_of_the_page(shown):
    for frame in shown[0]:
        red, green, blue = (int(frame["ink"][place : place + 2], 16) for place in (1, 3, 5))
        assert frame["text"].replace(" ", "") == f"rgb({red},{green},{blue})"


def test_without_scripts_the_still_pictures_stay(folder, tmp_path):
    page = (folder / "report.html").read_text(encoding="utf-8")
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"(?s)<script>.*?</script>", "", page), encoding="utf-8")
    dom, console = dom_of(bare, tmp_path / "profile")
    assert console == []
    assert dom.count("<figcaption>") == len(plots())
    assert len(re.findall(r'<div class="still">\s*<svg', dom)) == len(plots())
    assert dom.count('<div class="plot" hidden="">') == len(plots())
