import numpy as np
import pytest

from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.similarity import QUANTA
from chorus_sim.graph import build_graph, cached_graph
from chorus_sim.graph_index import GraphIndex
from chorus_traces.errors import EngineError
from chorus_traces.trace import unit_rows


def clustered(requests: int, width: int, seed: int) -> np.ndarray:
    """Vectors around a few centres, some repeated exactly, so that every similarity occurs."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(12, width))
    points = centres[chance.integers(0, 12, requests)]
    points = points + chance.normal(size=(requests, width)) * chance.uniform(0, 1, (requests, 1))
    points[5::7] = points[3]
    return unit_rows(points, where="test")


def query(sequence: int, namespace: str, vector: np.ndarray) -> Query:
    return Query(
        sequence=sequence,
        namespace=namespace,
        identity=None,
        steps=50,
        latent_bytes=1,
        result_bytes=1,
        embedding=vector,
    )


def test_rows_equal_a_double_loop_over_all_pairs():
    vectors = clustered(300, 24, seed=1)
    spaces = np.random.default_rng(2).integers(-1, 3, 300)
    graph = build_graph(vectors, spaces, 0.6)
    edges = 0
    for row in range(300):
        low, high = graph.row_start[row], graph.row_start[row + 1]
        expected = []
        for other in range(row):
            cosine = float(vectors[row].astype(float) @ vectors[other].astype(float))
            quanta = round(cosine * QUANTA)
            if spaces[row] == spaces[other] >= 0 and quanta >= 6000:
                expected.append((-quanta, -other))
        expected.sort()
        found = zip(
            graph.quanta[low:high].tolist(), graph.neighbour[low:high].tolist(), strict=True
        )
        assert [(-quanta, -other) for quanta, other in found] == expected
        edges += len(expected)
    assert edges == graph.edges > 500


def test_a_cosine_that_rounds_up_to_the_floor_is_kept():
    angle = np.arccos(0.89997)
    vectors = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]], dtype=np.float32)
    graph = build_graph(vectors, np.zeros(2, dtype=np.int64), 0.9)
    assert graph.quanta.tolist() == [9000]


def test_graph_and_live_index_find_the_same_donors_in_the_same_order():
    vectors = clustered(400, 16, seed=3)
    spaces = np.random.default_rng(4).integers(0, 3, 400)
    graph = GraphIndex(build_graph(vectors, spaces, 0.5))
    live = MatrixIndex()
    chance = np.random.default_rng(5)
    resident: list[int] = []
    found = 0
    for place in range(400):
        asked = query(place, str(spaces[place]), vectors[place])
        expected = list(live.neighbours(asked, 0.7))
        assert list(graph.neighbours(asked, 0.7)) == expected
        found += len(expected)
        graph.add(asked)
        live.add(asked)
        resident.append(place)
        if len(resident) > 100:
            gone = resident.pop(int(chance.integers(0, len(resident))))
            graph.remove(gone)
            live.remove(gone)
    assert found > 500


def test_blocks_do_not_change_the_graph(monkeypatch):
    vectors = clustered(500, 16, seed=6)
    spaces = np.zeros(500, dtype=np.int64)
    whole = build_graph(vectors, spaces, 0.6)
    monkeypatch.setattr("chorus_sim.graph._BLOCK_ROWS", 7)
    monkeypatch.setattr("chorus_sim.graph._BLOCK_COLUMNS", 5)
    pieces = build_graph(vectors, spaces, 0.6)
    assert whole.edges > 1000
    for name in ("row_start", "neighbour", "quanta"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


def test_a_kept_graph_is_read_back_equal_and_another_floor_is_another_graph(tmp_path):
    vectors = clustered(200, 16, seed=7)
    spaces = np.zeros(200, dtype=np.int64)
    first = cached_graph(vectors, spaces, 0.6, tmp_path)
    again = cached_graph(vectors, spaces, 0.6, tmp_path)
    other = cached_graph(vectors, spaces, 0.7, tmp_path)
    np.testing.assert_array_equal(first.neighbour, again.neighbour)
    assert other.edges < first.edges
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("requests", [1, 2])
def test_the_smallest_traces_have_a_graph(requests):
    vectors = clustered(8, 4, seed=8)[:requests]
    graph = build_graph(vectors, np.zeros(requests, dtype=np.int64), 0.99)
    assert len(graph.row_start) == requests + 1


def test_equal_vectors_are_neighbours_of_each_other_and_share_all_others():
    vectors = np.repeat(clustered(40, 16, seed=9), 3, axis=0)[
        np.random.default_rng(9).permutation(120)
    ]
    graph = build_graph(vectors, np.zeros(120, dtype=np.int64), 0.6)
    same = 0
    for row in range(120):
        low, high = graph.row_start[row], graph.row_start[row + 1]
        row_of = dict(
            zip(graph.neighbour[low:high].tolist(), graph.quanta[low:high].tolist(), strict=True)
        )
        equals = [o for o in range(row) if np.array_equal(vectors[o], vectors[row])]
        assert all(row_of[other] == QUANTA for other in equals)
        same += len(equals)
        for other in row_of:
            for twin in equals:
                if twin > other:
                    assert graph_quanta(graph, twin, other) == row_of[other]
    assert same >= 120
    assert graph.edges > 200


def graph_quanta(graph, row: int, other: int) -> int:
    low, high = graph.row_start[row], graph.row_start[row + 1]
    place = graph.neighbour[low:high].tolist().index(other)
    return int(graph.quanta[low + place])


def test_more_requests_than_an_edge_can_name_are_refused(monkeypatch):
    monkeypatch.setattr("chorus_sim.graph._MOST_REQUESTS", 10)
    with pytest.raises(EngineError, match="11 requests in one graph; at most 10"):
        build_graph(clustered(11, 4, seed=1), np.zeros(11, dtype=np.int64), 0.9)
