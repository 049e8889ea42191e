"""Many incidents at once give what one after the other gives, here and on a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planted import SMALL, Fault, metrics_window
from workbench import archive, datasets
from workbench.errors import BadInput, MissingPart
from workbench.evaluate import across, evaluate, score
from workbench.evaluate.parallel import connected, each

SERVICES = ("payments", "catalog", "payments")
# A worker's own file descriptors and event loops end when the garbage collector finds them.
pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def windows():
    return [
        metrics_window(SMALL, faults=(Fault(name, "latency", 0.2),), seed=n, id=f"{n}-{name}")
        for n, name in enumerate(SERVICES)
    ]


@pytest.fixture(scope="module")
def labelled(windows):
    return datasets.label_windows(windows, {w.id: w.id.split("-")[1] for w in windows})


@pytest.fixture(scope="module")
def bundles(windows, tmp_path_factory):
    root = tmp_path_factory.mktemp("bundles")
    for window in windows:
        folder = window.save(root / window.id)
        (folder / "truth.json").write_text(f'{{"service": "{window.id.split("-")[1]}"}}')
    return root


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster, set_as_default=False) as connection,
    ):
        yield connection


def told(evaluation):
    """Everything but the time it took."""
    return [replace(case, seconds=0.0) for case in evaluation.cases], dict(evaluation.rules)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(labelled, bundles):
    assert told(score(labelled, n_jobs=2)) == told(score(labelled))
    serial = evaluate("bundles", bundles)
    assert len(serial.cases) == len(SERVICES)
    assert told(evaluate("bundles", bundles, n_jobs=2)) == told(serial)


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(labelled, bundles, client):
    assert told(score(labelled, cluster=client)) == told(score(labelled))
    assert told(evaluate("bundles", bundles, cluster=client)) == told(evaluate("bundles", bundles))


@pytest.mark.slow
def test_the_work_is_done_on_the_cluster(client):
    import os

    done = set(each(os.getpid, [()] * 8, cluster=client))
    assert done <= set(client.run(os.getpid).values())


@pytest.mark.slow
def test_an_address_connects_to_the_cluster(client):
    with connected(client.scheduler.address) as other:
        assert each(pow, [(2, 3), (3, 2)], cluster=other) == [8, 9]
    with connected(None) as nothing:
        assert nothing is None


def test_an_address_nobody_answers_is_told():
    with pytest.raises(BadInput, match="scheduler"), connected("nonsense://x"):
        pass


def test_without_dask_its_install_line_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingPart, match=r"incident-workbench\[dask\]"), connected("tcp://x"):
        pass


@pytest.mark.parametrize("number", [0, -2])
def test_no_number_of_processes_is_refused(labelled, number):
    with pytest.raises(BadInput, match="number of processes"):
        score(labelled, n_jobs=number)


def test_another_process_is_sent_one_window_alone(labelled, windows):
    alone = labelled.alone(windows[1].id)
    assert alone.ids == (windows[1].id,)
    assert alone.load(windows[1].id) is windows[1]
    with pytest.raises(KeyError):
        alone.load(windows[0].id)


def services(window):
    return window.check_service("payments")


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_verb_runs_across_an_archive_and_each_failure_is_named(
    bundles, windows, tmp_path, n_jobs
):
    for name in ("a", "b"):
        windows[0].save(tmp_path / name)
    (tmp_path / "b" / "manifest.json").write_text("{")
    windows[0].only("catalog").save(tmp_path / "c")
    found = across(archive.open(tmp_path), services, n_jobs=n_jobs)
    assert found.results == {"a": "payments"}
    assert set(found.failures) == {"b", "c"}
    assert "Unknown service" in repr(found)
    assert list(found.to_frame()["bundle"]) == ["a", "b", "c"]
    assert "payments" in found._repr_html_()
