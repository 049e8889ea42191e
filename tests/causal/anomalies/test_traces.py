import pandas as pd

from planted import START, span_row
from workbench import IncidentWindow, TimeRange
from workbench.causal.anomalies.logs import log_anomalies
from workbench.causal.anomalies.traces import shape_anomalies
from workbench.causal.attribution.call_graph import mechanism_graph

MINUTES = 12
WHEN = TimeRange(START + pd.Timedelta("9min"), START + pd.Timedelta("12min"))
QUIET = TimeRange(START, WHEN.start)


def request(number, start, steps, *, entry="front"):
    """A request whose entry calls these services one after the other."""
    trace, rows = f"{number:032x}", []
    rows.append(span_row(trace=trace, span="e", service=entry, name=entry, start=start))
    for place, (service, inner) in enumerate(steps):
        at = start + 0.1 * place
        client, server = f"c{place}", f"s{place}"
        rows.append(
            span_row(
                trace=trace,
                span=client,
                parent="e",
                service=entry,
                kind="client",
                name=f"call {service}",
                start=at,
                duration=0.08,
            )
        )
        rows.append(
            span_row(
                trace=trace,
                span=server,
                parent=client,
                service=service,
                name=service,
                start=at + 0.01,
                duration=0.06,
            )
        )
        if inner:
            step = {"kind": "internal", "name": "query", "start": at + 0.02, "duration": 0.03}
            own = server + "i"
            rows.append(span_row(trace=trace, span=own, parent=server, service=service, **step))
    return rows


def window(before, during):
    """Ten requests a minute; each maker takes (number, start)."""
    rows = []
    for number in range(MINUTES * 10):
        start = 6.0 * number
        made = during if start >= 9 * 60 else before
        for extra in made(number, start):
            rows += extra
    return IncidentWindow.from_frames(when=WHEN, spans=pd.DataFrame(rows))


FULL = [("cart", True), ("payments", True), ("mail", True)]


def normal(number, start):
    return [request(number, start, FULL), request(1000 + number, start, FULL[:2], entry="batch")]


def blamed(found):
    return {anomaly.service for anomaly in shape_anomalies(found, QUIET)}


def test_normal_requests_keep_their_shape():
    assert blamed(window(normal, normal)) == set()


def test_a_service_that_returns_early_changes_its_own_shape():
    def early(number, start):
        steps = [("cart", True), ("payments", False), ("mail", True)]
        return [request(number, start, steps), normal(number, start)[1]]

    assert blamed(window(normal, early)) == {"payments"}


def test_a_request_aborted_by_its_own_service_speaks_for_that_service():
    def aborted(number, start):
        return [request(number, start, FULL[:2]), normal(number, start)[1]]

    assert blamed(window(normal, aborted)) == {"front"}


def test_requests_of_several_callers_that_end_at_one_callee_speak_for_the_callee():
    def aborted(number, start):
        first = [("cart", True)]
        return [request(number, start, first), request(1000 + number, start, first, entry="batch")]

    assert blamed(window(normal, aborted)) == {"cart"}


def logs(*lines):
    rows = [
        {
            "ts": START + pd.Timedelta(second, "s"),
            "service": service,
            "severity_number": severity,
            "body": body,
            "attributes": {},
        }
        for second, service, severity, body in lines
    ]
    return IncidentWindow.from_frames(when=WHEN, logs=pd.DataFrame(rows))


def log_blamed(found, calls=()):
    import networkx as nx

    graph = mechanism_graph(nx.DiGraph(list(calls)), "front", ["front", "db"])
    return {anomaly.service for anomaly in log_anomalies(found, QUIET, graph)}


USUAL = [(s, "front", 9, f"served {s}") for s in range(0, MINUTES * 60, 5)]


def test_lines_that_were_always_written_say_nothing():
    assert log_blamed(logs(*USUAL)) == set()


def test_a_line_never_written_before_speaks():
    new = [(s, "db", 17, f"deadlock in transaction {s}") for s in range(550, 700, 20)]
    assert log_blamed(logs(*USUAL, *new)) == {"db"}


def test_a_caller_that_repeats_its_callees_trouble_is_a_symptom():
    new = [(s, "db", 17, f"deadlock {s}") for s in range(550, 700, 10)]
    echo = [(s, "front", 17, f"call failed {s}") for s in range(550, 700, 20)]
    assert log_blamed(logs(*USUAL, *new, *echo), [("front", "db")]) == {"db"}
