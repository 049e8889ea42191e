"""The service graph to drag and hover: pyvis behind one wrapper, offline and escaped.

pyvis is given fixed places (no physics that never settles), plain Python values and plain
text titles. Its page loses the two tags that still point to a CDN, gets a policy that
forbids every request, and stands in a sandboxed frame.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.cards import escape
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.layout import layered
from workbench.views.drawing.marks import focus, service_marks
from workbench.views.drawing.palette import CARD, FAINT, INK, MOVED_FILLS
from workbench.views.topology import topology

if TYPE_CHECKING:
    import networkx as nx

    from workbench.diagnose import Diagnosis
    from workbench.features import Signals
    from workbench.views.drawing.marks import ServiceMark
    from workbench.views.drawing.rendering import Picture
    from workbench.window import IncidentWindow

__all__ = ["Network", "network"]

_MOST = 2000
_STEP = (250, 105)
_OUTSIDE = re.compile(
    r"<!-- <link\b.*?-->|<link\b[^>]*\bhref=[^>]*>|<script\b[^>]*\bsrc=[^>]*>\s*</script>",
    re.DOTALL,
)
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">"
)
_STYLE = (
    f"<style>html,body{{margin:0;background:{CARD}}}center{{display:none}}"
    "#mynetwork{border:0!important}</style>"
)
_OPTIONS: dict[str, Any] = {
    "physics": {"enabled": False},
    "interaction": {"hover": True, "tooltipDelay": 80, "zoomSpeed": 0.5},
    "nodes": {
        "shape": "box",
        "margin": 8,
        "font": {"color": INK, "size": 15, "face": "sans-serif"},
        "widthConstraint": {"minimum": 130},
    },
    "edges": {
        "arrows": "to",
        "color": {"color": FAINT, "highlight": INK, "hover": INK},
        "smooth": {"type": "cubicBezier", "forceDirection": "horizontal", "roundness": 0.45},
    },
}


@dataclass(frozen=True, slots=True, repr=False)
class Network:
    """An interactive service graph with its still twin.

    Parameters
    ----------
    page
        Self-contained HTML page.
    still
        The same graph as a picture: for exported pages and for text.
    height
        Of the frame, in pixels.
    """

    page: str
    still: Picture
    height: int = 442

    def __repr__(self) -> str:
        """Read the caption."""
        return self.still.caption

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        frame = (
            f'<iframe sandbox="allow-scripts" srcdoc="{escape(self.page)}" width="100%" '
            f'height="{self.height}" style="border:0;max-width:1100px" '
            f'title="{escape(self.still.caption)}"></iframe>'
        )
        return {"text/html": frame, **self.still._repr_mimebundle_()}


def network(
    window: IncidentWindow,
    diagnosis: Diagnosis | None = None,
    *,
    signals: Signals | None = None,
) -> Network:
    """Show the service graph to drag, zoom and hover, with its still twin.

    Parameters
    ----------
    window, diagnosis, signals
        As for `workbench.views.topology`.

    Returns
    -------
    Network
        Works without a connection: everything it needs is in the page.
    """
    if signals is None:
        from workbench.features import signals as compute

        signals = compute(window)
    marks = service_marks(window, diagnosis, signals)
    graph, _ = focus(window.topology, marks, most=_MOST)
    return Network(_page(graph, marks), topology(window, diagnosis, signals=signals))


def _page(graph: nx.DiGraph[str], marks: dict[str, ServiceMark]) -> str:
    from pyvis.network import Network as Pyvis

    drawn = Pyvis(
        height="440px", width="100%", directed=True, cdn_resources="in_line", bgcolor=CARD
    )
    places = layered(graph).places
    for name in sorted(graph.nodes):
        x, y = places[name]
        drawn.add_node(name, **_node(marks[name], (x * _STEP[0], y * _STEP[1])))
    for caller, callee in graph.edges:
        drawn.add_edge(str(caller), str(callee))
    drawn.set_options(json.dumps(_OPTIONS))
    page = _OUTSIDE.sub("", drawn.generate_html())
    return page.replace("<head>", f"<head>{_POLICY}", 1).replace("</head>", f"{_STYLE}</head>", 1)


def _node(mark: ServiceMark, at: tuple[float, float]) -> dict[str, Any]:
    """Plain values for one box; the title is text, which the drawing library does not parse."""
    words = [shorten(mark.service, 26), mark.moved, mark.word]
    strong = mark.word.isupper()
    return {
        "label": "\n".join(word for word in words if word),
        "title": "\n".join(w for w in (mark.service, mark.moved, mark.level_words, mark.why) if w),
        "x": float(at[0]),
        "y": float(at[1]),
        "shape": "box",
        "borderWidth": 4 if strong else 1,
        "color": {
            "background": MOVED_FILLS[mark.level],
            "border": INK if strong else FAINT,
            "highlight": {"background": MOVED_FILLS[mark.level], "border": INK},
            "hover": {"background": MOVED_FILLS[mark.level], "border": INK},
        },
    }
