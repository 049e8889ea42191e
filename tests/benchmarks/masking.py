"""RELIABILITY M1, M2, M4, M5: what masking finds, what it harms, and how fast it is."""

from __future__ import annotations

import random
import time

import pandas as pd

from tests import masking_corpora, masking_formats
from tests.benchmarks.rates import share
from workbench.masking import Masker, Pseudonyms

_KEY = b"a key that is for benchmarks only"
_MEGABYTE = 1_000_000
_LONG = {
    "one address again and again": lambda n: "a@b.co ",
    "ever new addresses": lambda n: f"u{n}@example.com ",
    "ever new users": lambda n: f"user=bob{n} ",
    "one word": lambda n: "x",
    "URL encoding": lambda n: "%3d",
    "times of day": lambda n: "12:34:",
    "base64": lambda n: "cGFzc3dvcmQ9aHVudGVyMjI= ",
    "nested JSON": lambda n: '{"a":',
}


def _masker() -> Masker:
    return Masker(Pseudonyms(_KEY))


def persons(number: int = 20_000) -> pd.DataFrame:
    """M1; the lines are ours, of systems the patterns were not all written for."""
    found = masking_corpora.persons(_masker(), number, seed=11)
    missed = [kind for kind, _, _ in found.missed]
    rows = [("recall", share(found.seen.total() - len(missed), found.seen.total()))]
    rows += [
        (f"recall, {kind}", share(n - missed.count(kind), n))
        for kind, n in sorted(found.seen.items())
    ]
    rows += [
        ("harmless words masked", share(found.harmed, found.words)),
        ("precision", share(found.named, found.named + found.harmed)),
        ("lines a second", f"{found.lines / found.seconds:,.0f}"),
    ]
    return pd.DataFrame(rows, columns=["M1", "reached"])


def formats() -> pd.DataFrame:
    """Lines of public systems' documented formats: what is gone, and what of the cause is left."""
    mask, rows = _masker(), []
    for name, known in (
        ("tuned on", masking_formats.TUNED_ON),
        ("for scoring only", masking_formats.FRESH),
    ):
        lines = masking_formats.lines(known)
        found = masking_formats.score(mask, lines)
        row = {"lines": name, "n": len(lines)}
        for title, kinds in (
            ("users gone", ("user",)),
            ("addresses, mails, MACs gone", ("address", "mail", "mac")),
            ("secrets gone", ("secret",)),
            ("words of the cause left", ("cause",)),
            ("harmless words left", ("harmless",)),
        ):
            seen = sum(found.seen[kind] for kind in kinds)
            right = sum(found.right[kind] for kind in kinds)
            row[title] = share(right, seen) if seen else "–"
        rows.append(row)
    return pd.DataFrame(rows).set_index("lines").T.rename_axis("M1").reset_index()


def secrets(number: int = 2000, harmless: int = 3000, names: int = 100_000) -> pd.DataFrame:
    """M2 and M4."""
    mask, rng = _masker(), random.Random(3)
    known = list(masking_corpora.secrets(number, seed=12))
    found = sum(secret not in mask.text(line) for _, line, secret in known)
    texts = [
        rng.choice(masking_corpora.HARMLESS).format(n=rng.randint(100, 999), o=7)
        for _ in range(harmless)
    ]
    changed = sum(mask.text(text) != text for text in texts)
    made = {mask.value("user", f"user{n}") for n in range(names)}
    again = sum(mask.value("user", f"user{n}") in made for n in range(names))
    once = [mask.text(line) for _, line, _ in known]
    rows = [
        ("secrets found", share(found, len(known))),
        ("harmless lines changed", share(changed, harmless)),
        ("pseudonyms apart", share(len(made), names)),
        ("the same again", share(again, names)),
        ("masked twice is masked once", share(sum(mask.text(o) == o for o in once), len(once))),
    ]
    return pd.DataFrame(rows, columns=["M2, M4", "reached"])


def long_lines() -> pd.DataFrame:
    """M5: half a megabyte and one; linear where the ratio is about 2."""
    mask, rows = _masker(), []
    for name, part in _LONG.items():
        took = []
        for size in (_MEGABYTE // 2, _MEGABYTE):
            pieces, held, n = [], 0, 0
            while held < size:
                pieces.append(part(n))
                held, n = held + len(pieces[-1]), n + 1
            begun = time.process_time()
            mask.text("".join(pieces))
            took.append(time.process_time() - begun)
        rows.append({"of nothing but": name, "seconds": took[1], "÷ half of it": took[1] / took[0]})
    return pd.DataFrame(rows)
