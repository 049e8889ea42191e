"""The comparison with DoWhy that `make bench` prints, on its smallest graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.speed import agreement


@pytest.mark.slow
def test_dowhy_says_the_same_on_a_chain():
    found = agreement("chain", seeds=1).iloc[0]
    assert found["services"] == 3
    told = ("planted one first", "same as distribution change", "same as anomaly")
    assert all(found[name].startswith("1.000") and found[name].endswith("n=1") for name in told)
    assert found["largest difference of a part"] < 0.1


def test_an_unknown_section_is_refused_with_those_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "peer"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no section peer; there are " in done.stderr
    assert "peers, recorded" in done.stderr
