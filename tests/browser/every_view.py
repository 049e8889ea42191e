"""Every view, drawn of names that try to break out of it."""

from __future__ import annotations

from types import SimpleNamespace

from pictures import NASTY, diagnosis, ranking, signals, suspect, window
from workbench import views
from workbench.causal.change_effects.adjustment import adjustment, change_graph
from workbench.checks import CheckId, CheckResult
from workbench.errors import BadInput

__all__ = ["PAYLOADS", "every_view"]

# Each closes something that a view might have opened around a name.
PAYLOADS = {
    "payments": NASTY,
    "checkout": "</script></title></style><script>window.pwned=2</script>",
    "cart": '"><svg onload="window.pwned=3">',
    "recommendations": "]]></text><script>window.pwned=4</script>",
    "redis": "javascript:window.pwned=5//{{constructor.constructor('window.pwned=6')()}}",
    "orders": "&lt;script&gt;window.pwned=7&lt;/script&gt;",
}


def every_view() -> dict[str, object]:
    odd, found, known = window(PAYLOADS), diagnosis(PAYLOADS), signals(PAYLOADS)
    tested = diagnosis(
        suspects=(
            suspect(
                change=NASTY, tests=(CheckResult(CheckId.SUBSET, "failed", NASTY, subject=NASTY),)
            ),
        )
    )
    what_if = SimpleNamespace(
        actual=0.4,
        counterfactual=0.1,
        low=0.0,
        high=0.2,
        before=0.1,
        unit="s",
        service=NASTY,
        statement=NASTY,
    )
    effect = SimpleNamespace(
        change=NASTY, service=NASTY, sli=found.sli, adjustment=adjustment(change_graph())
    )
    return {
        "adjustment": views.adjustment(effect),
        "window": odd,
        "coverage": odd.coverage,
        "timeline": views.timeline(odd, found, signals=known),
        "network": views.network(odd, found, signals=known),
        "topology": views.topology(odd, found, signals=known),
        "ladder": views.ladder(found),
        "ranks": views.ranks(found),
        "waterfall": views.waterfall(ranking((NASTY, 0.3), (PAYLOADS["cart"], 0.08))),
        "evidence": views.evidence(odd, found, signals=known),
        "effects": views.effects(tested),
        "refutations": views.refutations(tested),
        "counterfactual": views.counterfactual(what_if),
        "message": views.message(NASTY, NASTY),
        "problem": views.problem(BadInput(NASTY, value=NASTY, hint=NASTY)),
    }
