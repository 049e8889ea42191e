# ruff: noqa: E501 - settings files are one line each
"""Collecting from real systems: every source at once, gaps told, masked before it is kept."""

from __future__ import annotations

import json
import signal
import threading

import pandas as pd
import pytest

import workbench as wb
from contract.test_otlp import keyed, span, traces
from contract.test_prometheus import WHEN, history
from parts import AMPLE_S
from servers.ports import free_port
from servers.prometheus import prometheus
from workbench.collection import collecting, connect, templates
from workbench.collection.openslo import read_openslo
from workbench.collection.query_templates import template_queries
from workbench.collection.watching import Watch
from workbench.connectors.contract import Estimate as Guess
from workbench.connectors.contract import IncidentRef, complete_fetch
from workbench.coverage import Coverage, CoverageRow
from workbench.errors import (
    BadInput,
    CannotWrite,
    SourceError,
    UnknownName,
    WindowTooLarge,
)
from workbench.tables import conform

pytestmark = pytest.mark.server

CANARY = "mia.canary@example.com"
SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: cart-ok}
spec:
  service: cart
  indicator: {spec: {ratioMetric: {good: {}, total: {}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""
SOURCES = """
services: {checkout-svc: cart}
openslo: [slo.yaml]
masking_key: key/masking.key
cache: cache
sources:
  prom:
    kind: prometheus
    url: URL
    queries:
      - {promql: requests_total}
    templates: [http]
  traces: {kind: otlp, files: "otlp/*.jsonl"}
  deploys: {kind: deploys, files: deploys.csv}
  gone: {kind: prometheus, url: "http://127.0.0.1:PORT", queries: [{promql: up}], deadline_s: 2}
"""


@pytest.fixture(scope="module")
def url():
    with prometheus(history()) as address:
        yield address


@pytest.fixture
def folder(tmp_path, url):
    (tmp_path / "otlp").mkdir()
    spans = [span(n, start=n * 60, attributes=keyed(user_email=CANARY)) for n in range(25)]
    (tmp_path / "otlp" / "traces.jsonl").write_text(
        json.dumps(traces(*spans, service="checkout-svc"))
    )
    (tmp_path / "deploys.csv").write_text(
        f"ts,service,version,actor\n2026-01-31T12:20:00Z,cart,2.4.0,{CANARY}\n"
    )
    (tmp_path / "slo.yaml").write_text(SLO)
    text = SOURCES.replace("URL", url).replace("PORT", str(free_port()))
    (tmp_path / "sources.yaml").write_text(text)
    return tmp_path


def collected(folder, **options):
    sources = wb.connect(folder / "sources.yaml")
    told = []
    window = wb.collect(
        sources,
        "2026-01-31T12:20:00Z",
        "2026-01-31T12:30:00Z",
        before="20min",
        progress=told.append,
        **options,
    )
    return window, told


def test_a_window_of_all_sources_with_their_gaps(folder):
    window, told = collected(folder)
    assert window.when.start == pd.Timestamp("2026-01-31T12:20:00Z")
    assert set(window.spans["service"].astype("str")) == {"cart"}, "names are mapped"
    assert len(window.changes) == 1
    assert len(window.metrics)
    assert [slo.name for slo in window.slos] == ["cart-ok"]
    assert window.topology is not None
    rows = {(row.source, row.table, row.service): row for row in window.coverage}
    assert rows["gone", "metrics", "*"].status == "failed"
    assert rows["prom", "metrics", "pay"].gaps, "a broken scrape is a gap of its service"
    assert "scrapes are missing" in rows["prom", "metrics", "pay"].reason
    assert told[-1].done == told[-1].total
    assert "gone" in repr(window.coverage) or "failed" in repr(window.coverage)


def test_what_is_kept_and_shown_is_masked(folder):
    window, _ = collected(folder)
    shown = window.spans.to_csv() + window.changes.to_csv() + repr(window)
    assert CANARY not in shown
    assert "<user:" in shown or "<email:" in shown
    for file in folder.rglob("cache/*"):
        assert CANARY.encode() not in file.read_bytes(), file
    key = (folder / "key" / "masking.key").read_text()
    assert not any(key.encode() in file.read_bytes() for file in folder.rglob("cache/*"))


@pytest.mark.slow
def test_a_second_collection_goes_on_from_the_first(folder):
    one, _ = collected(folder)
    two, told = collected(folder)
    assert told[-1].cached > 0
    pd.testing.assert_frame_equal(one.metrics, two.metrics)
    assert {(r.table, r.service, r.status) for r in one.coverage} == {
        (r.table, r.service, r.status) for r in two.coverage
    }
    for file in (folder / "cache").glob("*.result"):
        file.write_text("{")  # damaged: as if it were not there
    three, told = collected(folder)
    assert told[-1].cached == 0
    pd.testing.assert_frame_equal(one.metrics, three.metrics)


@pytest.mark.slow
def test_a_range_in_parts_is_the_range(folder, monkeypatch):
    one, _ = collected(folder)
    monkeypatch.setattr(collecting, "_SLICE", pd.Timedelta("7min"))
    two, told = collected(folder)
    assert told[-1].total > 12
    pd.testing.assert_frame_equal(one.metrics, two.metrics)
    pd.testing.assert_frame_equal(one.spans, two.spans)
    gaps = {r.service: r.gaps for r in one.coverage if r.source == "prom" and r.gaps}
    again = {r.service: r.gaps for r in two.coverage if r.source == "prom" and r.gaps}
    assert set(gaps) <= set(again)


def test_only_the_services_asked_for(folder):
    window, _ = collected(folder, services=("cart",))
    assert set(window.metrics["service"].astype("str")) == {"cart"}
    assert len(window.spans), "by the name it goes by in traces, too"


def test_too_large_a_window_is_refused_before_it_is_read(folder):
    with pytest.raises(WindowTooLarge, match="times what a window may hold"):
        collected(folder, most_rows=10)
    assert not list(folder.glob("cache/*"))


class Slow:
    kind = "slow"
    tables = ("logs",)
    cacheable = True

    def __init__(self, source="slow"):
        self.source, self.closed = source, False
        self.asked = threading.Event()

    async def fetch(self, table, when, *, services=()):
        self.asked.set()
        await collecting.asyncio.Event().wait()

    async def estimate(self, table, when, *, services=()):
        return Guess(None, "")

    async def aclose(self):
        self.closed = True


@pytest.fixture
def plain_interrupts():
    """Python's own handler: PySpark leaves one behind that fails once its session is stopped."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.mark.usefixtures("plain_interrupts")
def test_an_interrupt_is_back_while_a_source_never_answers(folder, monkeypatch):
    """How soon is measured by `make bench`: that it comes back at all does not hang on a clock."""
    sources, slow = wb.connect(folder / "sources.yaml"), Slow()
    monkeypatch.setattr(type(sources), "connectors", lambda _: {"slow": slow})
    monkeypatch.setitem(sources.settings, "slow", sources.settings["deploys"])

    def interrupt():
        import _thread

        assert slow.asked.wait(AMPLE_S)

        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        wb.collect(sources, WHEN.start, WHEN.end, progress=lambda _: None)
    assert slow.closed


class Broken(Slow):
    tables = ("logs", "alerts")

    async def fetch(self, table, when, *, services=()):
        if table == "logs":
            raise ZeroDivisionError("oh")
        rows = pd.DataFrame(
            {
                "starts_at": [when.start],
                "ends_at": [pd.NaT],
                "name": ["Slow"],
                "service": ["cart"],
                "severity": ["high"],
                "status": ["firing"],
                "fingerprint": ["f"],
                "source": ["x"],
                "labels": ["{}"],
            }
        )
        return complete_fetch("alerts", conform("alerts", rows), self.source)

    async def incident(self, id):
        if id != "P1":
            raise SourceError("Not known", value=id)
        return IncidentRef(
            "P1", "cart is slow", WHEN.start + pd.Timedelta("10min"), WHEN.end, ("checkout-svc",)
        )


def test_a_faulty_connector_hides_no_other_source_and_incidents_have_ids(folder, monkeypatch):
    sources = wb.connect(folder / "sources.yaml")
    monkeypatch.setattr(type(sources), "connectors", lambda _: {"broken": Broken("broken")})
    monkeypatch.setitem(sources.settings, "broken", sources.settings["deploys"])
    window = wb.collect(sources, incident="P1", progress=lambda _: None)
    assert (window.id, window.title) == ("P1", "cart is slow")
    assert window.when.start == WHEN.start + pd.Timedelta("10min")
    assert len(window.alerts) == 1
    assert any("fault of the connector" in row.reason for row in window.coverage)
    with pytest.raises(SourceError, match="Not known"):
        wb.collect(sources, incident="P2", progress=lambda _: None)
    with pytest.raises(BadInput, match="either a range or an incident"):
        wb.collect(sources, WHEN.start, WHEN.end, incident="P1")
    with pytest.raises(BadInput, match="either a range or an incident"):
        wb.collect(sources)


@pytest.mark.parametrize("before", ["2 parsecs", "", "-1h", "NaT", "4000000D", "4000D"])
def test_a_time_before_that_is_none_is_named(folder, before):
    sources = wb.connect(folder / "sources.yaml")
    with pytest.raises(BadInput, match="before"):
        wb.collect(sources, WHEN.start, WHEN.end, before=before)


SECRET = "c4nary-0b1d-s3cret"


class Telling(Slow):
    """A connector whose library repeats what was sent."""

    async def fetch(self, table, when, *, services=()):
        raise UnicodeEncodeError("ascii", f"Bearer {SECRET}\udcff", 0, 1, f"sent {SECRET}")

    async def estimate(self, table, when, *, services=()):
        raise KeyError(SECRET)

    async def aclose(self):
        raise OSError(SECRET)


def test_what_a_library_repeats_is_in_nothing_that_is_kept(folder, monkeypatch, tmp_path, caplog):
    """A secret with a byte outside UTF-8 stood in coverage, repr, page and the saved bundle."""
    caplog.set_level("DEBUG")
    sources = wb.connect(folder / "sources.yaml")
    monkeypatch.setattr(type(sources), "connectors", lambda _: {"odd": Telling("odd")})
    monkeypatch.setitem(sources.settings, "odd", sources.settings["deploys"])
    window = wb.collect(sources, WHEN.start, WHEN.end, progress=lambda _: None)
    (row,) = [row for row in window.coverage if row.source == "odd"]
    assert row.status == "failed"
    assert row.reason.startswith("fault of the connector: UnicodeEncodeError in test_collecting.py")
    shown = [repr(window), window._repr_html_(), repr(window.coverage), caplog.text]
    for path in window.save(tmp_path / "bundle").iterdir():
        shown.append(path.read_bytes().decode("latin-1"))
    assert not [text for text in shown if SECRET in text]


class Repeating(Telling):
    """A source whose answer repeats a token and whom it belongs to."""

    async def fetch(self, table, when, *, services=()):
        raise SourceError("The source answered 401", value=f"token={SECRET} of user {CANARY}")


def test_reasons_of_coverage_are_masked(folder, monkeypatch):
    sources = wb.connect(folder / "sources.yaml")
    monkeypatch.setattr(type(sources), "connectors", lambda _: {"odd": Repeating("odd")})
    monkeypatch.setitem(sources.settings, "odd", sources.settings["deploys"])
    window = wb.collect(sources, WHEN.start, WHEN.end, progress=lambda _: None)
    (row,) = [row for row in window.coverage if row.source == "odd"]
    assert "answered 401" in row.reason
    assert SECRET not in row.reason
    assert CANARY not in row.reason


def test_a_connector_that_cannot_be_made_hides_no_other(folder, monkeypatch):
    from workbench.connectors.sources.deploys import Deploys

    def fails(*_):
        raise OSError(f"cannot open {SECRET}")

    monkeypatch.setattr(Deploys, "__init__", fails)
    window, _ = collected(folder)
    assert len(window.metrics)
    (row,) = [row for row in window.coverage if row.source == "deploys"]
    assert row.status == "failed"
    assert row.reason == "its connector cannot be made: OSError"


def test_a_full_disk_under_the_cache_costs_no_row(folder, monkeypatch):
    """It was the end of the whole collection."""
    from workbench.collection import cache

    def full(path, data, **_):
        raise CannotWrite("Cannot be written (No space left on device)", value=str(path))

    monkeypatch.setattr(cache, "write_bytes", full)
    window, _ = collected(folder)
    assert len(window.metrics)
    assert any("not kept in the cache" in row.reason for row in window.coverage)
    monkeypatch.undo()
    (folder / "cache").rmdir()
    (folder / "cache").write_text("a file")
    window, _ = collected(folder)
    assert len(window.metrics)
    assert any("A file stands where a folder should be" in row.reason for row in window.coverage)


def test_progress_is_a_few_lines_where_the_output_is_a_pipe(folder, capsys):
    sources = wb.connect(folder / "sources.yaml")
    wb.collect(sources, "2026-01-31T12:20:00Z", "2026-01-31T12:30:00Z", before="20min")
    lines = capsys.readouterr().out.splitlines()
    assert 2 <= len(lines) <= 30
    assert not [line for line in lines if "\r" in line]


@pytest.mark.slow
def test_a_watch_grows_and_asks_for_nothing_twice(folder, monkeypatch):
    now = [pd.Timestamp("2026-01-31T12:10:00Z")]
    monkeypatch.setattr(pd.Timestamp, "now", classmethod(lambda cls, tz=None: now[0]))
    sources = wb.connect(folder / "sources.yaml")
    watch = Watch(
        sources,
        "2026-01-31T12:05:00Z",
        every=pd.Timedelta("10ms"),
        before=pd.Timedelta("5min"),
        lag=pd.Timedelta("30s"),
        services=(),
    )
    grown = []
    for window in watch:
        grown.append(window)
        now[0] += pd.Timedelta("10min")
        if len(grown) == 3:
            watch.stop()
    assert watch.turns == 3
    assert [len(w.metrics) for w in grown] == sorted({len(w.metrics) for w in grown})
    whole, _ = collected(folder)
    keys = ["ts", "metric", "service", "labels"]
    assert not grown[-1].metrics.duplicated(keys).any()
    assert len(grown[-1].metrics) == len(whole.metrics)
    with pytest.raises(BadInput, match="length of time"):
        wb.watch(sources, every="soon")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("sources:\n  a: {kind: prometheus}\n", 2, "url"),
        (
            "sources:\n  a:\n    kind: prometheus\n    url: http://x.example\n    nothing: 1\n",
            5,
            "nothing",
        ),
        ("sources:\n  a:\n    kind: promethus\n", 2, "prometheus"),
        ("sources:\n  a: {}\n", 2, "kind"),
        ("sources: {}\n", 1, "sources"),
        (
            "sources:\n  a: {kind: prometheus, url: http://x.example, templates: [httpp]}\n",
            None,
            "http",
        ),
        ("sources:\n  a: {kind: otlp, files: x}\n  a: {kind: otlp, files: y}\n", 3, "twice"),
        ("sources: [\n", None, "YAML"),
        ("extra: 1\nsources:\n  a: {kind: otlp, files: x}\n", 1, "extra"),
        (
            "sources:\n  a: {kind: prometheus, url: http://x.example, auth: {kind: bearer, secret: hunter2canary}}\n",
            2,
            "secret",
        ),
    ],
)
def test_errors_of_the_file_name_their_line(tmp_path, text, line, words):
    file = tmp_path / "sources.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        connect(file)
    said = str(caught.value)
    assert words in said
    assert "hunter2canary" not in said
    if line is not None:
        assert f"line {line}:" in said or f":{line}" in said


def test_secrets_are_references_and_never_shown(folder, monkeypatch):
    monkeypatch.setenv("PROM_TOKEN", "canary-of-a-token")
    file = folder / "sources.yaml"
    file.write_text(
        file.read_text().replace(
            "    templates: [http]", "    auth: {kind: bearer, secret: 'env:PROM_TOKEN'}"
        )
    )
    sources = connect(file)
    collected(folder)
    shown = repr(sources) + sources._repr_html_() + repr(sources.settings)
    assert "canary-of-a-token" not in shown
    for kept in folder.rglob("cache/*"):
        assert b"canary-of-a-token" not in kept.read_bytes()


def test_templates_are_queries_that_parse(url):
    """Every query of every template is asked of the real server."""
    import asyncio

    from workbench.connectors.sources.prometheus.source import Prometheus, PrometheusSettings
    from workbench.connectors.transport.http import Http

    for name, template in templates().items():
        own = PrometheusSettings(url=url, queries=template.queries)

        async def work(own=own):
            made = Prometheus("p", own, Http(own))
            found = await made.fetch("metrics", WHEN)
            await made.aclose()
            return found

        row = asyncio.run(work()).coverage[0]
        # Where a service is told by another label than that of its targets, no gap can be known.
        is_unknown = row.reason.startswith("no `up` says when")
        assert row.status in {"complete", "empty"} or is_unknown, (name, row.reason)


def test_templates_of_ones_own_are_added(tmp_path):
    (tmp_path / "mine.yaml").write_text("about: ours\nqueries: [{promql: queue_depth}]\n")
    assert "mine" in templates(tmp_path)
    (tmp_path / "mine.yaml").write_text("about: ours\nqueries:\n  - {promq: queue_depth}\n")
    with pytest.raises(BadInput, match="line 3"):
        templates(tmp_path)
    with pytest.raises(UnknownName):
        template_queries(("nothing",), templates())


@pytest.mark.parametrize(
    "change",
    [
        ("target: 0.999", "target: 0.999, targetPercent: 99.9"),
        ("target: 0.999", "value: 3"),
        ("[{duration: 30d, isRolling: true}]", "[]"),
        ("duration: 30d", "duration: soon"),
        ("service: cart", "service: ''"),
        ("target: 0.999", "target: many"),
    ],
)
def test_openslo_refuses_what_cannot_be_meant(tmp_path, change):
    file = tmp_path / "slo.yaml"
    file.write_text(SLO.replace(*change))
    with pytest.raises(BadInput):
        read_openslo(file)


def test_openslo_reads_latency_and_percent(tmp_path):
    text = SLO.replace("ratioMetric: {good: {}, total: {}}", "thresholdMetric: {}").replace(
        "[{target: 0.999}]", "[{targetPercent: 99.5, value: 0.3, op: lte}]"
    )
    (tmp_path / "s.yaml").write_text(f"{text}\n---\napiVersion: openslo/v1\nkind: Service\n")
    (slo,) = read_openslo(tmp_path / "s.yaml")
    assert (slo.signal, slo.threshold, slo.objective) == ("latency", 0.3, 0.995)


@pytest.mark.slow
def test_declared_rows_of_several_sources_stay():
    rows = tuple(CoverageRow(s, "metrics", "*", "partial", 1, reason="r") for s in ("a", "b"))
    measured = Coverage((CoverageRow("frames", "metrics", "*", "complete", 2),))
    assert [row.source for row in measured + Coverage(rows)] == ["a", "b"]
