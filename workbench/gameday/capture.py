"""One run of the shop, written to disk as it was: the raw capture bundles are made from."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.gameday.shop import monitoring
from workbench.gameday.shop.load import Load, Surge
from workbench.gameday.shop.stack import running_shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.gameday.faults import Fault
    from workbench.gameday.shop.stack import Shop

__all__ = ["Timing", "capture"]

_FILES = (
    "spans.ndjson",
    "logs.ndjson",
    "notifications.ndjson",
    "changes.ndjson",
    "load.ndjson",
    "edge-error.log",
    "edge-access.log",
)


@dataclass(frozen=True)
class Timing:
    """Minutes of a run: warming up (not recorded), normal, the fault and what follows.

    Parameters
    ----------
    warm_up
        Minutes of load before the recording starts, so that rates have settled.
    normal
        Minutes recorded before the onset.
    after
        Minutes recorded from the onset on: the fault and the recovery.
    """

    warm_up: float = 0.5
    normal: float = 8.0
    after: float = 6.0

    @property
    def seconds(self) -> int:
        """Seconds of load in all."""
        return int(60 * (self.warm_up + self.normal + self.after))


def capture(
    fault: Fault, folder: Path, *, timing: Timing, seed: int, say: Callable[[str], object] = print
) -> Path:
    """Run the shop through one fault and write everything it told into a folder.

    Parameters
    ----------
    fault
        What to do to it.
    folder
        Where to write; made if missing.
    timing
        How long each part takes.
    seed
        Of the load's rate, arrivals and journeys.
    say
        Called with a line for each thing that happens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with running_shop() as shop:
        say(f"shop is up in {shop.config.folder}")
        run = _play(shop, fault, timing=timing, seed=seed, say=say)
        _settle(shop)
        _keep(shop, folder, run)
    say(f"captured {fault.name}")
    return folder


def _play(
    shop: Shop, fault: Fault, *, timing: Timing, seed: int, say: Callable[[str], object]
) -> dict[str, Any]:
    onset_s = 60 * (timing.warm_up + timing.normal)
    surge = None
    if fault.surge_rps is not None:
        lasts = max(step.at_s for step in fault.steps)
        surge = Surge(onset_s, lasts, fault.surge_rps)
    shop.send_load(timing.seconds, seed=seed, surge=surge)
    shop.supervisor.wait_until(shop.config.path("load.began").exists, "load")
    began = float(shop.config.path("load.began").read_text())
    done = []
    for step in fault.steps:
        _sleep_until(shop, began + onset_s + step.at_s)
        at = time.time()
        result = dict(step.act(shop))
        done.append({"what": step.what, "ts": at, "end_ts": time.time(), "result": result})
        say(f"{step.what} at {step.at_s:+.0f} s: {result}")
    _sleep_until(shop, began + timing.seconds)
    return {
        "fault": fault.name,
        "seed": seed,
        "load": asdict(Load()),
        "surge": asdict(surge) if surge else None,
        "start": began + 60 * timing.warm_up,
        "onset": began + onset_s,
        "end": time.time(),
        "steps": done,
        "versions": dict(shop.versions),
        "load_average": list(os.getloadavg()),
    }


def _sleep_until(shop: Shop, moment: float) -> bool:
    while (left := moment - time.time()) > 0:
        time.sleep(min(left, 2.0))
        shop.supervisor.check(may_end=("load",))
    return True


def _settle(shop: Shop, seconds: float = 7.0) -> float:
    """Let batches, scrapes and alert notifications of the last seconds arrive."""
    time.sleep(seconds)
    return seconds


def _keep(shop: Shop, folder: Path, run: dict[str, Any]) -> int:
    now = time.time()
    reach = int(now - run["start"]) + 10
    with (folder / "metrics.ndjson").open("w") as out:
        for family in monitoring.FAMILIES:
            for series in monitoring.raw_samples(shop.config, family, at=now, seconds=reach):
                out.write(json.dumps(series) + "\n")
    firing = monitoring.raw_samples(shop.config, "ALERTS", at=now, seconds=reach)
    (folder / "alert-series.json").write_text(json.dumps(firing))
    (folder / "alertmanager.json").write_text(json.dumps(monitoring.alerts_now(shop.config)))
    (folder / "rules.json").write_text(json.dumps(monitoring.rule_groups(shop.config)))
    (folder / "run.json").write_text(json.dumps(run, indent=1))
    kept = [shop.config.path(name) for name in _FILES]
    kept += sorted(shop.config.path("output").iterdir())
    for path in kept:
        if path.exists():
            shutil.copy(path, folder / path.name)
    return len(kept)
