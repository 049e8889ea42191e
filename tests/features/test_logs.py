from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import START, ar1
from workbench import IncidentWindow, TimeRange
from workbench.errors import BadInput
from workbench.features import log_templates
from workbench.features.logs import mask
from workbench.stats.overdispersion import dispersion_of, rate_ratio_p

WHEN = TimeRange(START + pd.Timedelta("10min"), START + pd.Timedelta("15min"))


def logs(*rows, **more):
    """Rows of (second, service, body)."""
    frame = pd.DataFrame(rows, columns=["s", "service", "body"])
    ts = START + pd.to_timedelta(frame.pop("s"), unit="s")
    return frame.assign(ts=ts, severity_number=9, attributes="{}", **more)


def window(frame):
    return IncidentWindow.from_frames(when=WHEN, logs=frame)


def steady(every=1.0, service="pay", body="order {n} charged {x:.2f} EUR from 10.0.0.{k}"):
    return [
        (s, service, body.format(n=int(s * 7), x=s / 3, k=int(s) % 250))
        for s in np.arange(0, 900, every)
    ]


def deadlocks(start, stop, every=3.0):
    text = "deadlock detected: Process {n} waits for ShareLock on transaction {x:.0f}"
    return [(s, "orders", text.format(n=int(s), x=s * 9)) for s in np.arange(start, stop, every)]


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        ("took 12.5ms", "took <NUM>ms"),
        ("GET /cart/550e8400-e29b-41d4-a716-446655440000", "GET /cart/<ID>"),
        ("from 10.1.2.3:8080", "from <IP>"),
        ("at 2026-01-31T12:00:00.123Z", "at <TIME>"),
        ("trace deadbeef1234", "trace <ID>"),
        ("worker1 of http2", "worker1 of http2"),
        ("ptr 0x7ffe", "ptr <HEX>"),
    ],
)
def test_what_varies_is_masked(body, masked):
    assert mask(body) == masked


@pytest.mark.slow
@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(body):
    assert mask(mask(body)) == mask(body)


def test_new_gone_and_rerated_are_told_apart():
    rows = steady()
    rows += deadlocks(600, 900)
    rows += [(s, "cart", f"cache warm in {s} ms") for s in range(0, 600, 2)]
    rows += [(s, "cart", f"slow read of key {s}") for s in range(0, 600, 20)]
    rows += [(s, "cart", f"slow read of key {s}") for s in range(600, 900, 2)]
    found = log_templates(window(logs(*rows))).to_frame().set_index("template")["change"]
    assert (
        found["deadlock detected: Process <NUM> waits for ShareLock on transaction <NUM>"] == "new"
    )
    assert found["cache warm in <NUM> ms"] == "gone"
    assert found["slow read of key <NUM>"] == "re-rated"
    assert found["order <NUM> charged <NUM> EUR from <IP>"] == "same"


def test_counts_and_ratio():
    frame = log_templates(window(logs(*steady(), *deadlocks(600, 900)))).changed("new")
    row = frame.iloc[0]
    assert (row["before"], row["during"], row["service"]) == (0, 100, "orders")
    assert row["rate_ratio"] == pytest.approx(100.5 / (0.5 * 0.5))
    assert row["template_id"].startswith("t-")
    assert row["first_seen"] == START + pd.Timedelta("600s")
    assert row["q_value"] < 1e-6


def test_three_stray_lines_are_new_but_no_proof():
    rows = [*steady(), *((s, "cart", f"odd thing {s}") for s in (700, 710, 800))]
    frame = log_templates(window(logs(*rows))).changed()
    assert frame["change"].tolist() == ["new"]
    assert frame["p_value"].iloc[0] > 0.05


def test_no_record_is_lost():
    frame = logs(*steady(), *deadlocks(600, 900))
    found = log_templates(window(frame))
    counts = found.to_frame()
    assert counts["before"].sum() + counts["during"].sum() == found.records == len(frame)


def test_the_same_logs_give_the_same_templates():
    frame = logs(*steady(), *deadlocks(600, 900))
    one = log_templates(window(frame)).to_frame()
    pd.testing.assert_frame_equal(one, log_templates(window(frame)).to_frame())


