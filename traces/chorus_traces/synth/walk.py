"""Walk: one session's prompts, request after request: re-sent, edited, taken back, or new."""

from bisect import bisect_right
from dataclasses import dataclass

from chorus_traces.synth.chance import Uniform, pick, steps_up
from chorus_traces.synth.compose import Composer
from chorus_traces.synth.edit import EDITS, TOUCHES
from chorus_traces.synth.prompt import Prompt

#: Prompts of fewer words than each border fall in its row of ``_WEIGHTS``.
_BORDERS = (6, 10, 20, 40)

# How often each of ``EDITS`` is made (columns) in a prompt of a length (rows). The same edit moves
# a short prompt further, so the rows differ: each is the mix, nearest to a plausible one, whose
# MiniLM cosines fall above .95, in .90-.95, .80-.90 and below .80 as steps of real sessions do.
_WEIGHTS = tuple(
    steps_up(row)
    for row in (
        (3, 21, 19, 28, 6, 1, 14, 2, 3, 3, 1),
        (7, 14, 17, 14, 10, 5, 9, 6, 6, 7, 4),
        (1, 7, 15, 4, 9, 23, 4, 9, 10, 8, 9),
        (3, 2, 2, 4, 6, 7, 10, 10, 12, 29, 15),
        (1, 1, 1, 1, 2, 2, 23, 4, 17, 37, 11),
    )
)
#: Index in ``EDITS`` from which an edit is a try-out that its user often takes back.
_TRY_OUT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """Writes the prompts of sessions; state between calls is the uniform stream alone.

    A *thread* is a run of versions of one idea; a session holds one or several. ``resend`` is the
    share of steps within a thread that send the same text again, ``back`` the share that return to
    an earlier version, ``withdraw`` the chance that the step after a try-out returns to before it,
    ``amend`` the chance that such a return comes with a small edit.
    """

    composer: Composer
    uniform: Uniform
    resend: float
    back: float
    withdraw: float
    amend: float

    def __call__(self, length: int, jump: float) -> tuple[list[str], list[int]]:
        """Return ``length`` prompts and the thread, counted from 0, that each belongs to.

        ``jump`` is the chance that a step begins a new thread.
        """
        uniform, resend = self.uniform, self.resend
        prompt = self.composer()
        text = prompt.text()
        texts, threads = [text], [0]
        thread = 0
        versions = [(prompt, text)]
        before_try_out: tuple[Prompt, str] | None = None
        for _ in range(length - 1):
            draw = uniform()
            if draw < jump:
                thread += 1
                prompt = self.composer()
                text = prompt.text()
                versions, before_try_out = [(prompt, text)], None
            elif (draw - jump) / (1.0 - jump) >= resend:
                draw = uniform()
                returned = True
                if before_try_out is not None and draw < self.withdraw:
                    prompt, text = before_try_out
                elif draw < self.back and len(versions) > 2:
                    prompt, text = versions[int(uniform() * (len(versions) - 1))]
                else:
                    returned = False
                origin, before_try_out = (prompt, text), None
                if not returned:
                    prompt, text, tried = self._edit(prompt, text)
                    if tried:
                        before_try_out = origin
                    else:
                        versions.append((prompt, text))
                elif uniform() < self.amend:
                    edited = pick(TOUCHES, uniform)(prompt, self.composer.words, uniform)
                    prompt, text = edited, edited.text()
                    versions.append((prompt, text))
            texts.append(text)
            threads.append(thread)
        return texts, threads

    def _edit(self, prompt: Prompt, text: str) -> tuple[Prompt, str, bool]:
        """Return the next version, its text, and whether it is a try-out."""
        uniform = self.uniform
        row = _WEIGHTS[bisect_right(_BORDERS, text.count(" ") + 1)]
        for _ in range(4):
            choice = bisect_right(row, uniform())
            edited = EDITS[choice](prompt, self.composer.words, uniform)
            new = edited.text()
            if new != text:
                return edited, new, choice >= _TRY_OUT
        return prompt, text, False
