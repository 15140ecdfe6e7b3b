"""Rebuild the numbers of this study: ``python reports/studies/2026-11-22-scaling/study.py``.

Needs the extras ``embed`` and ``fast``. Each measurement is a process of its own, on two threads at
most. The first run embeds 40,000 prompts (minutes); a million requests need 8 GB at most. With
arguments only these parts are measured anew: sizes of the growth table (``study.py 10000 100000``),
or what a decision costs with 100,000 residents (``study.py residents``).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000)
ENGINES = ("compiled", "simpy")
BEGIN, END = "<!-- numbers -->\n", "<!-- /numbers -->\n"


def measure(script: str, *arguments: str) -> None:
    """Run a script beside this one."""
    subprocess.run([sys.executable, script, *arguments], cwd=HERE, check=True)  # noqa: S603


def tables() -> str:
    """Return the tables as Markdown, from the numbers kept here."""
    sizes = [
        json.loads((HERE / f"growth-{size}.json").read_text())
        for size in SIZES
        if (HERE / f"growth-{size}.json").is_file()
    ]
    lines = [
        "| | " + " | ".join(f"{row['requests']:,} requests" for row in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
        "| edges of the graph | " + " | ".join(f"{row['edges']:,}" for row in sizes) + " |",
        "| GPUs (auto) | " + " | ".join(str(row["gpus"]) for row in sizes) + " |",
    ]
    for name in sizes[0]["stages"]:
        cells = [row["stages"][name] for row in sizes]
        parts = [f"{cell['cpu_s']:.2f} s, {cell['peak_gib']:.2f} GiB" for cell in cells]
        lines.append(f"| {name}: CPU, peak memory so far | " + " | ".join(parts) + " |")
    for policy in ("no cache", "lru", "adaptive"):
        rates = [f"{row['runs'][policy]['requests_per_cpu_s'] / 1e6:.1f} M/s" for row in sizes]
        lines.append(f"| loop of {policy} | " + " | ".join(rates) + " |")
    lines += ["", "| 50,000 requests, graph built | compiled | SimPy |", "|---|---|---|"]
    swept = {
        engine: json.loads((HERE / f"sweep-{engine}.json").read_text())
        for engine in ENGINES
        if (HERE / f"sweep-{engine}.json").is_file()
    }
    rows = {
        "configurations": lambda row: str(row["configurations"]),
        "wall, two processes": lambda row: f"{row['wall_s']:.1f} s",
        "CPU: reading the trace, twice": lambda row: f"{row['cpu_s']['load_trace']:.1f} s",
        "CPU: preparing, twice": lambda row: f"{row['cpu_s']['prepare']:.1f} s",
        "CPU: runs, baselines, summaries": lambda row: f"{row['cpu_s']['whole']:.1f} s",
        "CPU a configuration": lambda row: (
            f"{1000 * row['cpu_s']['whole'] / row['configurations']:.0f} ms"
        ),
        "loop, lru": lambda row: f"{row['requests_per_cpu_s']['lru']:,.0f} requests/s",
        "loop, adaptive": lambda row: f"{row['requests_per_cpu_s']['adaptive']:,.0f} requests/s",
    }
    for name, text in rows.items():
        cells = [text(swept[engine]) if engine in swept else "-" for engine in ENGINES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if (HERE / "residents.json").is_file():
        lines += ["", *resident_lines(json.loads((HERE / "residents.json").read_text()))]
    return "\n".join(lines) + "\n"


def resident_lines(found: dict[str, Any]) -> list[str]:
    """Return the table of what a decision costs with many residents."""
    rows = found["policies"]
    lines = ["| 100,000 residents | " + " | ".join(rows) + " |", "|---" * (len(rows) + 1) + "|"]
    lines.append(
        "| residents, mean | "
        + " | ".join(f"{row['residents']:,.0f}" for row in rows.values())
        + " |"
    )
    for name in ("plans", "hits", "admissions", "victims"):
        cells = [
            f"{row['decisions'][name] / row['decisions']['plans']:.2f}" for row in rows.values()
        ]
        lines.append(f"| {name} a request | " + " | ".join(cells) + " |")
    for code, title in (("python", "`Cache`, Python"), ("compiled", "compiled twin, whole loop")):
        for what in ("requests", "decisions"):
            cells = [f"{row[what + '_per_cpu_s'][code]:,.0f}" for row in rows.values()]
            lines.append(f"| {title}: {what} per CPU s | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Measure, then rewrite the tables in the README."""
    sizes = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    for size in sizes or (SIZES if len(sys.argv) == 1 else ()):
        measure("growth.py", str(size), f"growth-{size}.json")
    if len(sys.argv) == 1 or "residents" in sys.argv:
        measure("resident_speed.py", "residents.json")
    if len(sys.argv) == 1:
        for engine in ENGINES:
            measure("sweep_speed.py", f"sweep-{engine}.json", engine)
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(before + BEGIN + tables() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
