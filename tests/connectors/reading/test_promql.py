"""Names of Prometheus 3 may hold any character: they are quoted, and read by either spelling."""

import pytest

from workbench.connectors.reading.promql import is_plain, selector, with_matchers
from workbench.connectors.sources.prometheus.metric_query import MetricQuery
from workbench.connectors.sources.prometheus.queries import Asked, PrometheusSettings
from workbench.errors import BadInput

QUOTED = '{"http.server.request.duration_count"}'


def test_a_quoted_name_is_a_plain_selector():
    assert is_plain(QUOTED)
    assert is_plain('{"http.server.request.duration_count", "service.name"="cart"}')


def test_a_label_with_dots_is_quoted():
    assert with_matchers(QUOTED, {"service.name": "a|b"}) == (
        '{"http.server.request.duration_count", "service.name"=~"a|b"}'
    )
    assert selector("up", [("a.b", "=", 'c"')]) == 'up{"a.b"="c\\""}'
    assert selector("up", [('a"} or up{x="', "=", "c")]) == 'up{"a\\"} or up{x=\\""="c"}'
    with pytest.raises(BadInput, match="label"):
        selector("up", [("", "=", "c")])


@pytest.mark.parametrize("label", ["service.name", "service_name"])
def test_the_service_is_named_by_either_spelling(label):
    settings = PrometheusSettings(url="http://127.0.0.1:9")
    asked = Asked("prom", settings, http=None, when=None)
    assert asked.service(MetricQuery(promql=QUOTED), {label: "cart"}) == "cart"
