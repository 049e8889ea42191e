"""PromQL selectors built from values, so that no value can be read as a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    Matcher: TypeAlias = tuple[str, "Operator", str]

Operator = Literal["=", "!=", "=~", "!~"]

__all__ = ["Operator", "any_of", "is_plain", "selector", "text", "with_matchers"]

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# Braces hold matchers only: names, operators and quoted texts with their escapes.
_PLAIN = re.compile(
    r"(?:[a-zA-Z_:][a-zA-Z0-9_:]*\s*)?(?:\{(?:[^\"'`{}]|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\})?",
    re.DOTALL,
)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATORS = frozenset({"=", "!=", "=~", "!~"})
# RE2's own list of characters that mean something.
_MEANT = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def text(value: str) -> str:
    r"""Write a value as a PromQL string literal, with only the escapes that PromQL needs.

    Escaping everything beyond ASCII as JSON does would change what surrogates and controls
    mean; PromQL strings are Go's, which take UTF-8 as it is (Prometheus docs, querying basics).

    Raises
    ------
    BadInput
        The value cannot be written as UTF-8: no label has it.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        hint = "Label values are UTF-8"
        raise BadInput(fact="Text that is not Unicode", value=ascii(value), hint=hint) from error
    return '"' + "".join(_ESCAPES.get(char, char) for char in value) + '"'


def any_of(values: Iterable[str]) -> str:
    """Write a regular expression (RE2, anchored by Prometheus) that means these values alone."""
    return "|".join(_MEANT.sub(lambda found: "\\" + found[0], value) for value in values)


def selector(metric: str, matchers: Iterable[Matcher] = ()) -> str:
    """Write a selector of series.

    Parameters
    ----------
    metric
        Name of the metric, or empty for any.
    matchers
        Label, operator and value; a value is a plain text for ``=`` and ``!=`` and a regular
        expression for the others (`any_of` writes one that means plain texts).

    Raises
    ------
    BadInput
        A name or an operator is not PromQL's.
    """
    if metric and not _METRIC.fullmatch(metric):
        raise BadInput(fact="Not the name of a metric", value=metric)
    return f"{metric}{{{', '.join(_matcher(*one) for one in matchers)}}}"


def is_plain(promql: str) -> bool:
    """Tell a plain selector (``metric{…}``), whose raw samples can be read, from an expression."""
    return _PLAIN.fullmatch(promql.strip()) is not None


def with_matchers(plain: str, matchers: Mapping[str, str]) -> str:
    """Add regular-expression matchers to a plain selector ``metric{…}`` written by a person.

    Raises
    ------
    BadInput
        It is an expression, not a plain selector.
    """
    body = plain.strip()
    if "{" not in body:
        body += "{}"
    head, _, tail = body.rpartition("}")
    if tail or not _METRIC.fullmatch(head.partition("{")[0].strip() or "_"):
        raise BadInput(fact="Not a plain selector", value=plain, hint="Write metric{label=…}")
    added = ", ".join(_matcher(name, "=~", value) for name, value in matchers.items())
    joint = ", " if added and head.rstrip()[-1] not in "{," else ""
    return f"{head}{joint}{added}}}"


def _matcher(label: str, operator: Operator, value: str) -> str:
    if not label:
        raise BadInput(fact="Not the name of a label", value=label)
    if operator not in _OPERATORS:
        raise BadInput(fact="Not a matcher", value=operator, hint="One of = != =~ !~")
    # Prometheus 3 takes any UTF-8 name, quoted.
    name = label if _LABEL.fullmatch(label) else text(label)
    return f"{name}{operator}{text(value)}"
