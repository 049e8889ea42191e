"""Time and memory of one ranking, by the number of services: a day of four signals each.

Every size runs in a process of its own, so that its peak memory is its own. What a user
waits for is ``causal.rank`` on a window that is there; building the window from a frame is
told apart. Peak memory is the whole process's, simulated table included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from tests.benchmarks.layered import window_of
from tests.benchmarks.rates import rate
from workbench.causal import rank
from workbench.views.drawing.palette import INK, MUTED, RISE, SLI_LINE
from workbench.views.drawing.rendering import Chart

SIZES = (50, 200, 1000, 5000)
HIT_SIZES = (50, 200)
PICTURE = Path("outputs/bench/scaling.svg")
_FROM = 200  # below, what does not depend on the size weighs too much to compare with
_ALLOWED_S, _ALLOWED_GB = 5.0, 1.5  # for 1,000 services


def scaling(sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """One row a size, with calls measured too at the sizes below the largest."""
    rows = [_apart(size, edges=False) for size in sizes]
    rows += [_apart(size, edges=True) for size in sizes[1:-1]]
    frame = pd.DataFrame(rows)
    return frame.assign(**{"s / (n log n)": _relative(frame)})


def hits(sizes: tuple[int, ...] = HIT_SIZES, *, each: int = 20) -> pd.DataFrame:
    """How often the faulty service is first, or among the first three, over seeds."""
    rows = []
    for size in sizes:
        places = []
        for seed in range(each):
            window, guilty = window_of(size, seed=seed)
            places.append([row.service for row in rank(window).rows].index(guilty) + 1)
        first, among = (rate(place <= k for place in places) for k in (1, 3))
        rows.append({"services": size, "top-1": first, "top-3": among})
    return pd.DataFrame(rows)


def measure(size: int, *, edges: bool = False, seed: int = 0) -> dict[str, Any]:
    """Build one window and rank it once, in this process."""
    started = time.perf_counter()
    window, guilty = window_of(size, seed=seed, edges=edges)
    built, before = time.perf_counter() - started, _peak_gb()
    started, busy = time.perf_counter(), time.process_time()
    found = rank(window)
    return {
        "services": size,
        "signals": "4 a service" + (", 2 a call" if edges else ""),
        "samples": len(window.metrics),
        "seconds": time.perf_counter() - started,
        "CPU s": time.process_time() - busy,
        "peak GB": _peak_gb(),
        "GB before": before,
        "simulate and build s": built,
        "place of the fault": [row.service for row in found.rows].index(guilty) + 1,
    }


def chart(frame: pd.DataFrame) -> Chart:
    """Seconds by services on two logarithmic axes, beside a line of n·log n."""
    nodes = frame[frame["signals"] == "4 a service"]
    line = _reference(nodes)
    measured = frame.assign(
        kind=np.where(frame["signals"] == "4 a service", "measured", "measured, calls too")
    )
    shown = pd.concat([measured[["services", "seconds", "kind"]], line], ignore_index=True)
    names = ["measured", "measured, calls too", "n·log n"]
    base = alt.Chart(shown).encode(
        x=alt.X(
            "services:Q",
            title="services (four signals, 1,440 steps each)",
            scale=alt.Scale(type="log", domain=[40, 8000], nice=False),
            axis=alt.Axis(values=[50, 200, 1000, 5000], format=",d", grid=True),
        ),
        y=alt.Y(
            "seconds:Q",
            title="seconds to rank",
            axis=alt.Axis(format="~g", values=[0.1, 1, 10]),
            scale=alt.Scale(type="log", domain=[0.03, 30], nice=False),
        ),
        color=alt.Color(
            "kind:N",
            title=None,
            legend=alt.Legend(orient="top", symbolType="stroke"),
            scale=alt.Scale(domain=names, range=[SLI_LINE, RISE, MUTED]),
        ),
    )
    lines = base.mark_line().encode(
        strokeDash=alt.StrokeDash(
            "kind:N", title=None, scale=alt.Scale(domain=names, range=[[1, 0], [1, 0], [5, 4]])
        )
    )
    points = base.transform_filter("datum.kind != 'n·log n'").mark_circle(size=70, opacity=1)
    texts = (
        base.transform_filter("datum.kind != 'n·log n'")
        .mark_text(dx=8, dy=16, align="left")
        .encode(text=alt.Text("seconds:Q", format=".2~r"), color=alt.value(INK))
    )
    most = nodes.loc[nodes["services"].idxmax()]
    words = (
        f"Time of one ranking by the number of services, log-log: {most['seconds']:.1f} s for "
        f"{most['services']:,} services, beside a line of n·log n."
    )
    return Chart((lines + points + texts).properties(width=520, height=300), words)


def save(frame: pd.DataFrame, path: Path = PICTURE) -> Path:
    """Write the measured curve as SVG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chart(frame).to_svg(), encoding="utf-8")
    return path


def told(frame: pd.DataFrame, *, drawn: Path) -> str:
    """Hold 1,000 services against what they may take."""
    one = frame[(frame["services"] == 1000) & (frame["signals"] == "4 a service")].iloc[0]
    used = f"{one['seconds']:.1f} of {_ALLOWED_S:g} s, {one['peak GB']:.2f} of {_ALLOWED_GB:g} GB"
    return f"1,000 services: {used}; drawn in {drawn}"


def _reference(nodes: pd.DataFrame) -> pd.DataFrame:
    start = nodes[nodes["services"] >= _FROM].sort_values("services").iloc[0]
    services = np.geomspace(nodes["services"].min(), nodes["services"].max(), 20)
    seconds = start["seconds"] * _cost(services) / _cost(start["services"])
    return pd.DataFrame({"services": services, "seconds": seconds, "kind": "n·log n"})


def _relative(frame: pd.DataFrame) -> pd.Series:
    """Time over n·log n, relative to the first size that is not mostly fixed cost."""
    each = frame["seconds"] / _cost(frame["services"])
    first = each[frame["services"] >= _FROM].groupby(frame["signals"]).first()
    return each / frame["signals"].map(first)


def _cost(services: Any) -> Any:
    return services * np.log(services)


def _apart(size: int, *, edges: bool) -> dict[str, Any]:
    """Measure one size in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.scaling", str(size), *(["edges"] * edges)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), edges="edges" in sys.argv[2:])))
