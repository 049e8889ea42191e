"""Any bytes at all: rows or a named error, in bounded time and memory (RELIABILITY F1, N2, N4).

``WORKBENCH_EXAMPLES=5000`` asks for as many examples of each parser; the ordinary run takes
fewer.
"""

from __future__ import annotations

import asyncio
import builtins
import gzip
import io
import json
import resource
import socket
import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parts
from workbench.connectors.reading.files import RawFile
from workbench.connectors.sources.backstage.source import Backstage, BackstageSettings
from workbench.connectors.sources.cdevents.source import CDEvents, CDEventsSettings
from workbench.connectors.sources.deploys import Deploys, DeploysSettings
from workbench.connectors.sources.feature_flags import FeatureFlags, FeatureFlagsSettings
from workbench.connectors.sources.focus.source import Focus, FocusSettings
from workbench.connectors.sources.junit import JUnit, JUnitSettings
from workbench.errors import WorkbenchError
from workbench.tables import SCHEMAS, conform
from workbench.times import TimeRange

EXAMPLES = parts.examples(60)
WHEN = TimeRange("1970-01-02T00:00Z", "2200-01-01T00:00Z")
MADE = pd.Timestamp("2026-01-31T12:00Z")

CONNECTORS = {
    "cdevents": CDEvents("s", CDEventsSettings(files="x", kinds={"com.x": "deploy"})),
    "deploys": Deploys("s", DeploysSettings(files="x")),
    "deploys_s": Deploys("s", DeploysSettings(files="x", times="s", columns={"service": "a.b"})),
    "feature_flags": FeatureFlags("s", FeatureFlagsSettings(files="x")),
    "junit": JUnit("s", JUnitSettings(files="x")),
    "junit_zone": JUnit("s", JUnitSettings(files="x", zone="Europe/Paris")),
    "focus": Focus("s", FocusSettings(files="x")),
    "backstage": Backstage("s", BackstageSettings(files="x")),
}

CDEVENT = {
    "context": {
        "specversion": "0.6.0-draft",
        "id": "a",
        "source": "/ci",
        "timestamp": "2026-01-31T12:00:00Z",
        "type": "dev.cdevents.service.deployed.0.3.0",
        "chainId": "c",
        "links": [],
    },
    "subject": {
        "id": "cart",
        "source": "/ci",
        "content": {"environment": {"id": "prod"}, "artifactId": "pkg:oci/cart@sha256%3A0b31"},
    },
}
CLOUD = {
    "specversion": "1.0",
    "id": "b",
    "source": "/x",
    "type": "com.x",
    "subject": "cart",
    "time": "2026-01-31T12:00:00Z",
    "data": {"service": "cart"},
    "data_base64": "e30=",
}
FOCUS_CSV = (
    "ChargePeriodStart,ChargePeriodEnd,EffectiveCost,BillingCurrency,ChargeCategory,Tags\n"
    '2026-01-30T00:00:00Z,2026-01-31T00:00:00Z,1.5,EUR,Usage,"{""app"": ""cart""}"\n'
)
JUNIT = (
    '<testsuites><testsuite name="s" tests="2" timestamp="2026-01-31T12:00:00">'
    '<properties><property name="commit" value="abc"/></properties>'
    '<testcase name="a" classname="C" time="1,0.5"><flakyFailure message="m"/></testcase>'
    '<testcase name="b"><failure/><rerunFailure/></testcase></testsuite></testsuites>'
)
CATALOG = (
    "apiVersion: backstage.io/v1alpha1\nkind: Component\n"
    "metadata: {name: cart, links: [{url: x}]}\n"
    "spec: {type: service, owner: team-a, dependsOn: ['resource:db'], consumesApis: [pay]}\n---\n"
    "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: pay}\n"
    "spec: {type: openapi, definition: {$text: ./secret.txt}}\n"
)
FLAGS = [
    {
        "_id": "1",
        "date": 1769860800000,
        "titleVerb": "turned on",
        "member": {"email": "a@b"},
        "target": {"resources": ["proj/p:env/production:flag/new"]},
    },
    {
        "timestamp": "2026-01-31T12:00:00Z",
        "attributes": {"feature_flag.key": "new", "feature_flag.result.variant": "on"},
    },
    {
        "type": "configuration_change",
        "time": "2026-01-31T12:00:00Z",
        "data": {"flags": {"new": {"type": "update"}}},
    },
]


