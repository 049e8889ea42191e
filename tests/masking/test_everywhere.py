"""RELIABILITY M3: canaries in every kind of field; nothing that is written or shown has them."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import traceback
from urllib.parse import quote

import pytest

import workbench as wb
from contract.test_otlp import at, keyed, logs, metrics, summed, traces
from workbench import archive
from workbench.collection import connect
from workbench.errors import WorkbenchError
from workbench.masking import Masker, Pseudonyms, scan

SOURCES = """
masking_key: key/masking.key
cache: cache
sources:
  telemetry: {kind: otlp, files: "otlp/*.jsonl"}
  deploys: {kind: deploys, files: deploys.csv}
  alerts: {kind: alertmanager_webhook, files: alerts.json}
  audits: {kind: audit_logs, files: audits.jsonl}
  wrong: {kind: otlp, files: "wrong/*.jsonl"}
"""


class Canaries:
    """Ever new texts that must never be seen again."""

    def __init__(self):
        self.all = []

    def mail(self):
        return self._kept(f"c4n{len(self.all)}ry.person@example.com")

    def token(self):
        return self._kept(f"ghp_c4nary{len(self.all):04d}AbCdEfGhIjKlMnOp")

    def word(self):
        return self._kept(f"c4naryPw{len(self.all):04d}x!")

    def _kept(self, text):
        self.all.append(text)
        return text


def planted(new):
    """One span, one log line, with a canary in each kind of field."""
    attributes = keyed(
        user_email=new.mail(),
        http_url=f"https://u:{new.word()}@h/x?token={new.token()}",
        enduser_id=new.word(),
        note=f"of {new.mail()}",
        password=new.word(),
    )
    nested = json.dumps({"deep": [{"email": new.mail(), "secret": new.word()}]})
    attributes.append({"key": "payload", "value": {"stringValue": nested}})
    attributes.append({"key": "encoded", "value": {"stringValue": hidden(f"user={new.mail()}")}})
    attributes.append(
        {"key": "query", "value": {"stringValue": quote(f"mail={new.mail()}", safe="")}}
    )
    attributes.append({"key": new.mail(), "value": {"intValue": "1"}})
    return attributes


def hidden(text):
    return base64.b64encode(text.encode()).decode()


def written(folder, new):
    (folder / "otlp").mkdir()
    (folder / "wrong").mkdir()
    lines = []
    for n in range(40):
        slow = 0.2 if n < 30 else 1.5
        ids = [f"{n * 2 + k + 1:016x}" for k in range(2)]
        own = {
            "attributes": planted(new) if n % 8 == 0 else [],
            "kind": 2,
            "traceId": f"{n + 1:032x}",
        }
        events = (
            [
                {
                    "timeUnixNano": at(n * 60),
                    "name": f"exception of {new.mail()}",
                    "attributes": planted(new),
                }
            ]
            if n % 16 == 0
            else []
        )
        status = {"code": 2, "message": f"no such user {new.mail()}"} if n % 16 == 0 else {}
        first = {
            **own,
            "spanId": ids[0],
            "name": f"GET /users/{new.mail()}",
            "status": status,
            "events": events,
            "startTimeUnixNano": at(n * 60),
            "endTimeUnixNano": at(n * 60 + slow),
        }
        second = {
            **own,
            "spanId": ids[1],
            "parentSpanId": ids[0],
            "name": "SELECT",
            "startTimeUnixNano": at(n * 60 + 0.01),
            "endTimeUnixNano": at(n * 60 + slow - 0.01),
        }
        lines += [traces(first, service="edge"), traces(second, service="cart")]
        body = (
            f"login failed for {new.mail()}",
            f"Authorization: Bearer {new.token()}",
            json.dumps(json.dumps({"password": new.word()})),
            hidden(f"password={new.word()}"),
        )[n % 4]
        lines.append(
            logs(
                {
                    "timeUnixNano": at(n * 60 + 1),
                    "severityNumber": 17,
                    "body": {"stringValue": body},
                    "attributes": own["attributes"],
                }
            )
        )
    lines.append(metrics({**summed(range(40)), "name": "jobs"}))
    (folder / "otlp" / "all.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (folder / "deploys.csv").write_text(
        f"ts,service,version,actor,url\n2026-01-31T12:29:00Z,cart,2.4.0-{new.mail()},{new.mail()},"
        f"https://ann:{new.word()}@git.example/x\n",
        encoding="utf-8",
    )
    alert = {
        "status": "firing",
        "startsAt": "2026-01-31T12:31:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "labels": {
            "alertname": "Slow",
            "service": "edge",
            "severity": "critical",
            "owner": new.mail(),
        },
        "annotations": {"summary": f"ask {new.mail()}"},
        "fingerprint": "f00d",
    }
    (folder / "alerts.json").write_text(
        json.dumps({"version": "4", "status": "firing", "alerts": [alert]})
    )
    audit = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": "a",
        "stage": "ResponseComplete",
        "verb": "patch",
        "requestReceivedTimestamp": "2026-01-31T12:29:00.000000Z",
        "stageTimestamp": "2026-01-31T12:29:00.000000Z",
        "user": {"username": new.mail()},
        "sourceIPs": ["93.184.216.34"],
        "requestURI": f"/apis/x?token={new.token()}",
        "objectRef": {"resource": "deployments", "name": "cart", "namespace": "shop"},
        "responseStatus": {"code": 200},
        "level": "Metadata",
    }
    (folder / "audits.jsonl").write_text(json.dumps(audit))
    (folder / "wrong" / "x.jsonl").write_text(f'{{"resourceSpans": [{{"oops": "{new.mail()}"')
    (folder / "sources.yaml").write_text(SOURCES)


@pytest.fixture(scope="module")
def canaries():
    return Canaries()


@pytest.fixture(scope="module")
def window(tmp_path_factory, canaries):
    folder = tmp_path_factory.mktemp("sources")
    written(folder, canaries)
    made = wb.collect(
        connect(folder / "sources.yaml"),
        "2026-01-31T12:30:00Z",
        "2026-01-31T12:40:00Z",
        before="30min",
        progress=lambda _: None,
    )
    filled = {name for name, frame in made.tables.items() if len(frame)}
    assert {"spans", "logs", "metrics", "changes", "alerts", "audits"} <= filled
    return made.with_(slos=(wb.SLO("edge-fast", "edge", "latency", 0.95, threshold=0.5),))


def leaks(folder, canaries):
    """Where a canary stands, in any form."""
    assert len(canaries.all) >= 200
    mask = Masker(Pseudonyms(b"only to look, never to name"))
    found = scan([folder], mask, canaries=canaries.all, kinds=())
    assert found.files
    return found.found


@pytest.mark.slow
def test_no_canary_is_in_anything_that_is_written(window, canaries, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    bundle = window.save(out / "bundle")
    archive.pack(bundle, out / "bundle.zip")
    for name, frame in window.tables.items():
        frame.to_csv(out / f"{name}.csv")
        (out / f"{name}.html").write_text(frame.head(50).to_html())
    found = wb.diagnose.compare(window, "edge/latency")
    wb.postmortem.save(wb.postmortem.draft(window, found), out / "postmortem")
    shown = (
        repr(window),
        repr(window.coverage),
        repr(found),
        window._repr_html_(),
        found._repr_html_(),
        window.coverage._repr_html_(),
    )
    (out / "shown.txt").write_text("\n".join(shown))
    leaked = leaks(out, canaries)
    assert not leaked, leaked[:5]


@pytest.mark.slow
def test_no_canary_is_in_caches_logs_and_tracebacks(canaries, tmp_path, caplog, capfd):
    folder = tmp_path / "again"
    folder.mkdir()
    again = Canaries()
    written(folder, again)
    caplog.set_level(logging.DEBUG)
    sources = connect(folder / "sources.yaml")
    wb.collect(sources, "2026-01-31T12:30:00Z", "2026-01-31T12:40:00Z", before="30min")
    told = []
    for wrong in ({"incident": "P1"}, {"start": "2026-01-31T12:30:00"}):
        try:
            wb.collect(sources, **{"end": None, **wrong})
        except WorkbenchError:
            told.append(traceback.format_exc())
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "said.txt").write_text(
        "\n".join([caplog.text, *capfd.readouterr(), *told, repr(sources), sources._repr_html_()])
    )
    if (folder / "cache").is_dir():
        (folder / "cache").rename(shown / "cache")
    leaked = leaks(shown, again)
    assert not leaked, leaked[:5]


@pytest.mark.slow
def test_no_canary_is_in_a_notebook_its_page_and_its_widgets(window, canaries, tmp_path):
    """The main notebook, run on the bundle: outputs, widget state, HTML and postmortem."""
    bundle = tmp_path / "recorded" / "canary"
    bundle.parent.mkdir()
    window.with_(id="canary").save(bundle)
    (bundle / "truth.json").write_text("{}")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "workbench",
            "investigate",
            "canary",
            "--out",
            str(tmp_path / "out"),
        ],
        env={**os.environ, "WORKBENCH_DATASETS": str(bundle.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (tmp_path / "out" / "said.txt").write_text(done.stdout + done.stderr)
    files = {path.suffix: path.read_text() for path in (tmp_path / "out").rglob("*.*")}
    assert {".ipynb", ".html", ".md"} <= set(files)
    assert "email:" in files[".ipynb"], "the pseudonyms are shown in place of the canaries"
    leaked = leaks(tmp_path / "out", canaries)
    assert not leaked, leaked[:5]
