"""The report of a run: complete, self-contained, true to the summary, and safe to open.

Longer than other files because all of it reads the same few runs, which take seconds to make.
"""

import json
import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
from unit.reports.small_runs import BASE, summary_of, trace_of

from chorus_reports.finished_run import read_run
from chorus_reports.plots.cache_bytes import capacity_over_time, occupied_by_tier
from chorus_reports.plots.gpu_time import stage_seconds
from chorus_reports.quantities import gpu_hours, seconds, share
from chorus_reports.run_report import PLOTS, write_report
from chorus_reports.stage_times import stage_section
from chorus_reports.timeline import edges_between
from chorus_sim.scenario import (
    CacheSection,
    FleetSection,
    LowerTier,
    PricesSection,
    RunSection,
    SloSection,
)
from chorus_traces.errors import ScenarioError

FIGURES = {
    "cache-bytes",
    "cold-start",
    "donor-lag",
    "donor-similarity",
    "gpu-time",
    "hit-kinds",
    "queue-length",
    "response-time",
}


@pytest.fixture(scope="module")
def busy(make):
    """A run with hits, waiting, demotions and evictions."""
    below = (LowerTier(name="disk", capacity="1GiB"),)
    return make(
        trace_of(400),
        cache=CacheSection(capacity="1GiB", below=below),
        fleet=FleetSection(gpus=3),
        slo=SloSection(target="60s"),
        run=RunSection(bounds="all", warm_up="50"),
    )


def again(folder, other, change):
    """Write the report of a copy of ``folder`` whose summary ``change`` has altered."""
    for name in ("scenario.toml", "requests.parquet", "journal.parquet"):
        (other / name).write_bytes((folder / name).read_bytes())
    summary = summary_of(folder)
    change(summary)
    (other / "summary.json").write_text(json.dumps(summary))
    write_report(other)


def html_of(folder):
    """The page without what its scripts hold."""
    page = (folder / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    return re.sub(r"(?s)<script[^>]*>.*?</script>", "", page)


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def test_the_report_has_a_page_its_twin_and_every_figure(busy):
    assert len(PLOTS) == len(FIGURES)
    for kind in ("svg", "png"):
        assert {path.stem for path in (busy / "figures").glob(f"*.{kind}")} == FIGURES
    markdown = (busy / "report.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(figures/([\w-]+)\.png\)", markdown)) == FIGURES
    assert html_of(busy).count("<svg") == html_of(busy).count("<figcaption>") == len(FIGURES)


def test_the_page_loads_nothing(busy):
    page = Page(html_of(busy))
    loads = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert all(value.startswith(("#", "data:,")) for value in loads)
    assert not {"img", "iframe", "object"} & set(page.tags)
    scripts = re.findall("<script[^>]*>", (busy / "report.html").read_text(encoding="utf-8"))
    assert set(scripts) == {"<script>", '<script type="application/json">'}
    assert scripts.count("<script>") == 2
    assert (busy / "report.html").stat().st_size < 6e6
    assert not re.search(r"https?://|@import|url\((?!#)", html_of(busy))


def test_ids_of_the_page_are_unique_and_every_reference_has_one(busy):
    page = html_of(busy)
    ids = re.findall(r'\bid="([^"]+)"', page)
    references = re.findall(r'(?:href="|url\()#([^")]+)', page)
    assert len(ids) == len(set(ids)) > 100
    assert references
    assert set(references) <= set(ids)


def test_the_numbers_are_those_of_the_summary(busy):
    summary = summary_of(busy)
    gpu, bounds = summary["gpu_seconds"], summary["bounds"]
    expected = [
        f"{summary['requests'] - summary['hits']['fresh']:,} of {summary['requests']:,} requests",
        f"({summary['request_hit_ratio'] * 100:.1f} %)",
        f"saves {gpu['saved'] / 3600:.3f} h",
        f"({gpu['saved_share'] * 100:.1f} %)",
        f"mean response {summary['speed_up']['response']:.2f}x",
        f"95 % of responses take {summary['response_time_s']['p95']:.1f} s",
        f"(without a cache {seconds(bounds['no_cache']['response_time_s']['p95'])})",
        f"{summary['slo_attainment'] * 100:.1f} % (without",
        f"costs ${summary['cost']['usd_per_video']:.4f} of GPU time used",
        f"${bounds['no_cache']['cost']['usd_per_video']:.4f} without a cache",
        f"<td>{bounds['clairvoyant']['request_hit_ratio'] * 100:.1f} %</td>",
        f"<td>{summary['bytes']['evictions']:,}</td>",
    ]
    page = html_of(busy)
    assert [text for text in expected if text not in page] == []
    assert summary["request_hit_ratio"] > 0.2
    assert summary["bytes"]["evictions"] > 20


