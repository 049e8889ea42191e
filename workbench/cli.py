"""The ``workbench`` command: a thin shell over the same functions a notebook calls."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workbench.errors import BadInput, BundleMissing, WorkbenchError
from workbench.terminal import Stages, plain
from workbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.collection.targets import Target

__all__ = [
    "app",
    "diagnose",
    "evaluate",
    "incidents",
    "investigate",
    "lab",
    "main",
    "options",
    "postmortem",
    "verify_postmortem",
]

DEFAULT_INCIDENT = "shop-orders-locks"

_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it
_OLD_VERIFY = "verify"  # `postmortem verify ID`: no incident may be called so

app = typer.Typer(
    help="Investigate a recorded incident: what moved, what caused it, and the postmortem.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID | FOLDER | ZIP | SOURCES.YAML",
        help="A recorded incident, a bundle, or sources to collect from.",
    ),
]
StartOption = Annotated[
    str | None, typer.Option("--start", help="Start of the incident, e.g. 2026-01-31T12:00Z.")
]
EndOption = Annotated[str | None, typer.Option("--end", help="End of the incident.")]
IncidentOption = Annotated[
    str, typer.Option("--incident", help="Its id where it is managed, in place of a range.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder that results go to.")]
SliOption = Annotated[
    str | None, typer.Option("--sli", help="service/signal; the first SLO's if left out.")
]


def main() -> None:
    """Run the command; a user's mistake is a message and exit code 2, never a traceback."""
    # Before numpy loads: the matrices are small, and more threads are slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app()
    except WorkbenchError as error:
        _print_error(error)
        sys.exit(2)
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as ended:  # so typer ends a command on Ctrl-C
        if ended.code == _INTERRUPTED:
            _stopped()
        raise


def _say_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        _say(f"workbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    datasets: Annotated[
        Path | None, typer.Option(help="Folder of recorded incidents, e.g. datasets/ of a clone.")
    ] = None,
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say it and end."),
    ] = False,
) -> None:
    """Investigate a recorded incident: what moved, what caused it, and the postmortem."""
    del version
    if datasets is not None:
        if not datasets.is_dir():
            fact = "Not a folder"
            raise BadInput(fact, value=str(datasets), hint="Say --datasets FOLDER")
        # The variable reaches the notebook's kernel and worker processes too.
        os.environ["WORKBENCH_DATASETS"] = str(datasets.resolve())


