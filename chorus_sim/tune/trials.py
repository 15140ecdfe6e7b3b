"""The trials: Optuna proposes, the first part of the trace judges; all of it lies in one file.

The file is Optuna's journal, which many processes can share and a kill does not harm. The sampler
is seeded by how many trials are finished, so one process makes the same trials again however often
it was stopped in between.
"""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from chorus_policies.policy import Policy
from chorus_sim.tune.candidate import candidate
from chorus_sim.tune.objective import Objective, values_of
from chorus_sim.tune.part import Part
from chorus_sim.tune.space import Space, Value
from chorus_traces.errors import ChorusError, ScenarioError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

_NAME = "chorus-tune"

#: How Optuna's journal begins; any other file is left as it is.
_FIRST_BYTES = b'{"op_code":'


class Trials:
    """The trials of one search, in the file ``path``.

    ``facts`` say what the search is. Raises ``ScenarioError`` when Optuna is not installed, or the
    file holds another search or none.
    """

    def __init__(
        self, path: Path, objectives: tuple[Objective, ...], facts: dict[str, Any], seed: int
    ) -> None:
        optuna = _optuna()
        from optuna.storages.journal import JournalFileBackend

        self._objectives = objectives
        self._seed = seed
        text = msgspec.json.encode(facts, order="sorted").decode()
        try:
            _cut_torn_end(path)
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
            self._study: Study = optuna.create_study(
                storage=storage,
                study_name=_NAME,
                directions=["maximize" if one.maximised else "minimize" for one in objectives],
                load_if_exists=True,
            )
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ScenarioError(
                f"{path}: cannot hold the trials ({error}); name another with --trials-file"
            ) from error
        had = self._study.user_attrs.get("facts")
        if had is None:
            self._study.set_user_attr("facts", text)
        elif had != text:
            _refuse_other(path, msgspec.json.decode(had), msgspec.json.decode(text))

    def propose_first(self, chosen: dict[str, Value]) -> None:
        """Make the base policy's own values one of the first trials."""
        self._study.enqueue_trial(dict(chosen), skip_if_exists=True)

    def run(
        self,
        count: int,
        space: Space,
        base: Policy,
        part: Part,
        *,
        alone: bool,
        told: Callable[[int], None],
    ) -> None:
        """Try until ``count`` trials are finished, by whichever process; tell how many are."""
        optuna = _optuna()
        while (done := len(self.finished())) < count:
            told(done)
            self._study.sampler = self._sampler(done, alone=alone)
            trial = self._study.ask()
            chosen = _choose(trial, space)
            known = next((one.values for one in self.finished() if one.params == chosen), None)
            if known:
                self._study.tell(trial, known)
                continue
            try:
                seen = part.observe(candidate(space, base, chosen, base.name))
            except ChorusError as error:
                trial.set_user_attr("refused", str(error))
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(trial, values_of(self._objectives, seen))
        told(count)

    def finished(self) -> "list[FrozenTrial]":
        """Return the trials that ended, by number; those that failed were refused by a part."""
        return [
            trial for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()
        ]

    def front(self) -> "list[tuple[int, FrozenTrial]]":
        """Return the best trial, or with several objectives all that no other one dominates.

        Each comes with its place among the finished. Of trials with equal values the first stands
        for all. Raises ``ScenarioError`` if no trial could be run.
        """
        finished = self.finished()
        if not any(trial.values for trial in finished):
            raise ScenarioError(f"no trial could be run: {self.refusal()}")
        best = {trial.number for trial in self._study.best_trials}
        front: list[tuple[int, FrozenTrial]] = []
        for place, trial in enumerate(finished):
            seen = any(trial.values == other.values for _, other in front)
            if trial.number in best and not seen:
                front.append((place, trial))
        return front

    def refusal(self) -> str:
        """Return why the first trial that failed did, or nothing."""
        reasons = (trial.user_attrs.get("refused") for trial in self.finished())
        return next((str(reason) for reason in reasons if reason), "")

    def _sampler(self, done: int, *, alone: bool) -> "BaseSampler":
        samplers = _optuna().samplers
        seed = (self._seed * 1_000_003 + done) % 2**32
        sampler: BaseSampler
        if len(self._objectives) > 1:
            sampler = samplers.NSGAIISampler(seed=seed)
        else:
            sampler = samplers.TPESampler(seed=seed, constant_liar=not alone)
        return sampler


def chosen_in(trial: "FrozenTrial", space: Space) -> dict[str, Value]:
    """Return what a trial chose, in the order of the space."""
    return {key: trial.params[key] for key in space.parameters if key in trial.params}


def _choose(trial: "Trial", space: Space) -> dict[str, Value]:
    chosen: dict[str, Value] = {}
    for key, parameter in space.parameters.items():
        if not parameter.active(chosen):
            continue
        low, high = parameter.low, parameter.high
        if parameter.choices:
            chosen[key] = trial.suggest_categorical(key, parameter.choices)
        elif isinstance(low, int) and isinstance(high, int):
            chosen[key] = trial.suggest_int(key, low, high, log=parameter.log)
        else:
            chosen[key] = trial.suggest_float(key, low, high, log=parameter.log)
    return chosen


def _cut_torn_end(path: Path) -> None:
    """Take out a last line that a kill left unfinished; what came after it would be lost.

    Optuna's own lock is held meanwhile, so that no line is cut that another process is writing.
    """
    from optuna.storages.journal import JournalFileSymlinkLock

    before = path.read_bytes() if path.exists() else b""
    if before.endswith(b"\n") or not before.startswith(_FIRST_BYTES):
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()


def _refuse_other(path: Path, had: dict[str, Any], has: dict[str, Any]) -> None:
    name = next(name for name in {**has, **had} if had.get(name) != has.get(name))
    before, now = str(had.get(name)), str(has.get(name))
    shown = f"was {before!r}, is {now!r}" if len(before + now) <= 80 else "differs"
    raise ScenarioError(
        f"{path}: holds the trials of another search: {name} {shown}; name another --out, or "
        "repeat its command"
    )


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def optuna_version() -> str:
    """Return the version of Optuna."""
    return version("optuna")
