"""Records one fault: ``python -m workbench.gameday.record FAULT --out DIR``."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.gameday.capture import Timing, capture
from workbench.gameday.faults import FAULTS, fault

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main", "record"]


def record(name: str, out: Path, *, timing: Timing | None = None, seed: int = 1) -> Path:
    """Record one fault into a bundle.

    Parameters
    ----------
    name
        A key of `workbench.gameday.faults.FAULTS`.
    out
        Folder of bundles; the new one is ``out/<incident id>``.
    timing
        Minutes of each part.
    seed
        Of the load.

    Raises
    ------
    UnknownName
        If there is no such fault.
    MissingPart
        If a Debian program the shop runs is not installed.
    """
    from workbench.gameday.bundle import write_recording

    chosen = fault(name)
    with tempfile.TemporaryDirectory(prefix="workbench-capture-") as folder:
        raw = capture(chosen, Path(folder), timing=timing or Timing(), seed=seed)
        return write_recording(raw, out)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, record, and return the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    timing = Timing(options.minutes_warm_up, options.minutes_normal, options.minutes_after)
    try:
        if options.raw:
            capture(fault(options.fault), options.raw, timing=timing, seed=options.seed)
        else:
            _say(f"{record(options.fault, options.out, timing=timing, seed=options.seed)}")
    except WorkbenchError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("Stopped; every process of the shop was ended")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="record", description=__doc__)
    parser.add_argument("fault", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--out", type=Path, default=Path("datasets"), help="folder of bundles")
    parser.add_argument("--raw", type=Path, help="write the raw capture here, no bundle")
    parser.add_argument("--minutes-warm-up", type=float, default=0.5)
    parser.add_argument("--minutes-normal", type=float, default=8.0)
    parser.add_argument("--minutes-after", type=float, default=6.0, help="fault and recovery")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _say(line: str) -> int:
    return sys.stderr.write(line + "\n")


def _leave(_: int, __: FrameType | None) -> None:
    # SIGTERM unwinds like Ctrl-C, so that the shop is stopped and its folder removed.
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
