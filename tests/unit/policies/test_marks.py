"""Pairs that a sentence vector takes for alike: those that must not be, and those that may."""

import time

import pytest

from chorus_policies.marks import marks_differ, marks_of

OPPOSED = [
    # counts
    ("two red cars on a road", "three red cars on a road"),
    ("a dog on the grass", "two dogs on the grass"),
    ("one cat on a sofa", "four cats on a sofa"),
    ("a pair of swans on a lake", "five swans on a lake"),
    ("seven candles on a cake", "8 candles on a cake"),
    ("a dozen balloons in the sky", "three balloons in the sky"),
    ("many birds over the sea", "two birds over the sea"),
    # colours
    ("two red cars", "three blue cars"),
    ("a red rose in a vase", "a white rose in a vase"),
    ("a woman in a green dress", "a woman in a purple dress"),
    ("a black horse in a field", "a brown horse in a field"),
    ("a red cube and a blue sphere", "a blue cube and a red sphere"),
    ("a white cat next to a black dog", "a black cat next to a white dog"),
    ("a small yellow bird with a red beak", "a small red bird with a yellow beak"),
    ("a golden crown on velvet", "a silver crown on velvet"),
    # negation, with and without
    ("a man with a hat", "a man without a hat"),
    ("a street with people", "a street with no people"),
    ("a dog wearing a collar", "a dog not wearing a collar"),
    ("a child who is smiling at the camera", "a child who isn't smiling at the camera"),
    ("a beach with umbrellas", "a beach devoid of umbrellas"),
    ("a room with furniture", "a room lacking furniture"),
    ("a knight who wears a helmet", "a knight who doesn't wear a helmet"),
    ("a bird that can fly", "a bird that cannot fly"),
    # left and right, up and down, in and out
    ("a car turning left", "a car turning right"),
    ("a tree on the left of a house", "a tree on the right of a house"),
    ("a balloon going up", "a balloon going down"),
    ("a man walking upstairs", "a man walking downstairs"),
    ("the camera moves forward", "the camera moves backward"),
    ("slow zoom in on a face", "slow zoom out on a face"),
    ("a wheel spinning clockwise", "a wheel spinning counterclockwise"),
    ("an elevator ascending", "an elevator descending"),
    ("a train entering a station", "a train leaving a station"),
    ("a woman walking toward the camera", "a woman walking away from the camera"),
    ("a red ball above a blue box", "a red ball below a blue box"),
    ("a cat behind a box", "a cat in front of a box"),
    ("a dog inside a kennel", "a dog outside a kennel"),
    # who does what to whom
    ("a dog chasing a cat", "a cat chasing a dog"),
    ("a mouse is chased by a cat", "a cat is chased by a mouse"),
    ("a horse pulling a man", "a man pulling a horse"),
    ("a girl feeding a bear", "a bear feeding a girl"),
    ("a robot carrying a child", "a child carrying a robot"),
    ("a cup on top of a book", "a book on top of a cup"),
    ("the moon above a lake", "a lake above the moon"),
    ("a small boat behind a large ship", "a large ship behind a small boat"),
    ("a lion follows a zebra", "a zebra follows a lion"),
    # opposites
    ("a city street at night", "a city street during the day"),
    ("a beach at sunrise", "a beach at sunset"),
    ("a forest in winter", "a forest in summer"),
    ("a road on a rainy afternoon", "a road on a sunny afternoon"),
    ("an old man reading a book", "a young man reading a book"),
    ("a boy on a swing", "a girl on a swing"),
    ("a happy clown", "a sad clown"),
    ("a window that is open", "a window that is closed"),
    ("a big dog on a bench", "a tiny dog on a bench"),
    ("an empty stadium", "a crowded stadium"),
]

HARMLESS = [
    ("a dog chasing a cat", "a cat being chased by a dog"),
    ("a dog chases a cat", "a dog is chasing a cat"),
    ("two red cars", "two shiny red cars"),
    ("two red cars on a road", "a pair of red cars on a road"),
    ("two red cars on a road", "2 red cars on a road"),
    ("a red car", "one red car"),
    ("a single red car", "a red car"),
    ("a crimson rose", "a scarlet rose"),
    ("a gray wolf", "a grey wolf"),
    ("a red cube and a blue sphere", "a blue sphere and a red cube"),
    ("a woman in a green dress", "a woman wearing a green dress"),
    ("a woman in a green dress", "a lady in a green silk dress"),
    ("a man without a hat", "a man with no hat"),
    ("several birds over the sea", "many birds over the sea"),
    ("a beach at sunset", "a beach at dusk"),
    ("a forest at night", "a forest at midnight"),
    ("a portrait of an astronaut", "portrait of an astronaut, highly detailed, 8k"),
    ("a castle on a hill, 35 mm", "a castle on a hill, 50 mm, film grain"),
    ("a castle on a hill, 4 k", "a castle on a hill, 8 k, artstation"),
    ("a cat in a box", "a cat sitting in a box"),
    ("a cat behind a box", "a cat sitting behind a box"),
    ("a lamp above a table", "a lamp over a table"),
    ("a dragon flying over a village", "a dragon flies above a village"),
    ("a big dog on a bench", "a large dog on a bench"),
    ("the camera moves forward", "the camera moves forwards"),
    ("a close-up of an eye", "close up of an eye"),
    ("a boat on a lake", "a small boat on a calm lake"),
    ("a waterfall in the jungle", "a waterfall in the jungle, cinematic lighting"),
    ("A Knight, oil on canvas", "a knight. oil painting on canvas"),
    ("a robot that doesn't move", "a robot that doesn\u2019t move"),
    ("a city street at night", "a city street at night, neon signs"),
    ("a horse in a field", "a horse standing in a field"),
    ("a bowl of ramen on a table", "a steaming bowl of ramen on a wooden table"),
    ("a black and white photo of a pier", "a monochrome photo of a pier"),
]


@pytest.mark.parametrize(("one", "other"), OPPOSED)
def test_an_opposed_pair_differs_both_ways(one: str, other: str) -> None:
    assert marks_differ(marks_of(one), marks_of(other))
    assert marks_differ(marks_of(other), marks_of(one))


@pytest.mark.parametrize(("one", "other"), HARMLESS)
def test_a_harmless_rewording_does_not_differ(one: str, other: str) -> None:
    assert not marks_differ(marks_of(one), marks_of(other))
    assert not marks_differ(marks_of(other), marks_of(one))


def test_the_lists_are_long_enough_to_mean_something() -> None:
    assert len(OPPOSED) >= 40
    assert len(HARMLESS) >= 25


def test_a_side_that_only_one_prompt_takes_does_not_matter() -> None:
    assert not marks_differ(marks_of("a street"), marks_of("a street at night"))
    assert not marks_differ(marks_of("a timelapse from day to night"), marks_of("night"))


@pytest.mark.parametrize(
    "prompt", ["", "   ", "!?", "7", "red", "not", "by by by", "\u6f22\u5b57", "a" * 10_000]
)
def test_any_text_has_marks(prompt: str) -> None:
    assert not marks_differ(marks_of(prompt), marks_of(prompt))


def test_marks_are_quick() -> None:
    prompts = [prompt for pair in OPPOSED + HARMLESS for prompt in pair] * 20
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        for prompt in prompts:
            marks_of(prompt)
        best = min(best, (time.thread_time() - start) / len(prompts))
    assert best < 20e-6, f"{best * 1e6:.1f} us a prompt"
