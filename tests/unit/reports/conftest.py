import msgspec
import pytest
from unit.reports.small_runs import BASE

from chorus_reports.run_report import write_report
from chorus_sim.experiment import prepare
from chorus_sim.outcome import carry_out, write_outcome


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Returns a function that runs a scenario on a trace and writes the report of it."""

    def make(trace, scenario=BASE, *, explained=False, **sections):
        folder = tmp_path_factory.mktemp("run")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CHORUS_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
            prepared = prepare(msgspec.structs.replace(scenario, **sections), trace)
            outcome = carry_out(prepared, lambda *_: None, explained=explained)
        write_outcome(outcome, folder)
        write_report(folder)
        return folder

    return make