def parquet() -> bytes:
    frame = pd.read_csv(io.StringIO(FOCUS_CSV))
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame), out)
    return out.getvalue()


def message(event) -> bytes:
    body = json.dumps(event).encode()
    return b"POST / HTTP/1.1\r\nce-type: com.x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


SEEDS = {
    "cdevents": [
        json.dumps(CDEVENT).encode(),
        json.dumps([CLOUD, CDEVENT]).encode(),
        message(CDEVENT),
        json.dumps({"headers": {"ce-type": "com.x"}, "body": "{}"}).encode(),
    ],
    "deploys": [
        b"ts,service,version\n2026-01-31T12:00:00Z,cart,v1\n",
        b'[{"ts": "2026-01-31T12:00:00Z", "service": "cart"}]',
    ],
    "deploys_s": [b'{"ts": 1769860800, "a": {"b": "cart"}}'],
    "feature_flags": [json.dumps(FLAGS).encode(), json.dumps({"items": FLAGS}).encode()],
    "junit": [JUNIT.encode()],
    "junit_zone": [JUNIT.encode()],
    "focus": [FOCUS_CSV.encode(), parquet()],
    "backstage": [
        CATALOG.encode(),
        b'[{"apiVersion": "x", "kind": "Component", "metadata": {"name": "a"}}]',
    ],
}


def judged(name, data):
    """Parse, join and settle as a fetch would: only named errors may come out."""
    connector = CONNECTORS[name]
    for table in connector.tables:
        try:
            part = connector.parse(table, RawFile("f", data, MADE))
        except WorkbenchError:
            continue
        parts = connector.join(table, [part], WHEN)
        fetched = connector.settle(table, WHEN, parts=parts, services=())
        assert fetched.coverage
        if table in SCHEMAS:
            conform(table, fetched.frame)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "2026-01-31T12:00:00Z",
            "2026-01-31",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "dev.cdevents.incident.detected.0.1.0",
            "dev.cdevents.testcaserun.finished.1",
            "\ud800",
        ]
    )
)


def mutated(seeds):
    """Valid input with bytes changed, cut, doubled or put in."""

    def change(draw):
        seed, at, how, piece = draw
        at %= len(seed) + 1
        end = min(len(seed), at + max(1, len(piece)))
        forms = [
            seed[:at],
            seed[:at] + piece + seed[end:],
            seed[:at] + piece + seed[at:],
            seed[:at] + seed[end:],
            seed + seed[at:],
        ]
        return forms[how]

    pieces = st.binary(max_size=12) | st.sampled_from(
        [b"null", b"[]", b"{}", b"0", b'""', b"&a", b"*a"]
    )
    return st.tuples(st.sampled_from(seeds), st.integers(0, 5000), st.integers(0, 4), pieces).map(
        change
    )


def replaced(value, draw):
    """A JSON value with leaves swapped for others."""
    if isinstance(value, dict):
        return {k: replaced(v, draw) for k, v in value.items() if draw(st.integers(0, 9))}
    if isinstance(value, list):
        return [replaced(v, draw) for v in value]
    return draw(leaves) if draw(st.integers(0, 3)) == 0 else value


@st.composite
def twisted(draw, values):
    value = draw(st.sampled_from(values))
    return json.dumps(replaced(value, draw)).encode()


JSONS = {
    "cdevents": [
        CDEVENT,
        CLOUD,
        [CDEVENT, CLOUD],
        {"headers": {"ce-type": "com.x", "ce-time": ""}, "body": CDEVENT},
    ],
    "feature_flags": [*FLAGS, {"items": FLAGS}],
    "deploys": [{"ts": "2026-01-31T12:00:00Z", "service": "cart", "end_ts": "", "kind": "release"}],
    "backstage": [
        {
            "apiVersion": "x",
            "kind": "API",
            "metadata": {"name": "a", "links": [{"url": 1}]},
            "spec": {"dependsOn": ["a"], "providesApis": ["b"]},
            "relations": [{"type": "dependsOn", "targetRef": "component:default/a"}],
        }
    ],
}
quick = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_any_bytes_give_rows_or_a_named_error(name):
    @quick
    @given(st.binary(max_size=400) | mutated(SEEDS[name]))
    def run(data):
        judged(name, data)

    run()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(JSONS))
