"""A real Prometheus (and a VictoriaMetrics) with a history of our choice, on a free port."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import parts
from servers.ports import free_port

CONFIG = "global: {scrape_interval: 1h}\n"


def quoted(value):
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def openmetrics(series):
    """Write `(name, labels, [(seconds, value)])` as OpenMetrics text."""
    lines = []
    for name, labels, samples in sorted(series, key=lambda one: one[0]):
        inner = ",".join(f'{k}="{quoted(v)}"' for k, v in labels.items())
        lines += [f"{name}{{{inner}}} {value} {seconds:.3f}" for seconds, value in samples]
    return "\n".join([*lines, "# EOF", ""])


@contextlib.contextmanager
def running(command, ready, *, folder):
    """Start a program, wait until `ready` answers, stop it by its id."""
    with (Path(folder) / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(process, ready, Path(folder) / "log.txt")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait(process, ready, log):
    ends = time.monotonic() + parts.AMPLE_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(ready, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{process.args[0]} does not answer: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def prometheus(series=(), *, config=CONFIG, files=None):
    """Yield the URL of a Prometheus that holds these series."""
    server = parts.require_program("prometheus")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if series:
            promtool = parts.require_program("promtool")
            (folder / "history.txt").write_text(openmetrics(series), encoding="utf-8")
            subprocess.run(
                [promtool, "tsdb", "create-blocks-from", "openmetrics", "history.txt", "data"],
                cwd=folder,
                check=True,
                capture_output=True,
            )
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        for file, text in (files or {}).items():
            (folder / file).write_text(text, encoding="utf-8")
        url = f"http://127.0.0.1:{free_port()}"
        command = [
            server,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=100y",
            "--log.level=error",
            "--enable-feature=exemplar-storage",
            f"--web.listen-address={url[7:]}",
        ]
        with running(command, f"{url}/-/ready", folder=folder):
            yield url


@contextlib.contextmanager
def node_exporter():
    """Yield the URL of a node exporter: what a real host tells of itself."""
    server = parts.require_program("prometheus-node-exporter", "node_exporter")
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{free_port()}"
        command = [
            server,
            f"--web.listen-address={url[7:]}",
            "--collector.disable-defaults",
            "--collector.loadavg",
            "--collector.cpu",
            "--collector.meminfo",
        ]
        with running(command, f"{url}/metrics", folder=folder):
            yield url


@contextlib.contextmanager
def victoria_metrics(series):
    """Yield the URL of a VictoriaMetrics that holds these series."""
    server = parts.require_program("victoria-metrics")
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{free_port()}"
        command = [
            server,
            "-storageDataPath=data",
            f"-httpListenAddr={url[7:]}",
            "-retentionPeriod=100y",
            "-loggerLevel=ERROR",
        ]
        with running(command, f"{url}/health", folder=folder):
            # Its importer wants milliseconds where OpenMetrics has seconds.
            text = openmetrics(
                [
                    (name, labels, [(t * 1000, v) for t, v in samples])
                    for name, labels, samples in series
                ]
            )
            body = text.replace("# EOF", "").encode()
            request = urllib.request.Request(f"{url}/api/v1/import/prometheus", data=body)
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 204
            with urllib.request.urlopen(f"{url}/internal/force_flush", timeout=10):
                pass
            yield url
