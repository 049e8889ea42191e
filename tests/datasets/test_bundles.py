import json

import pytest

from planted import SHOP, Fault, metrics_window
from workbench import datasets
from workbench.errors import BundleAltered, BundleMissing, UnknownName, WorkbenchError

WINDOW = metrics_window(
    SHOP, (Fault("payments", "latency", 0.3),), id="slow-payments", bins=60, history=False
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    (tmp_path / "slow-payments").mkdir()
    _truth(tmp_path, "payments")
    WINDOW.save(tmp_path / "slow-payments")
    metrics_window(SHOP, id="calm", bins=60, history=False).save(tmp_path / "calm")
    return tmp_path


def _truth(folder, service):
    told = {"service": service, "fault": "latency", "onset": "2026-01-31T12:45:00Z"}
    (folder / "slow-payments" / "truth.json").write_text(json.dumps(told))


def test_bundles_are_listed_loaded_and_verified(folder):
    assert list(datasets.incidents()["id"]) == ["calm", "slow-payments"]
    assert datasets.load("slow-payments").digest == WINDOW.digest
    assert "truth.json" in datasets.verify("slow-payments")


def test_the_truth_is_apart(folder):
    truth = datasets.truth("slow-payments")
    assert truth.services == ("payments",)
    assert truth.details == {"onset": "2026-01-31T12:45:00Z"}
    with pytest.raises(BundleMissing, match="truth"):
        datasets.truth("calm")


def test_another_truth_is_another_file_and_the_same_window(folder):
    _truth(folder, "front")
    assert datasets.load("slow-payments").digest == WINDOW.digest
    (folder / "slow-payments" / "truth.json").unlink()
    assert datasets.load("slow-payments").digest == WINDOW.digest


def test_an_altered_truth_does_not_verify(folder):
    _truth(folder, "front")
    with pytest.raises(BundleAltered):
        datasets.verify("slow-payments")


def test_an_unknown_incident_is_refused_with_the_nearest(folder):
    with pytest.raises(UnknownName, match="Did you mean 'slow-payments'"):
        datasets.load("slow-payment")


def test_only_labelled_bundles_are_scored(folder):
    labelled = datasets.read_bundles(folder)
    assert labelled.ids == ("slow-payments",)
    with pytest.raises(UnknownName):
        labelled.check("calm")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installed package that carries one incident, in an empty working directory."""
    package, empty = tmp_path / "site" / "workbench" / "datasets", tmp_path / "empty"
    WINDOW.save(package / "recorded" / "slow-payments")
    empty.mkdir()
    monkeypatch.delenv("WORKBENCH_DATASETS", raising=False)
    monkeypatch.setattr(datasets.bundles, "__file__", str(package / "bundles.py"))
    monkeypatch.chdir(empty)
    return package / "recorded"


def test_an_installed_package_reads_what_it_carries(installed):
    assert datasets.bundles.folder() == installed
    assert datasets.load("slow-payments").digest == WINDOW.digest


def test_what_a_package_does_not_carry_is_named_with_the_way_to_it(installed):
    with pytest.raises(UnknownName, match=r"carries only slow-payments\. Say --datasets"):
        datasets.load("shop-traffic-surge")


def test_somebody_elses_datasets_folder_hides_nothing(installed, tmp_path):
    (tmp_path / "empty" / "datasets" / "cats").mkdir(parents=True)
    assert datasets.bundles.folder() == installed
    WINDOW.save(tmp_path / "empty" / "datasets" / "mine")
    assert list(datasets.incidents()["id"]) == ["mine"]


def test_a_folder_without_labelled_bundles_is_named(folder, tmp_path):
    assert list(datasets.read_bundles(folder).groups) == ["slow-payments"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleMissing, match="No labelled bundles"):
        datasets.read_bundles(tmp_path / "empty")


ODD = {
    "web": '{"name": "Shop", "start_url": "/"}',
    "cut": '{"schema_version": 1, "win',
    "list": "[]",
    "newer": '{"schema_version": 7, "window": {}, "files": {}}',
    "no window": '{"schema_version": 1, "window": {}, "files": {}}',
    "odd window": '{"schema_version": 1, "window": {"when": 3, "title": 1}, "files": {}}',
    "not text": "\x00\ud800",
}


def test_an_odd_folder_beside_the_bundles_hides_none_of_them(folder):
    for name, text in ODD.items():
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    (folder / "a folder" / "manifest.json").mkdir(parents=True)
    (folder / "link").mkdir()
    (folder / "link" / "manifest.json").symlink_to(folder / "nowhere")
    frame = datasets.incidents().set_index("id")
    whole = frame[frame["problem"] == ""]
    assert list(whole.index) == ["calm", "slow-payments"]
    assert set(ODD) <= set(frame.index[frame["problem"].str.len() > 5])
    assert datasets.load("calm").id == "calm"
    for name in ODD:
        with pytest.raises(WorkbenchError):
            datasets.load(name)
