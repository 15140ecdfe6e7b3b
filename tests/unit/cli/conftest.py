import json
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A trace of 40 requests with embeddings beside it: four ideas, edited again and again.

    Requests 8 and 12 are identical, of an idea of their own, and pin their seed.
    """
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(5, 16))
    path = tmp_path / "tiny.jsonl"
    rows = []
    vectors = []
    for place in range(40):
        pinned = place in (8, 12)
        idea = 4 if pinned else place % 4
        seed = {"seed": 5} if pinned else {}
        prompt = f"idea {idea} version {0 if pinned else place}"
        rows.append({"id": f"q{place}", "arrival_s": place * 5.0, "prompt": prompt, **seed})
        vectors.append(centres[idea] + (0 if pinned else chance.normal(size=16) * 0.1))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.save(tmp_path / "tiny.embeddings.npy", np.array(vectors, dtype=np.float32))
    return path
