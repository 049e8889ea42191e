"""The importer of single-service cases, on a case made here and on the published ones."""

from collections import Counter

import pandas as pd
import pytest

from parts import require_shared_data
from workbench import datasets
from workbench.errors import BundleMissing
from workbench.tables import labels_of


def cases(folder, *, mode="storage_full"):
    case = folder / "cases" / "rds-100"
    case.mkdir(parents=True)
    (folder / "truth.csv").write_text(f"case,failure_mode,category\nrds-100,{mode},other\n")
    alert = "starts_at,name,service,severity,summary\n,Low,rds,critical,orders is low on storage\n"
    (case / "alerts.csv").write_text(alert)
    rows = [f"2026-03-01T10:{m:02d}:00Z,Free,{50 - m},orders,Bytes,Minimum" for m in range(20)]
    text = "\n".join(["ts,metric,value,service,unit,stat", *rows])
    (case / "metrics.csv").write_text(text)
    (case / "events.csv").write_text(
        "ts,reason,type,kind,name,message,count\n"
        "2026-03-01T10:05:00Z,low storage,,db-instance,orders,3 GB remain,1\n"
    )
    return folder


def test_a_case_is_read_with_its_alert_at_the_end(tmp_path):
    window = datasets.read_small_cases(cases(tmp_path)).load("rds-100")
    assert window.title == "orders is low on storage"
    assert window.when.end == pd.Timestamp("2026-03-01T10:19:01Z")
    assert window.when.start == pd.Timestamp("2026-03-01T10:09:30.5Z")
    assert window.alerts["starts_at"].iloc[0] == pd.Timestamp("2026-03-01T10:19:00Z")
    assert window.metrics["value"].tolist()[:2] == [50, 49]
    assert labels_of(window.metrics["labels"].iloc[0]) == {"stat": "Minimum"}
    assert window.events["message"].tolist() == ["3 GB remain"]
    assert window.slos == (), "no request is measured"


def test_truth_stays_outside_the_window(tmp_path):
    full = datasets.read_small_cases(cases(tmp_path / "a"))
    well = datasets.read_small_cases(cases(tmp_path / "b", mode="healthy"))
    assert full.load("rds-100").digest == well.load("rds-100").digest
    assert full.truth("rds-100").services == ("orders",)
    assert full.truth("rds-100").fault == "storage_full"
    assert well.truth("rds-100").services == ()


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(BundleMissing):
        datasets.read_small_cases(tmp_path)


@pytest.mark.slow
def test_the_published_cases_are_all_read():
    labelled = datasets.read_small_cases(require_shared_data("kubernetes-and-postgresql"))
    assert Counter(labelled.groups.values()) == {"eks": 14, "rds": 15}
    truths = {name: labelled.truth(name) for name in labelled.ids}
    assert sum(truth.fault == "healthy" for truth in truths.values()) == 9
    for name, truth in truths.items():
        window = labelled.load(name)
        assert set(truth.services) <= set(window.services)
        assert len(window.logs) or len(window.metrics)
