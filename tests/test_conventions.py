"""House rules kept as tests: each message says why the rule is there."""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from import_graph import circles, import_graph

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workbench"

# Left to right: a room imports itself and what stands before it.
ROOMS = [
    "version",
    "moved",
    "stats",
    "checks",
    "terminal",
    "errors",
    "writing",
    "bounded_yaml",
    "times",
    "semconv",
    "slis",
    "cards",
    "tables",
    "findings",
    "coverage",
    "baseline",
    "masking",
    "archive",
    "window",
    "simulate",
    "connectors",
    "topology",
    "datasets",
    "collection",
    "features",
    "correlate",
    "causal",
    "diagnose",
    "evaluate",
    "gameday",
    "postmortem",
    "views",
    "notebooks",
    "cli",
    "__main__",
]

# Rooms that own a third-party package: nobody else may import it.
OWNERS = {
    "altair": {"views"},
    "pyvis": {"views"},
    "ipywidgets": {"views"},
    "vl_convert": {"views"},
    "causallearn": {"causal"},
    "dowhy": {"causal"},
    "statsmodels": {"causal", "evaluate"},
    "sklearn": {"causal"},
    "drain3": {"features"},
    "jinja2": {"postmortem"},
    "markdown_it": {"postmortem"},
    "nbclient": {"notebooks"},
    "nbconvert": {"notebooks"},
    "typer": {"cli"},
    "httpx": {"connectors", "gameday"},
    "tenacity": {"connectors"},
    "pydantic": {"collection", "connectors", "masking"},
    "re2": {"masking"},
    "duckdb": {"archive"},
    "ibis": {"archive", "connectors"},
    "joblib": {"evaluate"},
    "distributed": {"evaluate"},
    "pyspark": {"archive", "connectors"},
    "defusedxml": {"connectors"},
    "psycopg": {"gameday"},
    "redis": {"gameday"},
    "starlette": {"gameday"},
    "uvicorn": {"gameday"},
    "opentelemetry": {"connectors", "gameday"},
    "prometheus_client": {"gameday"},
}
ONLY_INSIDE_FUNCTIONS = {"causallearn", "dowhy", "statsmodels", "sklearn"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "manager", "core", "misc"}
SECRETS = re.compile(r"password|secret|token|api_?key|credential", re.IGNORECASE)


@cache
def modules() -> dict[str, tuple[Path, ast.Module]]:
    """Every module of the package by dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = (path, ast.parse(path.read_text(encoding="utf-8")))
    return found


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(tree: ast.AST) -> list[tuple[str, ast.stmt]]:
    found: list[tuple[str, ast.stmt]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "workbench":
                found += [(f"workbench.{alias.name}", node) for alias in node.names]
            else:
                found.append((node.module, node))
    return found


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def public_functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public functions of a module and public methods of its public classes."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f for f in found if not f.name.startswith("_")]


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring; a parameter a line is not its length."""
    first, *rest = node.body
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = rest[0] if has_doc and rest else first
    return (node.end_lineno or 0) - start.lineno + 1


def test_every_room_is_placed():
    rooms = {room_of(name) for name in modules()} - {""}
    assert rooms <= set(ROOMS), "a new room needs a place in the import order (ARCHITECTURE.md)"


def test_imports_point_left():
    wrong = []
    for name, (_, tree) in modules().items():
        room = room_of(name)
        if not room:
            continue
        for imported, _ in imports(tree):
            other = room_of(imported) if imported.startswith("workbench.") else ""
            if other in ROOMS and ROOMS.index(other) > ROOMS.index(room):
                wrong.append(f"{name} imports {imported}")
    assert not wrong, f"data flows one way, so imports point left: {wrong}"


def test_only_scoring_and_game_days_import_the_simulated_worlds():
    allowed = {"simulate", "evaluate", "gameday"}
    wrong = [
        f"{name} imports {imported}"
        for name, (_, tree) in modules().items()
        for imported, _ in imports(tree)
        if imported.startswith("workbench.simulate") and room_of(name) not in allowed
    ]
    assert not wrong, f"an engine that knows the worlds would be judged on them: {wrong}"


def test_a_public_name_of_causal_is_not_a_module_too():
    import workbench.causal

    paths = Path(workbench.causal.__file__).parent.glob("*.py")
    both = {path.stem for path in paths} & set(workbench.causal.__all__)
    # `rank` is imported by its module's name from everywhere.
    assert both <= {"rank"}, f"importing the package hides the module: {sorted(both)}"