@app.command()
def incidents() -> None:
    """List the recorded incidents."""
    from workbench import datasets

    table = Table("id", "title", "incident", "MB")
    rows = datasets.incidents()
    if rows.empty:
        fact = "No recorded incidents here"
        raise BundleMissing(
            fact,
            value=datasets.bundles.folder().name,
            hint="Say --datasets, or set WORKBENCH_DATASETS, with the datasets/ folder of a clone",
        )
    for row in rows.itertuples():
        if not row.problem:
            texts = (row.id, row.title, row.when, f"{row.megabytes:.1f}")
            table.add_row(*(escape(plain(text)) for text in texts))
    Console().print(table)
    for row in rows.itertuples():
        if row.problem:
            Console(stderr=True).print(
                plain(f"not read: {row.id}: {row.problem}"),
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


@app.command()
def investigate(
    target: TargetArgument = DEFAULT_INCIDENT,
    out: OutOption = Path("outputs"),
    *,
    start: StartOption = None,
    end: EndOption = None,
    incident: IncidentOption = "",
) -> None:
    """Run the main notebook headless and write notebook, HTML and postmortem."""
    from workbench import archive
    from workbench.diagnose import compare
    from workbench.notebooks import run as notebooks

    with Stages().shown(f"Reading {target}") as stages:
        found = _opened(target, start, end, incident, stages)
        bundle = found.as_bundle(out / "bundles")
        archive.verify_bundle(bundle)
        # The notebook's kernel reads the same bundle.
        os.environ["WORKBENCH_DATASETS"] = str(bundle.parent.resolve())
        stages.say(f"Investigating {found.name}")
        paths = notebooks.run_notebook(bundle.name, out, progress=stages.say)
        diagnosis = compare(found.window)
    _say(diagnosis.summary)
    _list_paths(paths)


@app.command()
def diagnose(
    target: TargetArgument,
    sli: SliOption = None,
    *,
    start: StartOption = None,
    end: EndOption = None,
    incident: IncidentOption = "",
) -> None:
    """Print correlation against causation for one incident."""
    from workbench.diagnose import compare

    with Stages().shown(f"Reading {target}") as stages:
        window = _opened(target, start, end, incident, stages).window
        stages.say(f"Diagnosing {window.id}")
        diagnosis = compare(window, window.sli(sli))
    _say(repr(diagnosis))


@app.command()
def postmortem(
    target: TargetArgument,
    other: Annotated[str | None, typer.Argument(hidden=True)] = None,
    out: OutOption = Path("outputs"),
    *,
    start: StartOption = None,
    end: EndOption = None,
    incident: IncidentOption = "",
) -> None:
    """Write the postmortem draft of an incident."""
    if target == _OLD_VERIFY:
        _verify_by_old_name(other, out)
        return
    if other is not None:
        fact = "One incident at a time"
        raise BadInput(fact, value=other, hint=f"workbench postmortem {target}")
    from workbench import postmortem as room
    from workbench.diagnose import compare

    with Stages().shown(f"Reading {target}") as stages:
        found = _opened(target, start, end, incident, stages)
        stages.say(f"Diagnosing {found.name}")
        diagnosis = compare(found.window)
        stages.say(f"Writing the postmortem of {found.name}")
        paths = room.save(room.draft(found.window, diagnosis), out / found.name)
    _list_paths(paths)


@app.command()
def verify_postmortem(
    target: Annotated[
        str, typer.Argument(metavar="ID | FOLDER", help="Whose postmortem, or where it lies.")
    ],
    out: OutOption = Path("outputs"),
    of: Annotated[
        str, typer.Option("--of", help="The bundle it is of, a folder or zip; by its name else.")
    ] = "",
) -> None:
    """Recompute every number in a saved postmortem; exit code 1 if one does not hold."""
    _verify(target, out, of)


@app.command()
def evaluate(
    layout: Annotated[str, typer.Argument(help="petshop, nezha or bundles.")],
    path: Annotated[Path, typer.Argument(help="Folder of labelled incidents.")],
    *,
    json: Annotated[Path | None, typer.Option("--json", help="Write one row a case.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="First cases only.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Incidents at once; -1: all CPUs.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Dask scheduler, e.g. tcp://127.0.0.1:8786.")
    ] = None,
) -> None:
    """Diagnose every labelled incident of a folder and score it beside trivial rules."""
    from workbench import archive
    from workbench.evaluate import evaluate as score
    from workbench.evaluate.parallel import connected

    with Stages().shown(f"Scoring {path} against trivial rules"), connected(cluster) as client:
        result = score(layout, path, limit=limit, n_jobs=jobs, cluster=client)
    _say(repr(result))
    if json is not None:
        archive.write_text(json, result.to_json())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    *,
    port: Annotated[int | None, typer.Option("--port", help="Of this machine.")] = None,
    browser: Annotated[bool, typer.Option(help="Open one.")] = True,
) -> None:
    """Open JupyterLab on the notebooks; other options are handed to `jupyter lab`."""
    from workbench.notebooks.lab import open_lab

    sys.exit(open_lab(port=port, browser=browser, more=context.args, say=_say))


def _opened(
    named: str, start: str | None, end: str | None, incident: str, stages: Stages
) -> Target:
    from workbench.collection.targets import open_target

    return open_target(named, start=start, end=end, incident=incident, show=stages.say)


def _verify_by_old_name(target: str | None, out: Path) -> None:
    """Verify as `workbench postmortem verify ID`, which goes after one version."""
    if target is None:
        fact = "Say which postmortem to verify"
        raise BadInput(fact, hint=f"For example: workbench verify-postmortem {DEFAULT_INCIDENT}")
    note = f"Deprecated: write workbench verify-postmortem {target}"
    Console(stderr=True).print(note, markup=False, highlight=False, soft_wrap=True)
    _verify(target, out)


def _verify(target: str, out: Path, of: str = "") -> None:
    from workbench import postmortem as room
    from workbench.collection.targets import open_target

    folder = Path(target) if Path(target).is_dir() else out / target
    with Stages().shown(f"Computing again what {folder} says"):
        saved = out / "bundles" / folder.name  # where `investigate` keeps what it collected
        bundle = of or (str(saved) if saved.is_dir() else folder.name)
        result = room.verify(folder, open_target(bundle).window)
    _say(repr(result))
    if not result.ok:
        sys.exit(1)


def _stopped() -> NoReturn:
    sys.stderr.write("\nstopped\n")
    sys.exit(_INTERRUPTED)


def _say(text: str) -> None:
    """Print text of results as it is, but for what a terminal would obey."""
    Console().print(plain(text), markup=False, highlight=False, soft_wrap=True)


def _list_paths(paths: Mapping[str, Path]) -> None:
    for name, path in paths.items():
        _say(f"{name:>12}: {path}")


def _print_error(error: WorkbenchError) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"{type(error).__name__}: {error}", markup=False)
