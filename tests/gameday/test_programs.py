"""A missing Debian program is a named error that says which package to install."""

from __future__ import annotations

import pytest

from workbench.errors import MissingPart
from workbench.gameday import programs


def test_a_missing_program_names_its_package(monkeypatch):
    monkeypatch.setattr(programs, "_search_path", lambda: "/nonexistent")
    with pytest.raises(MissingPart, match=r"'prometheus-alertmanager'.*apt-get install"):
        programs.program("prometheus-alertmanager")
    assert programs.missing() == tuple(programs.PACKAGES)


def test_a_program_that_is_there_is_found():
    assert programs.program("setpriv").endswith("setpriv")