def test_third_party_packages_stay_with_their_owners():
    wrong = []
    for name, (_, tree) in modules().items():
        for imported, _ in imports(tree):
            owners = OWNERS.get(imported.split(".")[0])
            if owners and room_of(name) not in owners:
                wrong.append(f"{name} imports {imported}")
    assert not wrong, f"one owner a package keeps it replaceable: {wrong}"


def test_heavy_packages_are_imported_inside_functions():
    wrong = []
    for name, (_, tree) in modules().items():
        top = {id(node) for node in tree.body}
        wrong += [
            f"{name} imports {imported}"
            for imported, node in imports(tree)
            if imported.split(".")[0] in ONLY_INSIDE_FUNCTIONS and id(node) in top
        ]
    assert not wrong, f"these take seconds to import: {wrong}"


def test_importing_is_light():
    heavy = ["dowhy", "statsmodels", "sklearn", "altair", "pandas", "IPython"]
    code = f"import sys, workbench; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", "`import workbench` loads stages on first use only"


@pytest.mark.slow
def test_the_analysis_loads_no_drawing_and_no_dowhy():
    heavy = ["dowhy", "statsmodels", "sklearn", "altair"]
    code = (
        "import sys, workbench.diagnose, workbench.datasets, workbench.postmortem;"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(modules()))
def test_public_functions_have_the_house_signature(name):
    _, tree = modules()[name]
    wrong = []
    for function in public_functions(tree):
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        if positional and positional[0].arg in {"self", "cls"}:
            positional = positional[1:]
        everything = [*positional, *arguments.kwonlyargs]
        if function.returns is None or any(a.annotation is None for a in everything):
            wrong.append(f"{function.name}: not fully annotated")
        if len(positional) > 3:
            wrong.append(f"{function.name}: more than three positional parameters")
        if arguments.kwarg and function.name != "with_":
            wrong.append(f"{function.name}: **kwargs hide what a call may say")
        if any(a.arg == "seed" for a in positional):
            wrong.append(f"{function.name}: seed is keyword-only")
        if any(
            isinstance(a.annotation, ast.Name) and a.annotation.id == "bool" for a in positional
        ):
            wrong.append(f"{function.name}: a positional boolean reads as nothing at the call")
    assert not wrong


@pytest.mark.parametrize("name", sorted(modules()))
def test_all_is_sorted_and_complete(name):
    path, tree = modules()[name]
    if path.name == "__main__.py" or not tree.body:
        return
    declared = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    assert declared, "every module says what it offers"
    names = declared[0]
    defined = {n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    public = {n for n in defined if not n.startswith("_")}
    assert len(names) == len(set(names))
    assert public <= set(names), f"public but not in __all__: {public - set(names)}"


@pytest.mark.parametrize("name", sorted(modules()))
def test_no_forbidden_name_length_or_call(name):
    path, tree = modules()[name]
    assert not set(name.split(".")) & FORBIDDEN_NAMES, "a name must say what the module holds"
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= 500, f"{length} lines: split it"
    long = {f.name: lines_of(f) for f in functions(tree) if lines_of(f) > 45}
    assert not long, f"no one reads a function this long: {long}"
    for imported, _ in imports(tree):
        assert imported.split(".")[0] not in {"pickle", "marshal", "shelve"}, "pickles execute"
        is_html = imported.startswith("IPython.display")
        assert not is_html or room_of(name) in {"cards", "views"}, "HTML is written in cards only"
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            assert not broad or room_of(name) == "collection", (
                "a broad except hides what went wrong"
            )
        if isinstance(node, ast.keyword) and node.arg == "shell":
            pytest.fail("shell=True runs what somebody typed into a name")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec"}, "nothing from outside is executed"


# Who may write otherwise: the one way itself; systems that run for a practice; a log that is
# appended to; and a folder that has no name yet.
WRITES_OTHERWISE = (
    "workbench.writing",
    "workbench.gameday",
    "workbench.connectors.sources.otlp.receiver",
    "workbench.archive.packing",
)


def writes(tree: ast.Module) -> list[int]:
    """Lines that write to a file which is not a temporary one handed out by `workbench.writing`."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        of = getattr(node.func, "value", None)
        modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        opens = name == "open" and any(
            isinstance(mode, str) and re.fullmatch(r"[wax]b?\+?t?", mode) for mode in modes
        )
        plain = isinstance(node.func, ast.Attribute) and name in {"write_text", "write_bytes"}
        is_handed = isinstance(of, ast.Name) and of.id in {"temporary", "archive"}
        if (opens or plain or name in {"mkdir", "makedirs"}) and not is_handed:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("name", sorted(modules()))
def test_whatever_is_kept_is_written_in_one_way(name):
    if not name.startswith(WRITES_OTHERWISE):
        lines = writes(modules()[name][1])
        assert not lines, f"lines {lines}: workbench.writing writes whole or not at all"


def test_no_error_of_others_is_repeated_as_its_repr():
    """A secret that did not encode stood in an error's repr, and so in bundles and pages."""
    found = []
    for name, (path, tree) in modules().items():
        del path
        caught = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ExceptHandler) and node.name
        }
        for node in ast.walk(tree):
            is_repr = isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "repr"
            of = node.value if is_repr else node.args[0] if called and node.args else None
            if isinstance(of, ast.Name) and of.id in caught | {"error", "exception"}:
                found.append((name, node.lineno))
    assert not found, "say its type and what was tried: its words may hold what was sent"


