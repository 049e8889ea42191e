"""GitHub deployments and Argo CD against models of their APIs, and Argo CD's dumps as files."""

from __future__ import annotations

import asyncio
import json

import pandas as pd
import pytest

import faulted
from modelservers import delivery as model
from modelservers.serving import served
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.sources.argocd.source import (
    ArgoCD,
    ArgoCDFiles,
    ArgoCDFilesSettings,
    ArgoCDSettings,
)
from workbench.connectors.sources.github_deployments import (
    GitHubDeployments,
    GitHubDeploymentsSettings,
)
from workbench.connectors.transport.http import Http

T0 = pd.Timestamp("2026-01-31T12:00:00Z")
WHEN = TimeRange(T0, T0 + pd.Timedelta("2h"))


def iso(minutes):
    return (T0 + pd.Timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def deployment(n, at):
    return {
        "id": n,
        "sha": f"{n:040x}",
        "ref": "main",
        "task": "deploy",
        "environment": "prod",
        "created_at": iso(at),
        "updated_at": iso(at + 2),
        "creator": {"login": "ann"},
        "description": "",
        "payload": {},
        "url": f"https://api.example/{n}",
    }


def application(name, *at):
    history = [
        {
            "id": n,
            "revision": f"r{n}",
            "deployedAt": iso(m),
            "deployStartedAt": iso(m - 1),
            "initiatedBy": {"username": "ann"},
            "source": {"repoURL": "https://git.example/x"},
        }
        for n, m in enumerate(at)
    ]
    return {
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "cart"}},
        "spec": {"destination": {"namespace": "prod"}},
        "status": {"history": history},
    }


def store(deployments, every=3):
    """So many deployments, one each few minutes, and an application."""
    times = {n: n * every - 120 for n in range(1, deployments + 1)}
    held = model.Store()
    held.deployments = {"shop/cart": [deployment(n, at) for n, at in times.items()]}
    held.statuses = {
        n: [{"id": n * 10, "state": "success", "created_at": iso(at + 2)}]
        for n, at in times.items()
    }
    held.applications = {"items": [application("cart-prod", -30, 10, 50)]}
    return held


@pytest.fixture(scope="module")
def url():
    with served(model.app(store(120))) as address:
        yield address


def github(url, **limits):
    chosen = GitHubDeploymentsSettings(url=url, repositories=("shop/cart",), **limits)
    return GitHubDeployments("gh", chosen, Http(chosen))


def argocd(url, **limits):
    chosen = ArgoCDSettings(url=url, **limits)
    return ArgoCD("argo", chosen, Http(chosen))


DRIVES = {
    "github_deployments": faulted.Drive(
        lambda: served(model.app(store(15, every=15))), github, "changes", WHEN, counts=False
    ),
    "argocd": faulted.Drive(
        lambda: served(model.app(store(1))), argocd, "changes", WHEN, counts=False
    ),
}


@pytest.mark.slow
class TestGitHubDeployments(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return github(self.url)


class TestArgoCD(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return argocd(self.url)


class TestArgoCDFiles(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        text = json.dumps({"items": [application("cart-prod", -30, 10, 50)]})
        (tmp_path / "apps.json").write_text(text)

    def make(self):
        return ArgoCDFiles("dump", ArgoCDFilesSettings(files=str(self.folder)))


def test_deployments_of_all_pages_in_the_range(url):
    chosen = GitHubDeploymentsSettings(url=url, repositories=("shop/cart", "shop/none"))

    async def work():
        made = GitHubDeployments("gh", chosen, Http(chosen))
        found = await made.fetch("changes", WHEN)
        await made.aclose()
        return found

    found = asyncio.run(work())
    assert len(found.frame) == sum(0 <= n * 3 - 120 < 120 for n in range(1, 121))
    assert set(found.frame["service"].astype("str")) == {"cart"}
    assert found.coverage[-1].status == "partial", "the other repository is not there"
    assert "shop/none" in found.coverage[-1].reason


def test_argo_cd_says_what_it_may_have_forgotten(tmp_path):
    full = application("cart-prod", *range(10, 110, 10))
    (tmp_path / "apps.json").write_text(json.dumps(full))
    made = ArgoCDFiles("dump", ArgoCDFilesSettings(files=str(tmp_path)))
    found = asyncio.run(made.fetch("changes", WHEN))
    assert len(found.frame) == 10
    assert "forgotten" in found.coverage[-1].reason
    assert not found.complete
