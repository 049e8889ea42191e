"""Masking tables: each text once, fields by their names, and what joins stays joined."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.masking.classify import is_person, is_secret, names_person, names_secret
from workbench.tables import SCHEMAS, conform, labels_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.masking.masker import Masker

__all__ = ["mask_frame"]

# Joins of telemetry: random by construction, and telling nothing of anybody.
_IDS = frozenset(
    {"trace_id", "span_id", "parent_span_id", "fingerprint", "template_id", "hash", "prev_hash"}
)
_PEOPLE = {"changes": ("actor",), "audits": ("actor",)}


def mask_frame(table: str, frame: pd.DataFrame, masker: Masker) -> pd.DataFrame:
    """Mask every text of a table, in labels and attributes too.

    Parameters
    ----------
    table
        Name of the table, or ``"topology"``.
    frame
        Its rows; not changed.
    masker
        Holds the policy and counts what was masked.

    Returns
    -------
    pandas.DataFrame
        The same rows, conformed.
    """
    kinds = SCHEMAS[table].kinds if table in SCHEMAS else {}
    done = {}
    for name in frame.columns:
        kind = kinds.get(name, "text")
        if kind in {"time", "number"} or name in _IDS or not _holds_text(frame[name]):
            continue
        if kind == "json":
            done[name] = _each(frame[name], lambda text: _json(text, masker))
        elif name in _PEOPLE.get(table, ()):
            done[name] = _each(frame[name], lambda text: _person(text, masker))
        else:
            done[name] = _each(frame[name], masker.text)
    masked = frame.assign(**done)
    return conform(table, masked) if table in SCHEMAS else masked


def _holds_text(column: pd.Series) -> bool:
    kinds = pd.api.types
    return isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype) or kinds.is_object_dtype(
        column.dtype
    )


def _each(column: pd.Series, change: Callable[[str], str]) -> pd.Series:
    """Change each distinct text once; of a categorical its categories, used or not."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        changed = [change(str(value)) for value in column.cat.categories]
        if len(set(changed)) == len(changed):
            return column.cat.rename_categories(pd.Index(changed, dtype="str"))
    distinct = {
        value: change(value) for value in column.dropna().unique() if isinstance(value, str)
    }
    plain = column.astype("object")
    return plain.map(lambda value: distinct.get(value, value) if isinstance(value, str) else value)


def _person(text: str, masker: Masker) -> str:
    """Mask an actor, unless it is a service account."""
    masked = masker.text(text)
    automatic = text.endswith(("[bot]", ".gserviceaccount.com")) or text.startswith("system:")
    return masked if masked != text or automatic or not text else masker.value("user", text)


def _json(text: str, masker: Masker) -> str:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return masker.text(text)
    masked = _walked(read, masker, "")
    return labels_text(masked) if isinstance(masked, dict) else json.dumps(masked)


def _walked(value: Any, masker: Masker, key: str) -> Any:  # noqa: ANN401 - JSON has any type
    if isinstance(value, dict):
        return {masker.text(name): _walked(one, masker, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_walked(one, masker, key) for one in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    kind = _kind_of(key, text, masker)
    if kind and kind in masker.policy.kinds and text:
        return masker.value(kind, text)
    masked = masker.text(text)
    return value if masked == text else masked


def _kind_of(key: str, text: str, masker: Masker) -> str:
    """Say what a field holds by its name, unless its value cannot be that: ``card: eth2``."""
    policy = masker.policy
    if key in policy.secret_fields:
        return "secret"
    if key in policy.user_fields:
        return "user"
    if names_secret(key):
        return "secret" if is_secret(text, key=key) else ""
    if names_person(key):
        # A number is nobody's name, and says who it is in the field of one.
        return "user" if text.isdigit() or is_person(text, policy, key=key) else ""
    return ""