def test_sizes_stay_readable():
    lengths = [len(p.read_text(encoding="utf-8").splitlines()) for p, _ in modules().values()]
    bodies = [lines_of(f) for _, tree in modules().values() for f in functions(tree)]
    assert statistics.median(lengths) < 200, "small modules, each with one purpose"
    assert statistics.median(bodies) < 12, "small functions, each with one purpose"


def test_no_secret_named_field_can_reach_a_repr():
    wrong = []
    for name, (_, tree) in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                hidden = "repr=False" in (ast.unparse(node.value) if node.value else "")
                if (
                    SECRETS.search(node.target.id)
                    and not hidden
                    and isinstance(node, ast.AnnAssign)
                ):
                    wrong.append(f"{name}: {node.target.id}")
    assert not wrong, f"a secret in a repr ends up in a notebook: {wrong}"


def test_only_scoring_reads_the_truth():
    allowed = {"datasets", "evaluate", "gameday", "archive", "simulate"}
    wrong = [
        name
        for name, (_, tree) in modules().items()
        if room_of(name) not in allowed
        and any(
            (isinstance(n, ast.Attribute) and n.attr in {"truth", "truths"})
            or (isinstance(n, ast.Constant) and n.value in {"truth.json", "target.json"})
            for n in ast.walk(tree)
        )
    ]
    assert not wrong, f"truth is for scoring alone: {wrong}"


# What conda-forge calls a package that PyPI calls otherwise.
CONDA_NAMES = {"python-duckdb": "duckdb", "ibis-duckdb": "ibis-framework[duckdb]"}


def test_environment_agrees_with_pyproject():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {re.sub(r"[-_.]+", "-", d.replace(" ", "")) for d in wanted}
    lines = (ROOT / "environment.yml").read_text().splitlines()
    listed = {
        re.sub(r"[-_.]+", "-", line.strip(" -"))
        for line in lines
        if line.startswith("  - ") and line.strip(" -") not in {"pip", "pip:", "conda-forge"}
    }
    listed = {re.sub("^[a-z0-9-]+", lambda m: CONDA_NAMES.get(m[0], m[0]), one) for one in listed}
    assert listed - {"python>=3-11"} == wanted


def test_every_dependency_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    bare = [line for line in block.splitlines() if re.match(r'\s+"', line) and "#" not in line]
    assert not bare, f"a dependency without a reason: {bare}"


def test_constraints_name_no_address_and_hold_every_dependency():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    pinned = {re.sub(r"[-_.]+", "-", m).lower() for m in re.findall(r"^([\w.-]+)==", text, re.M)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *chain.from_iterable(extras)]
    names = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", d)[0]).lower() for d in asked}
    assert names <= pinned, f"run the resolver again, not pinned: {names - pinned}"


def test_top_level_is_the_card():
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a checkout")
    top = {line.split("/")[0] for line in done.stdout.splitlines()}
    allowed = {
        ".ci",
        ".gitignore",
        ".github",
        ".pre-commit-config.yaml",
        "ARCHITECTURE.md",
        "BENCHMARKS.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "MANIFEST.in",
        "Makefile",
        "README.md",
        "SECURITY.md",
        "changelog.d",
        "constraints.txt",
        "datasets",
        "docs",
        "environment.yml",
        "mkdocs.yml",
        "notebooks",
        "pyproject.toml",
        "setup.py",
        "tests",
        "workbench",
    }
    assert top <= allowed, f"unexpected at the top level: {top - allowed}"


def test_notebooks_define_nothing():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                assert not cell["outputs"], f"{path.name}: stored without outputs"
                assert cell["execution_count"] is None
                source = "".join(cell["source"])
                assert not re.search(r"^\s*(def|class) ", source, re.M), "code lives in the package"


def test_every_command_in_the_readme_exists():
    from workbench.cli import app

    text = (ROOT / "README.md").read_text()
    known = {c.name or c.callback.__name__.replace("_", "-") for c in app.registered_commands}
    used = set(re.findall(r"^\$? ?workbench ([a-z]+)", text, re.M))
    assert used <= known, f"the README names commands that do not exist: {used - known}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^\$? ?make ([a-z-]+)", text, re.M)) <= targets