def test_the_figures_agree_with_the_summary(busy):
    run, summary = read_run(busy), summary_of(busy)
    tiers = occupied_by_tier(run)
    assert sum(tier.last for tier in tiers) == summary["bytes"]["occupied"]
    assert all(0 < tier.peak <= 2**30 for tier in tiers)
    stages = sum(float(part.sum()) for part in stage_seconds(run).values())
    assert stages == pytest.approx(summary["gpu_seconds"]["used"], rel=1e-9)


def test_the_scenario_stands_in_the_page_as_it_is(busy):
    assert (busy / "scenario.toml").read_text() in "".join(Page(html_of(busy)).words)
    assert (busy / "scenario.toml").read_text() in (busy / "report.md").read_text()


def test_names_cannot_act_as_html_markdown_or_formulas(busy, tmp_path):
    evil = '<script>alert(1)<!script>|$x$ "a"\u7b56'

    def change(summary):
        summary["policy"]["name"] = summary["trace"]["name"] = evil
        summary["misses"] = {evil: 3}

    again(busy, tmp_path, change)
    page = Page(html_of(tmp_path))
    assert "script" not in page.tags
    assert any(evil in words for words in page.words)
    whole = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert whole.count('<script type="application/json">') == len(FIGURES)
    assert "alert(1)" not in "".join(re.findall(r"(?s)<script[^>]*>(.*?)</script>", whole))
    assert "<script" not in (tmp_path / "report.md").read_text().replace("\\<", "")


def test_equal_runs_give_equal_reports(busy, tmp_path):
    again(busy, tmp_path, lambda summary: None)
    for name in ("report.html", "report.md", "figures/queue-length.svg"):
        assert (tmp_path / name).read_bytes() == (busy / name).read_bytes()


def test_stages_and_waiting_are_summed(busy):
    run = read_run(busy)
    rows = {row[0]: row for row in stage_section(run).tables[0].rows if len(row) > 1}
    worked = run.counted("worker") >= 0
    denoising = float(run.counted("denoise_s")[worked].sum())
    held = float(run.counted("held_s").sum())
    assert rows["denoising"][1:3] == (gpu_hours(denoising), share(denoising / held))
    assert rows["all on a GPU"][1] == gpu_hours(summary_of(busy)["gpu_seconds"]["used"])
    waiting = run.counted("start_s") - run.counted("arrival_s")
    assert rows["waiting in the queue"][1] == gpu_hours(float(waiting.sum())) != "0 h"
    assert "serving, outside all stages" not in rows


def test_every_key_number_and_group_of_rows_is_marked(busy, tmp_path):
    page = html_of(busy)
    assert len(re.findall(r'<dd class="mark modelled">modelled</dd>', page)) == 5
    assert len(re.findall(r'<dd class="mark assumed">assumed</dd>', page)) == 1
    groups = re.findall(r'scope="rowgroup">([^<]+)<', page)
    assert groups == [
        "Hits, modelled",
        "GPU time, modelled",
        "Times, modelled",
        "Bytes, modelled",
        "Cost, assumed",
    ]
    again(busy, tmp_path, lambda summary: summary["profile"].update(source="assumed"))
    assert "GPU time, assumed" in html_of(tmp_path)
    assert '<dd class="mark modelled">' not in html_of(tmp_path)


def test_prices_that_were_set_are_said_to_be_given(make):
    gpu = PricesSection(gpu_hour_usd=1.5)
    both = PricesSection(gpu_hour_usd=1.5, gib_hour_usd={"host": 0.5})
    for prices, said, mark in (
        (PricesSection(), "prices are assumed.", "assumed"),
        (gpu, "prices are assumed in part.", "assumed"),
        (both, "prices are given.", "modelled"),
    ):
        page = html_of(make(trace_of(60), msgspec.structs.replace(BASE, prices=prices)))
        assert said in page
        assert f"Cost, {mark}" in page


def test_an_explained_run_says_why_requests_missed_and_what_more_is_worth(make):
    folder = make(
        trace_of(400),
        msgspec.structs.replace(BASE, policy="fifo"),
        explained=True,
        cache=CacheSection(capacity="1GiB"),
        fleet=FleetSection(gpus=5),
        run=RunSection(bounds="basic"),
    )
    explanation = json.loads((folder / "explanation.json").read_text())
    page, text = html_of(folder), (folder / "report.md").read_text(encoding="utf-8")
    missed = {name: one["requests"] for name, one in explanation["why_missed"].items()}
    assert sum(missed.values()) == summary_of(folder)["hits"]["fresh"]
    assert missed["capacity"] >= 3
    for name, number in missed.items():
        assert f'<th scope="row">{name}</th><td>{number:,}</td>' in page
    saved = explanation["next_bytes"]["gpu_seconds_saved"]["value"]
    assert f"| GPU time saved | {gpu_hours(saved)} |" in text
    assert "1 GiB more in tier host costs $0.0030 per hour" in text
    assert "One GPU more costs $3.0000 per hour" in text
    assert (folder / "figures" / "regret.svg").is_file()
    bound = sum(hour["clairvoyant_saved_s"] for hour in explanation["regret"])
    mine = sum(hour["policy_saved_s"] for hour in explanation["regret"])
    assert mine == pytest.approx(summary_of(folder)["gpu_seconds"]["saved"])
    assert f"It saves {gpu_hours(bound - mine)} more in all" in page