def test_any_json_of_the_right_form_gives_rows_or_a_named_error(name):
    @quick
    @given(twisted(JSONS[name]))
    def run(data):
        judged(name, data)

    run()


BILLION = "a: &a [x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 12)}]\n" for n in range(12)
)
BOMBS = {
    "yaml aliases": ("backstage", BILLION.encode()),
    "yaml depth": ("backstage", b"[" * 50_000),
    "yaml flow depth": ("backstage", b"a: " + b"{b: " * 20_000),
    "json depth": ("cdevents", b"[" * 200_000),
    "json digits": ("deploys", b'[{"ts": ' + b"9" * 10_000 + b"}]"),
    "xml entities": ("junit", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite name="&a;"/>'),
    "xml external": ("junit", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><t>&a;</t>'),
    "xml depth": ("junit", b"<testsuite>" * 100_000 + b"</testsuite>" * 100_000),
    "csv one cell": ("deploys", b'ts,service\n"' + b"x" * 2_000_000),
    "csv quotes": ("focus", FOCUS_CSV.encode() + b'"' * 1_000_001),
    "csv wide": ("focus", b"a," * 500_000),
    "http heads": ("cdevents", b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n" * 3000),
    "long lines": ("feature_flags", b"{" + b" " * 3_000_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_bombs_are_told_in_bounded_time_and_memory(bomb):
    name, data = BOMBS[bomb]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    judged(name, data)
    assert time.process_time() - begun < 5
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 256, f"{grown:.0f} MB"


TEMPTING = [
    "/etc/passwd",
    "file:///etc/passwd",
    "http://169.254.169.254/latest",
    "../../secret.txt",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1",
    "-1",
    "https://evil.example/x.svg",
    "\tx",
]


@pytest.mark.parametrize("text", TEMPTING)
def test_texts_like_paths_addresses_and_formulas_stay_text(tmp_path, monkeypatch, text):
    quoted = json.dumps(text)
    texts = {
        "deploys": f'[{{"ts": "2026-01-31T12:00:00Z", "service": {quoted}, "url": {quoted}}}]',
        "backstage": "apiVersion: x\nkind: Component\n"
        f"metadata: {{name: a, links: [{{url: {quoted}, title: {quoted}}}]}}\n"
        f"spec: {{type: service, dependsOn: ['resource:db'], definition: {{$text: {quoted}}}}}\n",
        "feature_flags": json.dumps({**FLAGS[0], "titleVerb": text}),
    }
    for name, said in texts.items():
        (tmp_path / name).write_text(said)
    opened = []
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda *a, **k: opened.append(a[0]) or real(*a, **k))

    def no_socket(*_args, **_more):
        pytest.fail("a socket was opened")

    shown = []
    for name in texts:
        connector = CONNECTORS[name]
        own = type(connector)(
            "s", connector.settings.model_copy(update={"files": str(tmp_path / name)})
        )
        with monkeypatch.context() as patch:
            loop = asyncio.new_event_loop()
            patch.setattr(socket.socket, "connect", no_socket)
            fetched = loop.run_until_complete(own.fetch(own.tables[0], WHEN))
            owners = loop.run_until_complete(own.owners()) if name == "backstage" else None
            loop.close()
        assert len(fetched.frame) == 1, fetched.coverage
        shown += [str(value) for value in fetched.frame.iloc[0]]
        shown += [str(value) for value in owners.iloc[0]] if owners is not None else []
    assert shown.count(text) >= 3  # service, url, what was done to the flag
    assert not [one for one in opened if "passwd" in str(one) or "secret" in str(one)]


def test_gzip_of_anything_is_read_as_what_it_holds(tmp_path):
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(CDEVENT).encode()))
    own = CDEvents("s", CDEventsSettings(files=str(tmp_path)))
    fetched = asyncio.run(own.fetch("changes", WHEN))
    assert list(fetched.frame["service"]) == ["cart"]