# Folders of tests that follow a question through several rooms instead of one module.
CROSS_CUTTING_FOLDERS = {"browser", "contract", "scenarios"}
# Tests that are about no single module, and what they are about.
CROSS_CUTTING = {
    "archive/test_hostile.py": "bundles and archives that mean harm",
    "archive/test_resampling.py": "series too long for memory, asked for through the archive",
    "collection/test_long_work.py": "interrupts and memory of long work",
    "diagnose/test_any_window.py": "that no window that conforms crashes a diagnosis",
    "connectors/test_layout.py": "what may import what among the connectors",
    "datasets/test_layouts.py": "every importer of a public layout",
    "diagnose/test_bad_input.py": "windows that hold nothing, or nonsense",
    "diagnose/test_recorded.py": "the diagnosis of every recorded incident",
    "gameday/test_datasets.py": "the recordings that come with the package",
    "masking/test_everywhere.py": "that no way out of the package passes masking by",
    "notebooks/test_notebooks.py": "every notebook, executed",
    "postmortem/test_recorded.py": "the postmortem of every recorded incident",
    "test_conventions.py": "these rules",
    "test_documentation.py": "the code and names in the README and the pages",
    "test_import_graph.py": "how these rules read imports",
    "test_parts.py": "what tests need from outside",
    "datasets/test_train_ticket.py": "one public system through the importer of another",
    "simulate/test_physics.py": "what each fault does in each world",
    "simulate/test_worlds.py": "what every world promises",
    "test_time_cases.py": "clocks, zones and gaps in every room",
    "views/test_results.py": "that every result draws itself",
}
MODULES_A_FOLDER = 20


def graph() -> dict[str, set[str]]:
    return import_graph({name: tree for name, (_, tree) in modules().items()})


def mirrors_a_module(path: Path) -> bool:
    """Whether a test file lies and is called as the module that it is about."""
    inside = path.relative_to(ROOT / "tests")
    home = ROOT / "tests" if inside.parts[0] == "benchmarks" else PACKAGE
    subject = home / inside.parent / inside.stem.removeprefix("test_")
    return subject.with_suffix(".py").exists() or (subject / "__init__.py").exists()


def test_tests_mirror_modules():
    tests = {path.relative_to(ROOT / "tests"): path for path in (ROOT / "tests").rglob("test_*.py")}
    strangers = {
        inside.as_posix()
        for inside, path in tests.items()
        if inside.parts[0] not in CROSS_CUTTING_FOLDERS and not mirrors_a_module(path)
    }
    assert strangers - set(CROSS_CUTTING) == set(), (
        "a module's tests are found without a search: tests/<room>/test_<module>.py"
    )
    assert set(CROSS_CUTTING) - strangers == set(), "no longer there, or a module's own by now"


FOLDERS = sorted({path.parent.relative_to(ROOT).as_posix() for path, _ in modules().values()})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_read_at_one_glance(folder):
    inside = {path.name for path in (ROOT / folder).glob("*.py")} - {"__init__.py"}
    assert len(inside) <= MODULES_A_FOLDER, f"{len(inside)} modules side by side: make wings"


def test_stats_knows_numbers_alone():
    allowed = {"numpy", "scipy", "__future__", *sys.stdlib_module_names}
    wrong = [
        f"{name} imports {imported}"
        for name, (_, tree) in modules().items()
        if room_of(name) == "stats"
        for imported, _ in imports(tree)
        if imported.split(".")[0] not in allowed and not imported.startswith("workbench.stats")
    ]
    assert not wrong, f"statistics that know no window are tested by theory alone: {wrong}"


def test_no_module_imports_the_whole_package():
    wrong = [
        name
        for name, (_, tree) in modules().items()
        for imported, node in imports(tree)
        if isinstance(node, ast.Import) and imported == "workbench"
    ]
    assert not wrong, f"`import workbench` inside it hides who needs whom: {wrong}"


@pytest.mark.slow
def test_a_source_imports_no_other_source():
    sources = "workbench.connectors.sources."

    def source_of(name: str) -> str:
        return name.removeprefix(sources).split(".")[0] if name.startswith(sources) else ""

    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in sorted(others)
        if source_of(name) and source_of(other) not in {"", source_of(name)}
    ]
    assert not wrong, f"a source is added, mended and dropped alone: {wrong}"


@pytest.mark.slow
def test_no_modules_import_each_other():
    found = circles(graph())
    assert not found, f"modules that need each other are one module, or need a third: {found}"
