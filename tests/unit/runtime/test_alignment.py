import pytest
import torch

from chorus_runtime.alignment import (
    AmplificationSchedule,
    DiffComparer,
    Emphasis,
    EncodedPrompt,
    GivenStates,
    split_words,
    suggested_amplification,
    token_emphasis,
    word_novelty,
)
from chorus_traces.errors import EngineError


def strengths(new: str, old: str, comparer=None) -> dict[str, float]:
    comparer = comparer or DiffComparer()
    return {new[one.start : one.end]: one.strength for one in comparer.compare(new, old)}


class ByMeaning:
    """An embedder whose states are chosen: one direction for each meaning."""

    meanings = (("cat", "kitten"), ("dog",), ("red",), ("blue",), ("runs", "rides"), ("during",))

    def encode(self, prompt: str) -> EncodedPrompt:
        words = split_words(prompt)
        states = torch.zeros(len(words) + 1, len(self.meanings) + 1)
        for row, word in enumerate(words):
            column = [word.text in meaning for meaning in self.meanings]
            states[row, column.index(True) if True in column else -1] = 1.0
        offsets = tuple((word.start, word.end) for word in words)
        return EncodedPrompt(prompt=prompt, offsets=offsets, states=states)


def test_a_changed_word_is_emphasised_and_nothing_else():
    assert strengths("a blue circle moving left", "a red circle moving left") == {"blue": 1.0}


def test_equal_prompts_have_no_emphasis():
    assert strengths("a red circle", "a red circle") == {}


@pytest.mark.parametrize("old", ["", "!!!"])
def test_every_content_word_is_new_against_an_empty_prompt(old):
    assert strengths("a red circle", old) == {"red": 1.0, "circle": 1.0}
    assert strengths(old, "a red circle") == {}


def test_a_removed_word_leaves_nothing_to_emphasise():
    assert strengths("a circle", "a red circle") == {}


def test_stop_words_are_never_emphasised():
    assert strengths("a cat during the night", "a cat in the night") == {}


def test_swapped_roles_have_a_floor_that_novelty_cannot_give():
    new, old = "a dog next to a cat", "a cat next to a dog"
    assert strengths(new, old) == {"dog": 0.5, "cat": 0.5}
    assert strengths(new, old, DiffComparer(ByMeaning())) == {"dog": 0.5, "cat": 0.5}


def test_swapped_phrases_are_seen_as_well():
    new = "a blue square above a red circle"
    assert strengths(new, "a red circle above a blue square") == {
        "blue": 0.5,
        "square": 0.5,
        "red": 0.5,
        "circle": 0.5,
    }


@pytest.mark.parametrize(("new", "old"), [("up", "down"), ("left", "up"), ("over", "under")])
def test_directions_are_no_stop_words(new, old):
    assert strengths(f"a circle moving {new}", f"a circle moving {old}") == {new: 1.0}


def test_roles_swap_without_a_preposition_too():
    assert strengths("a dog chases a cat", "a cat chases a dog") == {"dog": 0.5, "cat": 0.5}


def test_a_moved_clause_is_not_new():
    old = "an astronaut riding a horse on the moon"
    assert strengths("on the moon an astronaut riding a horse", old) == {}


def test_novelty_of_contextual_states_decides_how_much_a_new_word_counts():
    comparer = DiffComparer(ByMeaning())
    assert strengths("a kitten", "a cat", comparer) == {}
    assert strengths("a dog", "a cat", comparer) == {"dog": 1.0}


def test_the_requests_own_states_serve_as_embedder():
    encoder = ByMeaning()
    given = GivenStates(encoder.encode("a kitten"), encoder.encode("a cat"))
    assert strengths("a kitten", "a cat", DiffComparer(given)) == {}
    with pytest.raises(EngineError, match="no states were given for the prompt 'a dog'"):
        strengths("a dog", "a cat", DiffComparer(given))


def test_half_a_novelty_is_a_full_emphasis_and_less_is_less():
    states = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.5, 0.75**0.5]])
    offsets = ((0, 1), (2, 3), (4, 5))
    words = split_words("a b c")
    new = EncodedPrompt(prompt="a b c", offsets=offsets, states=states)
    old = EncodedPrompt(prompt="a", offsets=((0, 1),), states=states[:1])
    novelty = word_novelty(words, new, split_words("a"), old)
    assert novelty == pytest.approx([0.0, 0.2, 0.5], abs=1e-6)


def test_a_word_the_encoder_cut_off_has_no_novelty():
    encoded = EncodedPrompt(prompt="one two", offsets=((0, 3),), states=torch.ones(1, 2))
    assert word_novelty(split_words("one two"), encoded, (), encoded) == [1.0, 0.0]


def test_emphasis_reaches_every_token_of_a_split_word_and_no_padding():
    emphases = (Emphasis(start=2, end=9, strength=0.75),)
    offsets = ((0, 0), (0, 1), (2, 5), (5, 9), (9, 10), (0, 0))
    got = token_emphasis(emphases, offsets, 8)
    assert got.tolist() == [[0, 0, 0.75, 0.75, 0, 0, 0, 0]]


def test_offsets_that_start_with_the_space_before_a_word_still_match():
    assert token_emphasis(
        (Emphasis(start=2, end=5, strength=1.0),), ((0, 1), (1, 5)), 2
    ).tolist() == [[0, 1]]


def test_words_keep_hyphens_and_apostrophes_and_their_places():
    prompt = "A snow-covered peak, it's Ärger\u2019s!"
    words = split_words(prompt)
    assert [word.text for word in words] == ["a", "snow-covered", "peak", "it's", "ärger\u2019s"]
    assert all(prompt[word.start : word.end].casefold() == word.text for word in words)


def test_an_enormous_prompt_is_compared_as_far_as_an_encoder_reads():
    long = " ".join(f"word{number}" for number in range(100_000))
    assert len(split_words(long)) == 512
    assert strengths("new " + long, long) == {"new": 1.0}


def test_states_that_are_no_matrix_are_refused():
    with pytest.raises(EngineError, match=r"\(text tokens, width\) is needed"):
        EncodedPrompt(prompt="a", offsets=((0, 1),), states=torch.ones(3))


def test_the_schedule_acts_from_k1_to_its_end():
    def weights(**settings):
        schedule = AmplificationSchedule(**settings)
        return [schedule.weight(step, 2, 6, 8) for step in range(8)]

    assert weights(kind="constant") == [0, 0, 1, 1, 1, 1, 0, 0]
    assert weights(kind="constant", reach="all") == [0, 0, 1, 1, 1, 1, 1, 1]
    assert weights(kind="linear") == [0, 0, 1, 0.75, 0.5, 0.25, 0, 0]
    assert weights(kind="first", steps=1) == [0, 0, 1, 0, 0, 0, 0, 0]


def test_without_srd_the_schedule_reaches_to_the_last_step():
    constant = AmplificationSchedule(kind="constant")
    assert constant.weight(7, 3, 3, 8) == 1
    assert constant.weight(2, 3, 3, 8) == 0


@pytest.mark.parametrize(("steps", "acting"), [(50, 8), (12, 2), (4, 1), (1, 1)])
def test_by_default_the_schedule_acts_in_the_first_sixth_of_the_steps(steps, acting):
    weights = [AmplificationSchedule().weight(step, 0, 0, steps) for step in range(steps)]
    assert weights == [1.0] * acting + [0.0] * (steps - acting)


def test_the_suggested_factor_grows_with_k1():
    assert [suggested_amplification(share) for share in (0, 0.2, 0.4, 0.7)] == [1, 8, 8, 16]
