import io

import pytest


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()
