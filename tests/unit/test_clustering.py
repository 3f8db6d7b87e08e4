"""Groups of vectors that are alike."""

import numpy as np
import pytest

from tasks.transcription import clustering
from tasks.transcription.clustering import merges, tell_apart


def voices(*counts: int, spread: float = 0.2) -> np.ndarray:
    """Return vectors around so many directions, each direction's one after the other."""
    noise = np.random.default_rng(1)
    parts = [np.eye(16)[place] + noise.normal(scale=spread / 4, size=(count, 16)) for place, count in enumerate(counts)]
    vectors = np.concatenate(parts)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def groups(labels) -> list[int]:
    """Return the sizes of the runs of equal labels."""
    return [len(part) for part in np.split(labels, np.flatnonzero(np.diff(labels)) + 1)]


def test_vectors_that_are_alike_become_one_group_each():
    labels = tell_apart(voices(10, 20, 5), limit=0.5, least=3)
    assert (groups(labels), labels.max()) == ([10, 20, 5], 2)


def test_groups_are_numbered_in_the_order_in_which_they_are_first_met():
    vectors = voices(4, 4)
    labels = tell_apart(np.concatenate([vectors[4:], vectors[:4]]), limit=0.5, least=2)
    assert labels.tolist() == [0] * 4 + [1] * 4


def test_what_is_too_small_for_a_group_goes_to_the_nearest():
    assert tell_apart(voices(10, 2, 10), limit=0.5, least=3).max() == 1
    assert tell_apart(voices(2), limit=0.5, least=5).tolist() == [0, 0]  # of what there is, the largest stays


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_groups_are_found_as_there_are_said_to_be(count):
    labels = tell_apart(voices(10, 10, 10), limit=0.5, least=3, count=count)
    assert labels.max() + 1 == count


def test_a_count_is_not_made_up_by_a_few_odd_vectors():
    labels = tell_apart(voices(20, 20, 1, 1), limit=0.5, least=5, count=2)
    assert groups(labels)[:2] == [20, 20] or labels[:20].max() != labels[20:40].min()


def test_the_distance_of_groups_is_the_mean_over_their_members():
    vectors = voices(6, 5)
    last = list(merges(vectors, np.ones(len(vectors))))[-1]
    assert last.distance == pytest.approx(1 - float((vectors[:6] @ vectors[6:].T).mean()), abs=1e-4)


def test_a_long_recording_is_grouped_in_blocks_with_the_same_result(monkeypatch):
    vectors = voices(300, 200, 40)
    order = np.random.default_rng(2).permutation(len(vectors))
    whole = tell_apart(vectors[order], limit=0.5, least=5)
    monkeypatch.setattr(clustering, "BLOCK", 100)
    assert tell_apart(vectors[order], limit=0.5, least=5).tolist() == whole.tolist()


def test_one_vector_is_one_group():
    assert tell_apart(voices(1), limit=0.5, least=5).tolist() == [0]
