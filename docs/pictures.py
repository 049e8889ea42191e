"""Draw the pictures of the gallery from the recorded incidents: ``python docs/pictures.py``."""

from __future__ import annotations

from pathlib import Path

import workbench as wb

FOLDER = Path(__file__).resolve().parent / "images"


def main() -> None:
    """Write one SVG a picture; the same recordings give the same pictures."""
    FOLDER.mkdir(exist_ok=True)
    window = wb.datasets.load("shop-orders-locks")
    signals = wb.features.signals(window)
    diagnosis = wb.diagnose.compare(window)
    effect = wb.causal.effect(window, change="orders@2.4.0")
    drawn = {
        "timeline": wb.views.timeline(window, diagnosis, signals=signals),
        "graph": wb.views.topology(window, diagnosis, signals=signals),
        "ranks": wb.views.ranks(diagnosis),
        "waterfall": wb.views.waterfall(wb.causal.rank(window)),
        "evidence": wb.views.evidence(window, diagnosis, signals=signals),
        "what-if": wb.views.what_if(window, diagnosis),
        "effects": wb.views.effects(diagnosis),
        "interrupted": wb.views.interrupted(window, effect),
        "placebos": wb.views.placebos(effect),
        "adjustment": wb.views.adjustment(effect),
    }
    for name, view in drawn.items():
        if isinstance(view, wb.views.Chart | wb.views.Picture):
            (FOLDER / f"{name}.svg").write_text(view.to_svg() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
