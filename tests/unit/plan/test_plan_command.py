import json
from pathlib import Path

import pytest

ASK = (
    "plan", "--trace", "day.jsonl", "--prices", "prices.toml", "--seeds", "2",
    "--set", "run.engine=simpy",
)  # fmt: skip


def test_a_plan_names_a_fleet_that_meets_and_leaves_a_whole_folder(sim):
    answer = sim(
        *ASK, "--slo", "p95=420s", "--attainment", "0.9", "--growth", "1,2",
        "--capacities", "0,4GiB,4GiB+disk:64GiB", "--jobs", "1", "--out", "study",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    plan = json.loads(Path("study/plan.json").read_bytes())
    assert {path.name for path in Path("study").iterdir()} == {
        "plan.json", "scenario.toml", "report.html", "report.md", "figures",
    }  # fmt: skip
    assert [one["growth"] for one in plan["answers"]] == [1.0, 2.0]
    for one, growth in zip(plan["answers"], plan["growth"], strict=True):
        assert one["feasible"]
        assert one["estimate"]["interval_s"][1] <= 420.0
        assert one["estimate"]["attainment_interval"][0] >= 0.9
        costs = [cell["cost"]["usd"] for cell in growth["cells"] if cell["feasible"]]
        assert one["cost"]["usd"] == min(costs)
        best = growth["cells"][growth["best"]]
        assert best["sizing"]["fresh"]["interval_s"][1] <= 420.0
        assert growth["one_lost"]["gpus"] == one["gpus"] - 1
    assert plan["answers"][1]["gpus"] > plan["answers"][0]["gpus"]
    assert len(plan["sensitivity"]) == 10
    assert plan["isolation"]["tenants"] > 1
    cost = plan["answers"][0]["cost"]
    assert cost["gpu_usd"] == pytest.approx(plan["answers"][0]["gpus"] * 720 * 3.0)
    assert cost["usd_per_video"] == pytest.approx(cost["usd"] / cost["videos"])
    assert f"buy {plan['answers'][0]['gpus']} GPU" in " ".join(answer.out.split())
    assert "no power in the profile" in " ".join(answer.out.split())
    page = Path("study/report.html").read_text()
    for heading in ("What to buy", "What it survives", "What would change it"):
        assert heading in page
    assert plan["prices"]["source"] == cost["source"] == "given"
    assert "(given)" in answer.out
    assert "(assumed)" not in answer.out
    assert '<dd class="mark assumed">' not in page
    assert plan["interval"].startswith("recorded traffic: there is one recording only;")
    Path("study/plan.json").write_text('{"schema": "chorus.plan/2"}')
    damaged = sim("report", "study")
    assert damaged.code == 2
    assert damaged.err.count("\n") == 1
    assert "'chorus.plan/1' is needed" in damaged.err


def test_a_plan_does_not_depend_on_the_number_of_processes(sim):
    plans = []
    for jobs in (1, 2):
        answer = sim(
            *ASK, "--slo", "p95=500s", "--growth", "1,1.5", "--capacities", "0",
            "--jobs", jobs, "--out", f"study-{jobs}",
        )  # fmt: skip
        assert answer.code == 0, answer.err
        plans.append(Path(f"study-{jobs}/plan.json").read_bytes())
    assert plans[0] == plans[1]


def test_an_slo_nobody_can_meet_is_never_answered_with_a_fleet(sim):
    answer = sim(*ASK, "--slo", "p95=20s", "--capacities", "0,4GiB", "--jobs", "1", "--out", "no")
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith("chorus-sim: nothing meets p95 response time")
    assert "service time alone" in answer.err
    plan = json.loads(Path("no/plan.json").read_bytes())
    assert plan["answers"] == [
        {"growth": 1.0, "feasible": False, "binds": plan["answers"][0]["binds"]}
    ]
    assert {bind["what"] for bind in plan["answers"][0]["binds"]} >= {"service"}
    assert all(cell["cost"] is None for cell in plan["growth"][0]["cells"])
    assert "buy" not in answer.out
    assert Path("no/report.html").is_file()


def test_a_gpu_limit_binds_and_says_what_would_be_needed(sim):
    answer = sim(
        *ASK, "--slo", "p95=420s", "--capacities", "0", "--gpu-limit", "3",
        "--jobs", "1", "--out", "few",
    )  # fmt: skip
    assert answer.code == 2
    assert "3 GPUs are allowed and" in answer.err
    plan = json.loads(Path("few/plan.json").read_bytes())
    cell = plan["growth"][0]["cells"][0]
    assert not cell["feasible"]
    assert cell["sizing"]["gpus"] > 3
    assert cell["cost"] is None


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--slo", "p95"), "--slo 'p95': METRIC=TIME is needed"),
        (("--slo", "p42=3s"), "--slo 'p42=3s': METRIC=TIME is needed"),
        (("--slo", "p95=fast"), "a time like 30s or 2min"),
        (("--slo", "p95=-3s"), "a time like 30s or 2min"),
        (("--slo", "p95=30s", "--attainment", "1.5"), "--attainment 1.5: a share"),
        (("--slo", "p95=30s", "--growth", "0"), "--growth '0': 0 is no factor"),
        (("--slo", "p95=30s", "--growth", "1,-2"), "-2 is no factor"),
        (("--slo", "p95=30s", "--growth", "1,1"), "1 comes twice"),
        (("--slo", "p95=30s", "--capacities", "0,x"), "'x' is not a size"),
        (("--slo", "p95=30s", "--capacities", "0+disk:1GiB"), "0 is no cache"),
        (("--slo", "p95=30s", "--capacities", "1GiB+disk"), "write a lower tier as +disk:1TiB"),
        (("--slo", "p95=30s", "--gpu-limit", "0"), "--gpu-limit 0: at least 1"),
        (("--slo", "p95=30s", "--seeds", "1"), "--seeds 1: 2 to 1000"),
        (("--slo", "p95=30s", "--set", "trace.rate_scale=2"), "a plan takes more users from"),
        (("--slo", "p95=30s", "--capacities", "4GiB+network:1TiB"), "no gib_hour_usd.network"),
        (("--slo", "p95=30s", "--capacities", "0,1MiB"), "is smaller than one entry"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line_before_anything_runs(sim, words, line):
    answer = sim(*ASK, *words, "--out", "none")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert line in answer.err
    assert not Path("none").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "cannot be read"),
        ("[prices]\n", "states no gpu_hour_usd and no gib_hour_usd.host"),
        ("[prices]\ngpu_hour_usd = -1\ngib_hour_usd = { host = 0.1 }\n", "gpu_hour_usd is -1"),
        ("[prices]\ngpu_hour_usd = 1\ngib_hour_usd = { host = -0.1 }\n", "host is -0.1"),
        ("[prices]\ngpu_hour_usd = 1\ngib_hour_usd = 3\n", "Expected `object`"),
        ("[price]\ngpu_hour_usd = 1\n", "unknown section 'price'"),
        ("[prices\n", "not valid TOML"),
        (
            "[prices]\ngpu_hour_usd = 1\ngib_hour_usd = { host = 0 }\n[power]\ngpu_watts = -7\n",
            "gpu_watts is -7",
        ),
    ],
)
def test_prices_that_are_missing_or_negative_are_refused_in_one_line(sim, text, line):
    if text is None:
        Path("prices.toml").unlink()
    else:
        Path("prices.toml").write_text(text)
    answer = sim(*ASK, "--slo", "p95=420s", "--out", "none")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert line in answer.err
    assert not Path("none").exists()
