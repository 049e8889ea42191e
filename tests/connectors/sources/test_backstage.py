"""The catalog: intent beside fact, owners, and nothing followed."""

from __future__ import annotations

import asyncio
import json

import networkx as nx
import pytest

from workbench.connectors.sources.backstage.source import Backstage, BackstageSettings
from workbench.times import TimeRange
from workbench.topology import from_table, merge

WHEN = TimeRange("2026-01-31T12:00Z", "2026-01-31T13:00Z")
CATALOG = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: cart
  annotations: {pagerduty.com/service-id: P1, backstage.io/kubernetes-id: cart-svc}
  links: [{url: https://wiki.example/cart, title: Runbook}]
spec:
  type: service
  lifecycle: production
  owner: team-a
  system: shop
  dependsOn: ['resource:default/cart-db', 'component:Ledger', 'system:shop']
  consumesApis: [pay-api]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pay, namespace: money}
spec: {type: service, owner: user:ann, providesApis: ['default/pay-api']}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: pay-api}
spec: {type: grpc, owner: group:money/team-b, definition: {$text: ./pay.proto}}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: cart-db}
spec: {type: database, owner: team-a, dependencyOf: ['component:cart']}
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: more}
spec: {type: url, target: https://example.org/catalog.yaml}
"""


def source(tmp_path, *texts, **settings):
    for n, text in enumerate(texts):
        (tmp_path / f"{n}.yaml").write_text(text)
    return Backstage("catalog", BackstageSettings(files=str(tmp_path / "*.yaml"), **settings))


def fetch(tmp_path, *texts, services=(), **settings):
    made = source(tmp_path, *texts, **settings)
    return asyncio.run(made.fetch("topology", WHEN, services=services))


def edges(fetched):
    return {(r["src"], r["dst"]): r for r in fetched.frame.to_dict("records")}


def test_dependencies_and_consumed_apis_are_calls(tmp_path):
    fetched = fetch(tmp_path, CATALOG)
    found = edges(fetched)
    assert set(found) == {("cart", "cart-db"), ("cart", "ledger"), ("cart", "pay")}
    assert found["cart", "cart-db"]["kind"] == "db"
    assert found["cart", "pay"]["kind"] == "rpc"
    assert found["cart", "pay"]["dst_owner"] == "user:money/ann"
    assert found["cart", "pay"]["src_owner"] == "group:default/team-a"
    assert set(fetched.frame["source"]) == {"catalog"}
    reason = fetched.coverage[-1].reason
    assert "placeholders ($text, $json, $yaml) are not followed" in reason
    assert "Location points to is not fetched" in reason
    assert "component:default/ledger: referred to, in no file read" in reason
    assert fetched.coverage[-1].status == "complete"


def test_names_may_come_from_an_annotation(tmp_path):
    found = edges(fetch(tmp_path, CATALOG, name_from="backstage.io/kubernetes-id"))
    assert ("cart-svc", "pay") in found


def test_services_asked_for_keep_their_edges(tmp_path):
    assert set(edges(fetch(tmp_path, CATALOG, services=("pay",)))) == {("cart", "pay")}


def test_owners_are_a_row_an_entity(tmp_path):
    owners = asyncio.run(source(tmp_path, CATALOG).owners()).set_index("name")
    assert owners.loc["cart", "owner"] == "group:default/team-a"
    assert owners.loc["cart", "system"] == "system:default/shop"
    assert json.loads(owners.loc["cart", "annotations"])["pagerduty.com/service-id"] == "P1"
    assert json.loads(owners.loc["cart", "links"]) == [
        {"title": "Runbook", "url": "https://wiki.example/cart"}
    ]
    assert owners.loc["pay", "namespace"] == "money"


def test_what_traces_contradict_is_listed_and_both_are_kept(tmp_path):
    declared = from_table(fetch(tmp_path, CATALOG).frame)
    traced = nx.DiGraph(source="spans")
    traced.add_edge("cart", "pay", source="spans")
    traced.add_edge("pay", "ledger", source="spans")
    joined = merge(traced, declared)
    assert joined.edges["cart", "pay"]["source"] == "spans+catalog"
    told = {(c["src"], c["dst"], c["what"]) for c in joined.graph["conflicts"]}
    assert ("cart", "ledger", "declared, not observed") in told
    assert ("pay", "ledger", "observed, not declared") in told


def test_what_the_api_gave_reads_as_the_files_do(tmp_path):
    entities = [
        {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": "cart"},
            "spec": {"type": "service"},
            "relations": [
                {"type": "dependsOn", "targetRef": "resource:default/cart-db"},
                {"type": "ownedBy", "targetRef": "group:default/team-a"},
            ],
        },
    ]
    for text in (json.dumps(entities), json.dumps({"items": entities})):
        assert set(edges(fetch(tmp_path, text))) == {("cart", "cart-db")}


def test_an_entity_declared_twice_and_differently_is_told(tmp_path):
    other = CATALOG.replace("production", "deprecated")
    fetched = fetch(tmp_path, CATALOG, other)
    assert "component:default/cart: declared twice and differently" in fetched.coverage[-1].reason
    assert len(fetched.frame) == 3


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("kind: Component", "Not a catalog entity"),
        ("apiVersion: x\nkind: Rocket\nmetadata: {name: a}", "rocket:a"),
        ("apiVersion: x\nkind: API\nmetadata: {name: a b}", "Not a catalog entity"),
        ("a: [", "Not YAML"),
        ("a: &a [*a]", "aliases"),
    ],
)
def test_a_document_that_is_none_is_refused_and_the_others_stand(tmp_path, document, why):
    fetched = fetch(tmp_path, CATALOG + "---\n" + document + "\n")
    assert len(fetched.frame) == 3
    assert fetched.coverage[-1].status == "partial"
    assert why in fetched.coverage[-1].reason


def test_values_of_yaml_types_stay_the_text_they_are(tmp_path):
    text = CATALOG.replace("name: pay,", "name: on,").replace("team-a", "2024-13-45")
    owners = asyncio.run(source(tmp_path, text).owners()).set_index("name")
    assert owners.loc["on", "kind"] == "component"
    assert owners.loc["cart", "owner"] == "group:default/2024-13-45"


def test_no_file_at_all_is_an_error_of_owners_and_a_failed_row_of_topology(tmp_path):
    with pytest.raises(Exception, match="No file matches"):
        asyncio.run(source(tmp_path).owners())
    assert [row.status for row in fetch(tmp_path).coverage] == ["failed"]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("Template", "scaffolder.backstage.io/v1beta3"),
        ("Squad", "example.org/v1"),
        ("Product", "backstage.io/v1alpha1"),
    ],
)
def test_kinds_of_ones_own_are_left_alone_unless_they_declare_calls(tmp_path, kind, version):
    own = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: own}}\nspec: SPEC\n"
    web = (
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: web}\n"
        "spec: {type: service, dependsOn: ['component:cart']}\n"
    )
    for spec, expected in (
        ("{type: service}", {("web", "cart")}),
        ("{dependsOn: ['component:web']}", {("web", "cart"), ("own", "web")}),
    ):
        (tmp_path / "catalog.yaml").write_text(f"{web}---\n{own.replace('SPEC', spec)}")
        source = Backstage("catalog", BackstageSettings(files=str(tmp_path / "catalog.yaml")))
        found = asyncio.run(source.fetch("topology", WHEN))
        assert set(zip(found.frame["src"], found.frame["dst"], strict=True)) == expected
        assert found.coverage[-1].status == "complete"
