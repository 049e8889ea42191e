from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import SLI, SLO
from workbench.errors import BadInput, UnknownName

NAMES = st.text(min_size=1, max_size=12)


@given(NAMES, st.sampled_from(["latency", "errors", "load"]))
def test_an_sli_reads_back_from_its_text(service, signal):
    sli = SLI(service, signal)
    assert SLI.parse(str(sli)) == sli


@pytest.mark.parametrize("text", ["", "cart", "/latency"])
def test_text_without_a_service_is_refused(text):
    with pytest.raises(BadInput, match="Not an SLI"):
        SLI.parse(text)


def test_an_unknown_signal_is_refused_with_a_hint():
    with pytest.raises(UnknownName, match="Did you mean 'latency'"):
        SLI.parse("cart/latencies")


def test_units():
    assert [SLI("a", s).unit for s in ("latency", "errors", "load")] == ["s", "ratio", "req/s"]


@given(st.one_of(st.floats(max_value=0), st.floats(min_value=1)))
def test_an_objective_outside_zero_and_one_is_refused(objective):
    with pytest.raises(BadInput, match=r"0\.999"):
        SLO("a", "cart", "latency", objective)


@given(NAMES, st.floats(min_value=0.5, max_value=0.9999))
def test_an_slo_reads_back_from_its_dict(service, objective):
    slo = SLO("checkout is quick", service, "latency", objective, 0.5)
    assert SLO(**slo.to_dict()) == slo
    assert slo.sli == SLI(service, "latency")
