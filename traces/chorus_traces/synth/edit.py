"""Edit: what users change from one version of a prompt to the next, as real edits of its text."""

from collections.abc import Callable

from chorus_traces.synth.chance import Uniform, pick
from chorus_traces.synth.compose import compose_head, draw_parameters
from chorus_traces.synth.prompt import Prompt
from chorus_traces.synth.vocabulary import Vocabulary

Edit = Callable[[Prompt, Vocabulary, Uniform], Prompt]

_SWAP, _ADD = 0.5, 0.78


def change_parameters(prompt: Prompt, _words: Vocabulary, uniform: Uniform) -> Prompt:
    """Add, change or drop `-motion 2` and its like."""
    kept = "" if prompt.parameters and uniform() < 0.5 else draw_parameters(uniform)
    return prompt._replace(parameters=kept, stop="")


def retype(prompt: Prompt, _words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change the article or the full stop; hardly any meaning moves."""
    if uniform() < 0.5 and prompt.parameters == "":
        return prompt._replace(stop="" if prompt.stop else ".")
    return prompt._replace(lead="the" if prompt.lead == "a" else "a")


def reorder(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Swap two clauses; a prompt with fewer than two is retyped instead."""
    details = list(prompt.details)
    if len(details) < 2:
        return retype(prompt, words, uniform)
    first = int(uniform() * (len(details) - 1))
    details[first], details[first + 1] = details[first + 1], details[first]
    return prompt._replace(details=tuple(details))


def polish(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change a quality word: `4k`, `highly detailed`."""
    return _with_detail(prompt, pick(words.qualities, uniform), words.qualities, uniform)


def relook(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change the light, the camera or the style."""
    draw = uniform()
    looks = words.lights if draw < 0.3 else words.cameras if draw < 0.65 else words.styles
    return _with_detail(prompt, pick(looks, uniform), looks, uniform)


def restage(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change a clause of the background or of the story."""
    clauses = words.backgrounds if uniform() < 0.6 else words.sentences
    return _with_detail(prompt, pick(clauses, uniform), clauses, uniform)


def redescribe(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change an attribute of the subject."""
    if prompt.frame.alive and uniform() < 0.4:
        gone = prompt.companion and uniform() < 0.4
        return prompt._replace(companion="" if gone else pick(words.companions, uniform))
    gone = prompt.adjective and uniform() < 0.35
    return prompt._replace(adjective="" if gone else pick(words.adjectives, uniform))


def move(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change, add or drop the setting."""
    if not prompt.frame.placed:
        return redescribe(prompt, words, uniform)
    gone = prompt.setting and uniform() < 0.25
    return prompt._replace(setting="" if gone else pick(words.settings, uniform))


def react(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Change, add or drop what the subject does."""
    if not prompt.frame.actions:
        return redescribe(prompt, words, uniform)
    gone = prompt.action and uniform() < 0.15
    return prompt._replace(action="" if gone else pick(prompt.frame.actions, uniform))


def recast(prompt: Prompt, _words: Vocabulary, uniform: Uniform) -> Prompt:
    """Put another subject of the same kind into the same scene."""
    subject = pick(prompt.frame.subjects, uniform)
    return prompt._replace(subject=subject, lead="" if subject[0] == "~" else prompt.lead)


def rework(prompt: Prompt, words: Vocabulary, uniform: Uniform) -> Prompt:
    """Keep the subject and write the rest of the head anew."""
    head = compose_head(words, uniform, prompt.head().count(" ") + 2)
    return prompt._replace(
        setting=head.setting if prompt.frame.placed else "",
        adjective=head.adjective,
        action=pick(prompt.frame.actions, uniform) if prompt.frame.actions else "",
    )


EDITS: tuple[Edit, ...] = (
    change_parameters,
    retype,
    reorder,
    polish,
    relook,
    restage,
    redescribe,
    move,
    react,
    recast,
    rework,
)
#: Edits that hardly move the meaning.
TOUCHES = (change_parameters, retype, reorder, polish, relook)


def _with_detail(prompt: Prompt, clause: str, kind: tuple[str, ...], uniform: Uniform) -> Prompt:
    """Swap a clause of the same kind for ``clause``, add it, or drop one."""
    details = list(prompt.details)
    same = [place for place, detail in enumerate(details) if detail in kind]
    draw = uniform()
    if not same or (draw >= _SWAP and draw < _ADD and clause not in details):
        details.append(clause)
    elif draw < _SWAP:
        details[pick(same, uniform)] = clause
    else:
        del details[pick(same, uniform)]
    return prompt._replace(details=tuple(dict.fromkeys(details)))
