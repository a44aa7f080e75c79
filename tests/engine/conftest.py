"""What every test of the engine needs."""

from __future__ import annotations

import pytest

from tests.engine.fake import Events, FakeServer, use


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """An empty server, on which the engine opens all its sessions."""
    server = FakeServer()
    use(server, monkeypatch)
    return server
