"""A model whose engine stands still in mid-run, as a driver does that waits for ever."""

from collections.abc import Callable
from dataclasses import replace

from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.fake_model import FakeEngine, FakeVideo


class HangingEngine(FakeEngine):
    """Calls ``hang`` with the seed of a request after its second step."""

    def __init__(self, times: EngineTimes, hang: Callable[[int], None]) -> None:
        super().__init__(times)
        self._hang = hang

    def generate(self, generation):
        def seen(done):
            generation.observer(done)
            if done.number == 1:
                self._hang(generation.seed)

        return super().generate(replace(generation, observer=seen))


class HangingVideo(FakeVideo):
    def __init__(self, times: EngineTimes, hang: Callable[[int], None]) -> None:
        super().__init__(times)
        self.engine = HangingEngine(times, hang)
