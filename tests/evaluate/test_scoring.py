import json

import pytest

from planted import SHOP, Fault, metrics_window
from workbench.causal.attribution import study as attribution_study
from workbench.errors import BadInput, UnknownName
from workbench.evaluate import evaluate


@pytest.fixture
def folder(tmp_path):
    for service in ("payments", "catalog"):
        window = metrics_window(SHOP, (Fault(service, "latency", 0.2),), id=service)
        path = tmp_path / service
        path.mkdir()
        (path / "truth.json").write_text(json.dumps({"service": service, "fault": "latency"}))
        window.save(path)
    return tmp_path


@pytest.mark.slow
def test_each_case_is_a_row_and_the_rules_stand_beside(folder):
    found = evaluate("bundles", folder)
    table = found.to_frame().set_index("method")
    assert table.loc["workbench", "top-1"] == 1.0
    assert table.loc["random", "top-1"] == pytest.approx(1 / 8)
    assert {"largest z-score", "ranked correlation", "deepest anomalous"} <= set(table.index)
    assert "payments" not in repr(found).split("missed")[-1] or "missed" not in repr(found)


@pytest.mark.slow
def test_json_has_one_row_a_case(folder):
    rows = json.loads(evaluate("bundles", folder, limit=1).to_json())
    assert len(rows) == 1
    wanted = {
        "case",
        "group",
        "fault",
        "target",
        "truth",
        "rank",
        "candidates",
        "score",
        "confidence",
        "rung",
        "named",
        "seconds",
    }
    assert wanted <= set(rows[0])
    assert rows[0]["named"] == rows[0]["truth"] == "catalog"


@pytest.mark.slow
def test_a_case_that_cannot_be_read_is_a_miss_with_its_reason(folder):
    (folder / "catalog" / "metrics.parquet").write_bytes(b"no parquet")
    found = evaluate("bundles", folder)
    assert [case.top1 for case in found.cases] == [0.0, 1.0]
    assert "differs from its manifest" in found.cases[0].failure
    assert "catalog" in repr(found)


def test_an_unknown_layout_is_refused(folder):
    with pytest.raises(UnknownName, match="bundles"):
        evaluate("bundle", folder)


@pytest.mark.slow
def test_the_rules_find_a_planted_fault_that_is_not_hidden(folder):
    """Straw men would flatter the diagnosis: on an easy fault each rule has to shine."""
    table = evaluate("bundles", folder).to_frame().set_index("method")
    for rule in ("largest z-score", "ranked correlation", "deepest anomalous"):
        assert table.loc[rule, "top-3"] == 1.0, rule
    assert table.loc["deepest anomalous", "top-1"] == 1.0


@pytest.mark.slow
def test_a_peer_stands_beside_and_a_failed_one_has_missed(folder):
    def knowing(window, aligned, sli):
        return {window.id: 1.0, "nobody": 5.0}

    def failing(window, aligned, sli):
        raise BadInput("It gave up")

    peers = {"knowing": knowing, "failing": failing}
    table = evaluate("bundles", folder, peers=peers).to_frame().set_index("method")
    assert table.loc["knowing", "top-1"] == 1.0
    assert table.loc["failing", ["top-1", "top-3"]].tolist() == [0.0, 0.0]
    assert table.loc["failing", "n"] == 2


@pytest.mark.slow
def test_each_sli_is_opened_once_a_case(folder, monkeypatch):
    """A case with several SLOs once opened each of them again for every step that followed."""
    opened, check = [], attribution_study.check_graph

    def counted(*args, **kwargs):
        opened.append(1)
        return check(*args, **kwargs)

    monkeypatch.setattr(attribution_study, "check_graph", counted)
    evaluate("bundles", folder)
    assert len(opened) == 2