def test_without_a_baseline_nothing_is_new():
    found = log_templates(window(logs(*deadlocks(600, 900))))
    assert set(found.to_frame()["change"]) == {"same"}
    assert "nothing can be called new" in repr(found)


def test_no_logs_no_templates():
    found = log_templates(IncidentWindow.from_frames(when=WHEN))
    assert found.to_frame().empty
    assert "0 in 0 templates" in repr(found)


def test_logs_elsewhere_only_are_refused():
    late = window(logs((3600, "pay", "hello")))
    with pytest.raises(BadInput, match="No log lies in the incident"):
        log_templates(late)


def test_hostile_lines_are_shown_as_text():
    rows = [*steady(), *((s, "<b>x</b>", "<script>alert(1)</script> hit") for s in range(600, 900))]
    found = log_templates(window(logs(*rows)))
    html = found._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_bytes_and_missing_services_survive():
    frame = logs(*((float(s), None, b"caf\xe9 \xff") for s in range(0, 900, 10)))
    assert log_templates(window(frame)).records == 90


# ---- the test under it


def test_poisson_counts_have_dispersion_one_and_bursts_more():
    rng = np.random.default_rng(0)
    assert dispersion_of(rng.poisson(20, 200)).factor < 2
    bursts = np.repeat(rng.poisson(2, 40), 5) * 10
    assert dispersion_of(bursts).factor > 10
    assert dispersion_of(bursts).bins < 60
    assert dispersion_of(np.zeros(30)) == (1.0, 30.0)
    assert dispersion_of() == (1.0, 1.0)


def test_nothing_against_nothing_is_no_change():
    assert rate_ratio_p(0, 0, 0.5) == 1.0


def _false_alarms(*, honest, burst=1.0, trials=400):
    """Share of unchanged bursty streams called changed at the 5 % level."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(trials):
        rate = 5 * np.exp(burst * ar1(60, 0.8, rng)[:, 0])
        counts = rng.poisson(rate)
        before, during = counts[:30], counts[30:]
        spread = dispersion_of(before, during) if honest else None
        p = rate_ratio_p(before.sum(), during.sum(), 1.0, dispersion=spread)
        hits += p <= 0.05
    return hits / trials


@pytest.mark.parametrize("burst", [0.5, 1.0])
def test_bursty_logs_do_not_cry_wolf(burst):
    assert _false_alarms(honest=False, burst=burst) > 0.5
    assert _false_alarms(honest=True, burst=burst) < 0.12


def test_steady_logs_keep_their_level():
    assert _false_alarms(honest=True, burst=0.0) < 0.07


def test_a_real_change_is_still_seen():
    rng = np.random.default_rng(2)
    before, during = rng.poisson(5, 30), rng.poisson(15, 30)
    spread = dispersion_of(before, during)
    assert rate_ratio_p(before.sum(), during.sum(), 1.0, dispersion=spread) < 1e-6


@pytest.mark.parametrize(
    "body",
    [
        "\x1b[32m2026-03-01T12:00:00Z\x1b[0m order \x1b[1;36m4711\x1b[0m took \x1b[33m9ms\x1b[0m",
        "[32m2026-03-01T12:00:00Z[0m order [36m4711[0m took [33m9ms[0m",
        r"\u001b[32m2026-03-01T12:00:00Z\u001b[0m order \x1b[36m4711\x1b[0m took 9ms",
        "#033[32m2026-03-01T12:00:00Z#033[0m order 4711 took 9ms",
        "\x9b32m2026-03-01T12:00:00Z\x9b0m order 4711 took 9ms\x1b[K",
        "^[[32m2026-03-01T12:00:00Z^[[0m order 4711 took 9ms",
    ],
)
def test_colours_are_no_part_of_a_template(body):
    assert mask(body) == "<TIME> order <NUM> took <NUM>ms"


def test_what_only_looks_like_a_colour_stays():
    assert mask("rate(x[5m]) of C:\\entry") == "rate(x[<NUM>m]) of C:\\entry"
