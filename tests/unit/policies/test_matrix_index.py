"""The matrix index: exact neighbours in a fixed order, through growth, removal and overwriting."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.similarity import FLOAT32_SLACK, QUANTA
from chorus_traces.errors import PolicyError, TraceError


def unit_vectors(count: int, width: int = 16, seed: int = 0) -> Any:
    made = np.random.Generator(np.random.PCG64(seed)).normal(size=(count, width))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def query(sequence: int, embedding: Any, namespace: str | None = "one") -> Query:
    return Query(
        sequence=sequence,
        namespace=namespace,
        identity=None,
        steps=10,
        latent_bytes=1,
        result_bytes=1,
        embedding=embedding,
    )


def filled(vectors: Any, keys: Iterable[int] | None = None) -> MatrixIndex:
    index = MatrixIndex()
    for key in range(len(vectors)) if keys is None else keys:
        index.add(query(key, vectors[key]))
    return index


def by_brute_force(
    vectors: Any, keys: Iterable[int], asked: Any, floor: float
) -> list[tuple[int, float]]:
    """Pure Python over float64: no product, no matrix."""
    found = []
    for key in keys:
        dot = sum(float(a) * float(b) for a, b in zip(vectors[key], asked, strict=True))
        similarity = min(max(round(dot * QUANTA), -QUANTA), QUANTA) / QUANTA
        if similarity >= floor:
            found.append((key, similarity))
    return sorted(found, key=lambda pair: (-pair[1], -pair[0]))


def answer(index: MatrixIndex, asked: Any, floor: float = 0.0) -> list[tuple[int, float]]:
    return list(index.neighbours(query(10**6, asked), floor))


def test_after_2000_inserts_every_row_still_belongs_to_its_entry() -> None:
    vectors = unit_vectors(2000, width=32)
    index = MatrixIndex()
    for key, vector in enumerate(vectors):
        index.add(query(key, vector))
        # A row that moved on growth would answer for an older entry here.
        assert next(index.neighbours(query(10**6, vectors[key // 2]), 0.9999)) == (key // 2, 1.0)
    assert len(index) == 2000
    for key, vector in enumerate(vectors):
        assert answer(index, vector, 0.9999) == [(key, 1.0)]


def test_a_removed_entry_is_not_found_and_its_row_serves_the_next_one() -> None:
    vectors = unit_vectors(3)
    index = filled(vectors, [0, 1])
    index.remove(0)
    assert answer(index, vectors[0], 0.9999) == []
    index.add(query(2, vectors[2]))
    assert answer(index, vectors[2], 0.9999) == [(2, 1.0)]
    assert answer(index, vectors[0], 0.9999) == []
    assert answer(index, vectors[1], 0.9999) == [(1, 1.0)]


def test_a_freed_row_is_not_found_at_any_floor() -> None:
    vectors = unit_vectors(5)
    index = filled(vectors)
    index.remove(3)
    assert {key for key, _ in answer(index, vectors[3], -1.0)} == {0, 1, 2, 4}


def test_many_removals_and_inserts_agree_with_brute_force() -> None:
    vectors = unit_vectors(1500, width=8)
    chance = np.random.Generator(np.random.PCG64(1))
    index = MatrixIndex()
    resident: list[int] = []
    removals = asked = found = 0
    for key in range(len(vectors)):
        index.add(query(key, vectors[key]))
        resident.append(key)
        while len(resident) > 100 or (resident and chance.random() < 0.3):
            index.remove(resident.pop(int(chance.integers(len(resident)))))
            removals += 1
        if key % 10 == 0:
            wanted = by_brute_force(vectors, resident, vectors[key], 0.5)
            assert answer(index, vectors[key], 0.5) == wanted
            asked += 1
            found += len(wanted)
    assert removals > 1000
    assert asked == 150
    assert found > 500
    assert {key for key in range(len(vectors)) if key in index} == set(resident)


@pytest.mark.parametrize("floor", [-1.0, 0.0, 0.35, 0.7, 1.0])
def test_exact_ties_come_most_recent_first(floor: float) -> None:
    # Few distinct vectors with few distinct products: nearly every similarity is shared.
    distinct = np.array(
        [[1, 0, 0, 0], [0, 1, 0, 0], [0.6, 0.8, 0, 0], [0.8, 0.6, 0, 0], [0.5, 0.5, 0.5, 0.5]]
    )
    chance = np.random.Generator(np.random.PCG64(2))
    vectors = distinct[chance.integers(5, size=600)].astype(np.float32)
    keys = [int(key) for key in chance.permutation(600)]
    index = filled(vectors, keys)
    for asked in distinct.astype(np.float32):
        wanted = by_brute_force(vectors, keys, asked, floor)
        assert answer(index, asked, floor) == wanted
        assert len(wanted) > 50
        assert len({similarity for _, similarity in wanted}) < 6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_vectors_agree_with_brute_force(seed: int) -> None:
    vectors = unit_vectors(400, width=24, seed=seed)
    index = filled(vectors)
    for asked in unit_vectors(10, width=24, seed=seed + 100):
        for floor in (-1.0, 0.0, 0.3):
            wanted = by_brute_force(vectors, range(400), asked, floor)
            assert answer(index, asked, floor) == wanted
            assert wanted


def test_a_similarity_that_rounds_up_to_the_floor_is_shown() -> None:
    # A cosine of 0.89996 is 0.9000 in quanta; the float32 bound must not drop it.
    for cosine, shown in ((0.89996, [0.9]), (0.89994, [])):
        other = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
        index = filled([other])
        found = answer(index, np.array([1, 0], dtype=np.float32), 0.9)
        assert [similarity for _, similarity in found] == shown
    assert FLOAT32_SLACK < 0.9 - 0.89996


def test_similarities_are_the_floats_a_policy_file_states() -> None:
    for cosine in (0.7, 0.85, 0.95, 0.6):
        other = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
        found = answer(filled([other]), np.array([1, 0], dtype=np.float32), cosine)
        assert found == [(0, cosine)]


def test_namespaces_never_mix() -> None:
    vectors = unit_vectors(200)
    index = MatrixIndex()
    for key, vector in enumerate(vectors):
        index.add(query(key, vector, namespace="even" if key % 2 == 0 else "odd"))
    for place, namespace in enumerate(("even", "odd")):
        found = list(index.neighbours(query(10**6, vectors[0], namespace), -1.0))
        assert len(found) == 100
        assert {key % 2 for key, _ in found} == {place}
    assert list(index.neighbours(query(10**6, vectors[0], "other"), -1.0)) == []
    assert list(index.neighbours(query(10**6, vectors[0], None), -1.0)) == []


def test_a_namespace_may_come_back_after_it_was_empty_even_with_another_width() -> None:
    index = filled(unit_vectors(1, width=8))
    index.remove(0)
    wide = unit_vectors(1, width=12)
    assert list(index.neighbours(query(10**6, wide[0]), -1.0)) == []
    index.add(query(1, wide[0]))
    assert answer(index, wide[0]) == [(1, 1.0)]


def test_the_index_keeps_its_own_copy_of_an_embedding() -> None:
    vector = unit_vectors(1)[0]
    index = MatrixIndex()
    index.add(query(0, vector))
    asked = vector.copy()
    vector[:] = 0
    assert answer(index, asked) == [(0, 1.0)]


def test_nothing_is_computed_before_the_first_neighbour_is_read() -> None:
    index = filled(unit_vectors(1))
    index.neighbours(query(1, None), 0.5)
    with pytest.raises(TraceError, match="request 1: no embedding"):
        next(index.neighbours(query(1, None), 0.5))


@pytest.mark.parametrize(
    ("embedding", "complaint"),
    [
        (None, "no embedding"),
        ([[1.0]], r"shape \(1, 1\); \(width,\) is needed"),
        ([2.0, 0.0], "length 2; 1 is needed"),
        ([0.0, 0.0], "length 0; 1 is needed"),
        ([float("nan"), 1.0], "length nan; 1 is needed"),
    ],
)
def test_an_embedding_that_cannot_be_compared_is_refused(embedding: Any, complaint: str) -> None:
    with pytest.raises(TraceError, match=complaint):
        MatrixIndex().add(query(0, embedding))


def test_another_width_in_the_same_namespace_is_refused() -> None:
    index = filled(unit_vectors(1, width=8))
    wide = unit_vectors(1, width=12)[0]
    with pytest.raises(TraceError, match="width 12, its namespace 8"):
        index.add(query(1, wide))
    with pytest.raises(TraceError, match="width 12, its namespace 8"):
        next(index.neighbours(query(1, wide), 0.0))


def test_a_key_is_added_once_and_only_with_a_namespace() -> None:
    vectors = unit_vectors(1)
    index = filled(vectors)
    with pytest.raises(PolicyError, match="entry 0 is indexed already"):
        index.add(query(0, vectors[0]))
    with pytest.raises(PolicyError, match="entry 1 has no namespace"):
        index.add(query(1, vectors[0], None))
    assert len(index) == 1
