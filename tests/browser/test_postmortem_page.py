"""A postmortem full of hostile names, in a real browser: nothing runs, nothing is requested."""

from __future__ import annotations

from postmortem_case import PAYLOADS, SVG, drafted, hostile
from workbench.postmortem import Figure, save


def test_nothing_runs_and_nothing_is_requested_in_a_browser(tmp_path, chromium):
    everything = " ".join(PAYLOADS)
    window, found, _ = hostile(everything)
    svg = SVG.replace("<rect", "<script>window.hit=1</script><rect onload='window.hit=1'")
    postmortem = drafted(window, found, figures=(Figure(svg, everything),))
    paths = save(postmortem, tmp_path)
    requests: list[str] = []
    page = chromium.new_page(bypass_csp=True)
    page.on("request", lambda request: requests.append(request.url))
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.goto(paths["html"].as_uri())
    hit = page.evaluate("window.hit ?? 0")
    shown = page.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.click("a.ev >> nth=0")
    target = page.evaluate("document.querySelector('a:target')?.id ?? ''")
    page.close()
    outside = [url for url in requests if not url.startswith(("file:", "data:"))]
    assert (hit, dialogs, outside) == (0, [], [])
    assert shown
    assert width <= 0
    assert target.startswith("ev-")
