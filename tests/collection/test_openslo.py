"""OpenSLO as it is written: read right, or refused with its file, line and name."""

import pytest

from workbench.collection.openslo import read_openslo, read_openslos
from workbench.errors import BadInput

SLO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: fast}
spec:
  service: cart
  indicator: {spec: {thresholdMetric: {metricSource: {spec: {query: latency}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 0.3, target: 0.99}]
"""
SLI = """apiVersion: openslo/v1
kind: SLI
metadata: {name: speed}
spec: {thresholdMetric: {metricSource: {spec: {query: latency}}}}
"""
INDICATOR = SLO.splitlines()[5].strip()


def written(folder, text, name="slo.yaml"):
    (folder / name).write_text(text)
    return folder / name


def indented(text):
    first, *rest = text.splitlines()
    return "\n".join([f"- {first}", *(f"  {line}" for line in rest), ""])


@pytest.mark.parametrize(
    "text",
    [
        SLO,
        indented(SLO),
        "apiVersion: v1\nkind: List\nitems:\n" + indented(SLO),
        f"---\n---\n{SLO}---\napiVersion: openslo/v1\nkind: Service\nmetadata: {{name: s}}\n",
        SLI + "---\n" + SLO.replace(INDICATOR, "indicatorRef: speed"),
        indented(SLI) + indented(SLO.replace(INDICATOR, "indicatorRef: speed")),
    ],
)
def test_every_arrangement_of_one_slo_is_that_slo(tmp_path, text):
    (slo,) = read_openslo(written(tmp_path, text))
    assert (slo.name, slo.service, slo.signal, slo.threshold) == ("fast", "cart", "latency", 0.3)
    assert slo.window_days == 28


def test_an_sli_may_stand_in_another_file(tmp_path):
    files = [
        written(tmp_path, SLO.replace(INDICATOR, "indicatorRef: speed")),
        written(tmp_path, SLI, "sli.yaml"),
    ]
    (slo,) = read_openslos(files)
    assert slo.signal == "latency"
    assert read_openslos(files[1:]) == ()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (SLO.replace(INDICATOR, "indicator: speed"), 1, "indicatorRef"),
        (SLO.replace(INDICATOR, "indicatorRef: speed"), 1, "no SLI of these files"),
        (SLO.replace(INDICATOR, "description: none"), 1, "needs an indicator"),
        (SLO.replace(INDICATOR, "indicator: {metadata: {name: x}}"), 1, "without a spec"),
        (SLO.replace("value: 0.3, ", ""), 1, "op and value"),
        (SLO.replace("lte", "gte"), 1, "more is better"),
        (SLI + "---\n" + SLO.replace("lte", "gte"), 6, "more is better"),
        (indented(SLI) + indented(SLO.replace("target: 0.99", "target: 99")), 5, "between 0 and 1"),
        (SLO.replace("[{op: lte, value: 0.3, target: 0.99}]", "[0.99]"), 1, "no mapping"),
        (SLO.replace("[{op: lte, value: 0.3, target: 0.99}]", "0.99"), 1, "objectives"),
        (SLO.replace("service: cart", "service: {name: cart}"), 1, "a service"),
        (SLO.replace("openslo/v1", "sloth.slok.dev/v1"), 1, "another format"),
        (SLO.replace("openslo/v1", "openslo.com/v2alpha"), 1, "another format"),
    ],
)
def test_what_cannot_be_read_is_refused_with_file_line_and_name(tmp_path, text, line, why):
    file = written(tmp_path, text)
    with pytest.raises(BadInput, match=why) as caught:
        read_openslo(file)
    assert f"{file}:{line}: fast" in str(caught.value)


@pytest.mark.parametrize("text", ["groups: []\n", "just text\n", "- 1\n- 2\n", "a: [\n"])
def test_a_file_that_is_no_openslo_is_refused(tmp_path, text):
    with pytest.raises(BadInput, match=r"slo\.yaml"):
        read_openslo(written(tmp_path, text))
