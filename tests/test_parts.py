from __future__ import annotations

import pytest

from parts import missing_part, require_program, require_shared_data


def test_in_ci_a_missing_part_fails_and_elsewhere_skips(monkeypatch):
    monkeypatch.setenv("WORKBENCH_CI", "1")
    with pytest.raises(pytest.fail.Exception, match="forbids skipping: needs chromium"):
        missing_part("needs chromium")
    monkeypatch.delenv("WORKBENCH_CI")
    with pytest.raises(pytest.skip.Exception, match="needs chromium"):
        missing_part("needs chromium")


def test_a_program_is_found_by_any_of_its_names():
    assert require_program("no-such-program", "sh").endswith("/sh")


def test_public_data_is_never_a_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CI", "1")
    monkeypatch.setenv("WORKBENCH_PUBLIC_DATA", str(tmp_path))
    with pytest.raises(pytest.skip.Exception):
        require_shared_data("petshop-low")
    assert require_shared_data() == tmp_path
