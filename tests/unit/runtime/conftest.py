"""What all tests of the runtime share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """One thread and no gradients: results do not depend on the machine's load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(before)
