"""What the tests share."""

import pytest
from assistant import Assistant

# For a copy of mock_server.py; where it was installed with pip, pytest knows the plugin already.
pytest_plugins = ["mock_server"]


@pytest.fixture(scope="session")
def llm_options():
    """The server refuses what the provider would refuse."""
    return {"strict": True}


@pytest.fixture
def assistant(llm):
    """An assistant whose model is the mock."""
    return Assistant(llm.url + "/v1", weather=lambda city: f"rain in {city}")
