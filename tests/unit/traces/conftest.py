"""Where the real traces lie, for the tests that need them."""

from pathlib import Path

import pytest


@pytest.fixture
def real5k() -> Path:
    """5,000 real requests; beside them their embeddings ``real5k.minilm.f16.npy``."""
    path = Path(__file__).parents[4] / "shared" / "data" / "real5k.jsonl"
    if not path.exists():
        pytest.skip(f"the real trace is not at {path}")
    return path