def test_a_capacity_that_follows_prices_is_drawn(make):
    prices = PricesSection(gib_hour_usd={"host": 0.5})
    scenario = msgspec.structs.replace(BASE, policy="priced", prices=prices)
    folder = make(trace_of(400), scenario, cache=CacheSection(capacity="8GiB"))
    run = read_run(folder)
    sizes = run.resizes["size_bytes"]
    assert len(sizes) >= 3
    edges = edges_between(run.begin_s, run.end_s)
    allowed = capacity_over_time(run, edges)
    assert np.isnan(allowed[0]) or run.resizes["now_s"][0] <= edges[1]
    assert allowed[-1] == sizes[-1]
    assert set(allowed[~np.isnan(allowed)]) <= set(sizes)
    assert f"changes the capacity {len(sizes)} times" in html_of(folder)


def test_replications_have_a_table_of_their_own(busy, tmp_path):
    figure = {"mean": 0.25, "ci95": [0.2, 0.3], "values": [0.22, 0.28]}
    keys = "request_hit_ratio saved_share response_time_s_mean response_time_s_p95"
    figures = dict.fromkeys([*keys.split(), "waiting_time_s_mean", "slo_attainment"], figure)
    figures |= {"count": 2, "seeds": [0, 1], "arrivals": "recorded"}
    again(busy, tmp_path, lambda summary: summary.update(replications=figures))
    assert "The policy over 2 replications" in html_of(tmp_path)
    assert "| request hit ratio | 25.0 % | 20.0 % to 30.0 % | 22.0 % to 28.0 % |" in (
        tmp_path / "report.md"
    ).read_text(encoding="utf-8")


def test_an_overloaded_fleet_is_named_first(make):
    folder = make(trace_of(120, gap_s=10.0), fleet=FleetSection(gpus=1))
    caution = html_of(folder).partition('<div class="caution">')[2]
    assert summary_of(folder)["utilisation"] > 0.95
    assert "The fleet is overloaded" in caution.partition("</li>")[0]
    assert "mean waiting grows from" in caution
    assert "Without a cache the same fleet is overloaded" in caution
    assert "Short trace: 120 requests" in caution


def test_a_run_without_bounds_or_hits_still_compares_the_cost(make):
    scenario = msgspec.structs.replace(BASE, run=RunSection(bounds="none"))
    folder = make(trace_of(18, noise=50.0), scenario)
    summary, page = summary_of(folder), html_of(folder)
    assert summary["hits"]["fresh"] == 18
    before = (summary["gpu_seconds"]["used"] + summary["gpu_seconds"]["saved"]) / 3600 * 3.0 / 18
    for text in (
        "It saves no GPU time",
        "No request hits",
        "interval of the mean response is unknown",
        "No bounds were simulated",
        "Nothing is reused, so there are no donors",
        f"no cache: ${before:.4f}",
    ):
        assert text in page


@pytest.mark.parametrize("requests", [1, 5])
def test_a_handful_of_requests_is_reported(make, requests):
    folder = make(trace_of(requests, gap_s=3000.0))
    assert f"Short trace: {requests} request" in html_of(folder)
    assert "No request ever waits" in html_of(folder)


def test_a_run_of_exact_copies_uses_no_gpu(make):
    run = RunSection(bounds="basic", warm_up="5")
    folder = make(trace_of(20, gap_s=4000.0, identical=True), run=run)
    assert summary_of(folder)["hits"] == {"copy": 15, "regional": 0, "resume": 0, "fresh": 0}
    assert "No GPU time is used: every request is an exact copy" in html_of(folder)
    assert "Every donor is the result of an identical request" in html_of(folder)


def test_values_that_do_not_exist_are_printed_as_such(busy, tmp_path):
    def change(summary):
        summary["bytes"]["capacity"] = summary["trace"]["embedder"] = None
        summary["speed_up"] = {"service": None, "response": None}
        for times in ("response_time_s", "service_time_s", "waiting_time_s"):
            summary[times]["ci95"] = None

    again(busy, tmp_path, change)
    page = html_of(tmp_path)
    assert "<td>no limit</td>" in page
    assert "the cache has no limit" in page
    assert "Nobody says which model made the trace" in page
    assert "None" not in "".join(Page(page).words)


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(ScenarioError, match="not a whole run folder"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
