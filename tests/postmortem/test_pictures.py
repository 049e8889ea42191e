"""Pictures from outside draw and do nothing else."""

from __future__ import annotations

import pytest

from workbench.errors import BadInput
from workbench.postmortem.pictures import harmless_svg

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '<rect onclick="alert(1)"/>',
        '<foreignObject><iframe src="http://evil.example"/></foreignObject>',
        '<image href="http://evil.example/a.png"/>',
        '<use xlink:href="http://evil.example/a.svg#x"/>',
        '<rect style="fill:url(http://evil.example/a)"/>',
        '<a href="javascript:alert(1)"><text>x</text></a>',
        "<style>@import 'http://evil.example/a.css';</style>",
        '<animate attributeName="href" to="javascript:alert(1)"/>',
    ],
)
def test_what_runs_or_loads_is_stripped(hostile):
    clean = harmless_svg(f"{HEAD}><g>{hostile}</g></svg>")
    for trace in ("script", "onclick", "evil.example", "javascript", "iframe", "@import"):
        assert trace not in clean


def test_what_draws_stays():
    svg = f'{HEAD}><g transform="translate(1,2)"><path d="M0 0" fill="url(#g)"/></g></svg>'
    clean = harmless_svg(svg)
    assert 'd="M0 0"' in clean
    assert 'fill="url(#g)"' in clean


@pytest.mark.parametrize(
    "bad", ["no svg", "<html/>", '<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "<svg"]
)
def test_what_is_no_svg_is_refused(bad):
    with pytest.raises(BadInput):
        harmless_svg(bad)
