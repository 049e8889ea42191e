"""Plant small wrong changes in the code and count which the tests notice: python -m tests.mutants

Each change is one operator, one constant or one condition of a module, drawn with a seed, in a
copy of the package; the module's own tests are run against the copy. A change that no test
notices is printed: it is equivalent, or a test is missing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PATIENCE_S = 300.0
"""A change that makes a test run for ever is noticed, too."""

_EVIDENCE, _DIAGNOSE = "tests/causal/evidence", "tests/diagnose/test_compare.py"
TESTS = {
    "workbench/stats/past_windows.py": ("tests/stats/test_past_windows.py",),
    "workbench/causal/evidence/ratios.py": (_EVIDENCE,),
    "workbench/causal/evidence/surprise.py": (_EVIDENCE,),
    "workbench/causal/evidence/hypotheses.py": (_EVIDENCE, "tests/causal/test_rank.py"),
    "workbench/causal/attribution/attribute.py": ("tests/causal/attribution",),
    "workbench/diagnose/ladder.py": (_DIAGNOSE, "tests/scenarios/test_claims.py"),
    "workbench/diagnose/objective.py": ("tests/diagnose/test_objective.py",),
    "workbench/diagnose/suspects/changes.py": (_DIAGNOSE, "tests/diagnose/test_recorded.py"),
}
"""Module to the tests that have to notice a change of it."""

_COMPARED = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMBINED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def _changed(node: ast.AST) -> ast.AST | None:
    """The same node with one thing wrong, or None where there is nothing to change."""
    other = copy.deepcopy(node)
    if isinstance(other, ast.Compare) and type(other.ops[0]) in _COMPARED:
        other.ops[0] = _COMPARED[type(other.ops[0])]()
        return other
    if isinstance(other, ast.BinOp) and type(other.op) in _COMBINED:
        other.op = _COMBINED[type(other.op)]()
        return other
    if isinstance(other, ast.BoolOp):
        other.op = ast.Or() if isinstance(other.op, ast.And) else ast.And()
        return other
    if isinstance(other, ast.UnaryOp) and isinstance(other.op, ast.Not | ast.USub):
        return other.operand
    if isinstance(other, ast.Constant) and type(other.value) in {int, float}:
        other.value = other.value + 1
        return other
    return None


class _At(ast.NodeTransformer):
    """Change the n-th node that can be changed, inside functions and outside annotations."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self.line, self.what = wanted, 0, 0, ""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(part) for part in node.body]
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        other = _changed(node)
        if other is not None:
            if self.seen == self.wanted:
                self.line = node.lineno  # type: ignore[attr-defined]
                self.what = f"{ast.unparse(node)} → {ast.unparse(other)}"
                self.seen += 1
                return ast.copy_location(other, node)
            self.seen += 1
        return super().generic_visit(node)


def mutants(source: str, number: int, seed: int) -> Iterator[tuple[int, str, str]]:
    """Yield line, description and text of some wrong changes of a module."""
    count = _At(-1)
    count.visit(ast.parse(source))
    chosen = random.Random(seed).sample(range(count.seen), min(number, count.seen))
    for at in sorted(chosen):
        wrong = _At(at)
        tree = ast.fix_missing_locations(wrong.visit(ast.parse(source)))
        yield wrong.line, wrong.what, ast.unparse(tree)


def noticed(package: Path, tests: tuple[str, ...]) -> bool:
    """Whether any of the tests fails against a copy of the package."""
    paths = os.pathsep.join([str(package.parent), str(ROOT), str(ROOT / "tests")])
    there = [test for test in tests if (ROOT / test).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *there]
    options = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": paths}, "capture_output": True}
    try:
        return subprocess.run(command, timeout=PATIENCE_S, check=False, **options).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def main() -> int:
    """Print a line a module, and each change that nothing noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="part of a module's path; all if missing")
    parser.add_argument("--number", type=int, default=12, help="changes a module")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    planted = survived = 0
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "workbench")
        shutil.copytree(ROOT / "workbench", package)
        for module, tests in TESTS.items():
            if asked.modules and not any(part in module for part in asked.modules):
                continue
            where, source = Path(folder, module), (ROOT / module).read_text()
            if noticed(package, tests):
                print(f"{module}: its tests fail as it is")
                return 1
            alive = []
            for line, what, text in mutants(source, asked.number, asked.seed):
                where.write_text(text)
                planted += 1
                if not noticed(package, tests):
                    alive.append(f"  line {line}: {what}")
                where.write_text(source)
            survived += len(alive)
            print(
                f"{module}: {len(alive)} of {asked.number} not noticed",
                *alive,
                sep="\n",
                flush=True,
            )
    print(f"{survived} of {planted} planted changes were not noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
