"""How unlikely a departure is: held against the system's own past, and never against a formula."""

import numpy as np
import pytest

from workbench.causal.evidence.ratios import Family
from workbench.causal.evidence.surprise import evidence_of
from workbench.stats.past_windows import split_bins

BINS, LENGTH = 240, 10


def split():
    incident = np.zeros(BINS, dtype=bool)
    incident[-LENGTH:] = True
    return split_bins(incident, ~incident, ~incident)


def family(above, below=None, *, measure="level", rises=True, counted=False):
    above = np.atleast_2d(np.asarray(above, dtype=float))
    below = np.ones_like(above) if below is None else np.broadcast_to(below, above.shape)
    names = tuple(f"s{i}" for i in range(len(above)))
    flags = np.full(len(above), counted)
    return Family("gauge", measure, rises, names, names, above, below.astype(float), flags)


def noise(services=30, seed=0):
    return 10.0 * np.exp(0.1 * np.random.default_rng(seed).standard_normal((services, BINS)))


def nats(found):
    return np.array([one.nats for one in found])


def test_a_rise_is_surprising_and_quiet_signals_are_not():
    values = noise()
    values[3, -LENGTH:] *= 2.0
    found = nats(evidence_of(family(values), split()))
    assert found.argmax() == 3
    assert found[3] > 4.0
    assert (np.delete(found, 3) > 3.0).mean() < 0.15


def test_what_is_quiet_is_called_surprising_as_rarely_as_it_says():
    """One quiet signal of twenty may show ln(20) nats; autocorrelated ones as well."""
    shown = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal((20, BINS))
        for t in range(1, BINS):
            steps[:, t] += 0.8 * steps[:, t - 1]
        found = evidence_of(family(10.0 * np.exp(0.1 * steps), rises=False), split())
        shown.extend(nats(found) > np.log(20.0))
    assert 0.01 < np.mean(shown) < 0.09


def test_a_unit_changes_nothing():
    values = noise()
    values[3, -LENGTH:] *= 2.0
    one, other = (evidence_of(family(unit * values), split()) for unit in (1.0, 1024.0))
    assert nats(one) == pytest.approx(nats(other), abs=1e-6)


def test_a_fall_speaks_only_where_both_directions_do():
    values = noise()
    values[3, -LENGTH:] /= 2.0
    assert nats(evidence_of(family(values), split()))[3] < 0.5
    assert nats(evidence_of(family(values, rises=False), split()))[3] > 4.0


def test_an_earlier_fault_does_not_make_this_one_normal():
    """One window in forty of the past was as bad, at another service each time."""
    clean, dirty = noise(), noise()
    for number, start in enumerate(range(0, 200, 40)):
        dirty[10 + number, start : start + LENGTH] *= 4.0
    for values in (clean, dirty):
        values[3, -LENGTH:] *= 2.0
    found = [nats(evidence_of(family(values), split()))[3] for values in (clean, dirty)]
    assert found[1] > 0.8 * found[0]


def test_a_mean_over_few_requests_scatters_more():
    rng = np.random.default_rng(1)
    values = np.exp(0.1 * rng.standard_normal((30, BINS)))
    requests = np.full((30, BINS), 100.0)
    values[3, -LENGTH:] *= 1.5
    many = family(values * requests, requests, measure="duration", counted=True)
    requests[3, -LENGTH:] = 1.0
    few = family(values * requests, requests, measure="duration", counted=True)
    strong, weak = (nats(evidence_of(one, split()))[3] for one in (many, few))
    assert weak < 0.6 * strong


def test_the_mean_of_one_request_is_no_evidence():
    requests = np.full((5, BINS), 10.0)
    requests[3, -LENGTH:] = 0.0
    requests[3, -1] = 1.0
    found = evidence_of(family(requests, requests, measure="duration", counted=True), split())
    assert "s3" not in {one.service for one in found}


def test_lines_that_vanish_count_like_lines_that_appear():
    rng = np.random.default_rng(2)
    requests = np.full((20, BINS), 50.0)
    lines = rng.poisson(10.0, (20, BINS)).astype(float)
    lines[3, -LENGTH:] = 0.0
    lines[4, -LENGTH:] = 20.0
    found = evidence_of(
        family(lines, requests, measure="count", rises=False, counted=True), split()
    )
    assert found[3].deviations < 0 < found[4].deviations
    assert min(found[3].nats, found[4].nats) > 4.0
    assert np.median(nats(found)) < 1.5


def test_lines_are_counted_a_request():
    """Half the requests write half the lines: nothing happened."""
    rng = np.random.default_rng(3)
    requests = np.full((20, BINS), 50.0)
    requests[3, -LENGTH:] = 25.0
    lines = rng.poisson(requests / 5.0).astype(float)
    found = evidence_of(
        family(lines, requests, measure="count", rises=False, counted=True), split()
    )
    assert found[3].nats < 3.0


def test_the_more_signals_a_place_has_the_less_one_of_them_says():
    values = noise(40)
    values[0, -LENGTH:] *= 2.0
    alone = family(values)
    beside = Family(
        "gauge", "level", True, ("s0",) * 20 + alone.services[20:], alone.keys,
        alone.above, alone.below, alone.counted,
    )  # fmt: skip
    assert evidence_of(beside, split())[0].nats < evidence_of(alone, split())[0].nats - 1.0
