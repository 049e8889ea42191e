"""The main notebook without a browser: run on one incident, kept as notebook and as HTML.

Parameters are set the way papermill does it: the cell tagged ``parameters`` is replaced. The
exported page holds everything it shows; a policy in its head forbids scripts and requests.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import os
import re
import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import datasets
from workbench.errors import MissingPart, WorkbenchError
from workbench.masking import warn_of_leaks
from workbench.writing import make_folder, write_text, write_together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nbclient import NotebookClient
    from nbformat import NotebookNode

__all__ = ["export_html", "notebooks_folder", "open_notebooks", "run_notebook", "with_parameters"]

NOTEBOOK = "01_investigate"

_SHIPPED = "curated"  # beside this module, in an installed package
_SECONDS_A_CELL = 600
_PAUSE_S = 0.2  # until an interrupt is seen, on systems whose waits it does not end
_FAILED = f"{NOTEBOOK}.failed.ipynb"
_KEPT = f"It was kept with the failure in it as {_FAILED}"
_TAG = "parameters"
_INTERACTIVE = "interactive"  # cells with this tag say nothing on paper
# Pictures before pages: a still twin stands in for what needs a script or a kernel.
_PRIORITY = ["image/svg+xml", "image/png", "text/html", "text/markdown", "text/plain"]
_EXPORTS = {
    "postmortem": "postmortem.md",
    "its page": "postmortem.html",
    "its evidence": "evidence.json",
}
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_STYLE = "<style>.jp-RenderedSVG img{max-width:100%;height:auto}</style>"
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:; font-src data:\">"
)


def notebooks_folder() -> Path:
    """Find the folder of the curated notebooks: of the clone, else of the installed package.

    Raises
    ------
    MissingPart
        Neither has them.
    """
    module = Path(__file__).resolve()
    places = (module.parents[2] / "notebooks", module.parent / _SHIPPED)
    for folder in places:
        if (folder / f"{NOTEBOOK}.ipynb").is_file():
            return folder
    fact = "The notebooks are not here"
    hint = "Clone the repository and install from it: pip install -e ."
    raise MissingPart(fact, value=places[0].name, hint=hint)


def open_notebooks(to: str | Path = "notebooks") -> Path:
    """Find notebooks that may be edited: those of a clone, else copies.

    Parameters
    ----------
    to
        Where copies go when the package is installed; a notebook that is there already is
        somebody's work and stays as it is.

    Raises
    ------
    MissingPart
        There are no notebooks.
    """
    source = notebooks_folder()
    if source.name != _SHIPPED:
        return source
    folder = Path(to).resolve()
    for notebook in sorted(source.glob("*.ipynb")):
        if not (folder / notebook.name).exists():
            write_text(folder / notebook.name, notebook.read_text(encoding="utf-8"))
    return folder


def run_notebook(
    incident: str, out: str | Path, *, progress: Callable[[str], None] | None = None
) -> dict[str, Path]:
    """Run the main notebook on an incident; write it, its HTML and what it exports.

    Parameters
    ----------
    incident
        Id of a recorded incident.
    out
        Folder for results; they go into a folder of the incident's name in it.
    progress
        Told a line before each cell runs.

    Returns
    -------
    dict
        Name of each result to its path: ``notebook``, ``html`` and what the notebook wrote.

    Raises
    ------
    MissingPart
        The notebooks are not here.
    WorkbenchError
        A cell failed; the notebook with the failure is kept beside a finished one, and named.
    CannotWrite
        The folder cannot be written to.
    KeyboardInterrupt
        Ctrl-C: the notebook and the page that were there stay as they are.
    """
    source = notebooks_folder() / f"{NOTEBOOK}.ipynb"
    folder = Path(out).resolve() / incident
    make_folder(folder)
    notebook = with_parameters(_read(source), {"INCIDENT": incident, "OUT": str(folder.parent)})
    try:
        _execute(notebook, folder, progress or _silent)
    except WorkbenchError:
        write_text(folder / _FAILED, _plain(notebook))
        raise
    page = export_html(notebook, f"Incident {incident}")
    files = {f"{NOTEBOOK}.ipynb": _plain(notebook), f"{NOTEBOOK}.html": page}
    encoded = {name: text.encode("utf-8") for name, text in files.items()}
    kept, page_at = write_together(folder, encoded)
    (folder / _FAILED).unlink(missing_ok=True)
    warn_of_leaks([kept])  # the page shows nothing beyond it
    exported = {name: folder / file for name, file in _EXPORTS.items()}
    return {"notebook": kept, "html": page_at, **{n: p for n, p in exported.items() if p.is_file()}}


def with_parameters(notebook: NotebookNode, values: Mapping[str, str]) -> NotebookNode:
    """Return a copy whose parameters cell sets these values instead.

    Parameters
    ----------
    notebook
        A notebook with one cell tagged ``parameters``.
    values
        Name to value; names the cell does not set itself are added.

    Raises
    ------
    WorkbenchError
        No cell is tagged ``parameters``.
    """
    changed = copy.deepcopy(notebook)
    tagged = [c for c in changed.cells if _TAG in c.metadata.get("tags", [])]
    if not tagged:
        fact = "The notebook has no cell tagged 'parameters'"
        raise WorkbenchError(fact, hint="Tag one")
    tagged[0].source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    return changed


def export_html(notebook: NotebookNode, title: str) -> str:
    """Write an executed notebook as one self-contained page that requests nothing.

    Parameters
    ----------
    notebook
        With outputs.
    title
        Title of the page; escaped by the template.
    """
    import nbconvert
    from traitlets.config import Config

    quiet = dict.fromkeys(["mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url"], "")
    settings = {"NbConvertBase": {"display_data_priority": _PRIORITY}, "HTMLExporter": quiet}
    settings["TagRemovePreprocessor"] = {"enabled": True, "remove_cell_tags": {_INTERACTIVE}}
    exporter = nbconvert.HTMLExporter(config=Config(settings), template_name="lab")
    with warnings.catch_warnings():
        # The images are charts with their caption as text beside them.
        warnings.filterwarnings("ignore", message="Alternative text is missing")
        page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    # What a page shows is in it already; the template's scripts only fetch more from a CDN.
    bare = _SCRIPT.sub("", str(page)).replace("<head>", f"<head>{_POLICY}", 1)
    return bare.replace("</head>", f"{_STYLE}</head>", 1)


def _execute(notebook: NotebookNode, folder: Path, progress: Callable[[str], None]) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    headings = _headings(notebook)

    def tell(cell: NotebookNode, cell_index: int) -> None:
        progress(f"cell {cell_index + 1} of {len(notebook.cells)}: {headings[cell_index]}")

    client = NotebookClient(
        notebook,
        timeout=_SECONDS_A_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=tell,
    )
    try:
        _run(client)
    except CellExecutionError as error:
        fact = f"The notebook stopped: {error.ename}"
        raise WorkbenchError(fact, value=error.evalue, hint=_KEPT) from error
    except (CellTimeoutError, DeadKernelError) as error:
        fact = "The notebook's kernel gave up"
        raise WorkbenchError(fact, value=str(error), hint=_KEPT) from error


def _run(client: NotebookClient) -> None:
    """Execute in a thread of its own: nbclient takes Ctrl-C for itself in the main one."""
    with concurrent.futures.ThreadPoolExecutor(1, "notebook") as thread:
        # The kernel's own chatter belongs to no one's terminal; failures arrive as messages.
        work = client.async_execute(stderr=subprocess.DEVNULL, env=_environment())
        future = thread.submit(asyncio.run, work)
        try:
            while not future.done():
                concurrent.futures.wait([future], timeout=_PAUSE_S)
        except KeyboardInterrupt:
            _end_kernel(client)
            concurrent.futures.wait([future])
            raise
        future.result()


def _end_kernel(client: NotebookClient) -> None:
    """End the kernel at once; its client notices and gives back what it holds."""
    manager = client.km
    process = getattr(getattr(manager, "provisioner", None), "process", None)
    if process is not None and process.poll() is None:
        process.kill()


def _environment() -> dict[str, str]:
    """Environment of the kernel: it runs elsewhere, and reads the same incidents."""
    return {**os.environ, "WORKBENCH_DATASETS": str(datasets.bundles.folder().resolve())}


def _headings(notebook: NotebookNode) -> list[str]:
    """Name each cell by the last heading before it."""
    last, names = "", []
    for cell in notebook.cells:
        titles = [line for line in cell.source.splitlines() if line.startswith("#")]
        if cell.cell_type == "markdown" and titles:
            last = titles[0].lstrip("# ")
        names.append(last)
    return names


def _silent(line: str) -> None:
    del line


def _read(path: Path) -> NotebookNode:
    import nbformat

    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def _plain(notebook: NotebookNode) -> str:
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"
