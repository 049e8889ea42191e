# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Connect your systems
#
# From `sources.yaml` to a window whose every gap is told. So that it runs anywhere, the next cells
# start a real Prometheus, a real Alertmanager and an OTLP receiver on this machine. With systems of
# your own, leave them out and point `SOURCES` at your own file.

# %% tags=["parameters"]
FOLDER = ""  # where the practice systems keep what they record; a temporary folder where empty
QUIET_S, INCIDENT_S = 25, 20

# %%
import tempfile
import time

import pandas as pd

import workbench as wb
from workbench.gameday.practice import Practice

# %%
practice = Practice(FOLDER or tempfile.mkdtemp(prefix="practice-")).start()
time.sleep(QUIET_S)

# %% [markdown]
# Quiet so far. Now a deploy makes one service slow, and the scrape of another one breaks.

# %%
began = practice.incident()
time.sleep(INCIDENT_S)
SOURCES = practice.sources

# %% [markdown]
# ## What there is
#
# A source is a name, a kind and where it answers. Secrets stand in the file as references to
# environment variables or the keyring; templates bring the golden signals without a line of PromQL.

# %%
print(SOURCES.read_text())

# %%
sources = wb.connect(SOURCES)
sources

# %% [markdown]
# ## Collect
#
# Every source is asked at once. What comes is masked before it is kept or shown. Stop it at any
# time: finished parts are kept, and the same call goes on from there.

# %%
until = began + pd.Timedelta(seconds=INCIDENT_S)
window = wb.collect(sources, began, until, before=f"{QUIET_S}s")
window

# %% [markdown]
# ## What could not be seen
#
# Each source says how complete its answer is. *Complete* is said where it was proved, for example
# by the server's own count. A scrape that breaks is a gap of its service with its start and end: a
# line drawn through it would look like health.

# %%
coverage = window.coverage.to_frame()
coverage.loc[coverage["status"] != "complete", ["source", "table", "service", "status", "reason"]]

# %%
gaps = coverage[coverage["gaps"].map(len) > 0]
gaps[["source", "service", "gaps"]]

# %% [markdown]
# ## What was masked
#
# Pseudonyms are keyed: the same person is the same name within this workspace, and means nothing
# elsewhere. The scanner reads the window's files as whoever gets them would.

# %%
from workbench.masking import Masker, Pseudonyms, scan, workspace_key

masker = Masker(Pseudonyms(workspace_key(sources.masking_key)), sources.policy)
scan([window.save(practice.folder / "window")], masker)

# %% [markdown]
# ## Go on
#
# The window is like any other. `wb.watch(sources, every="15s")` keeps one growing while an
# incident goes on.

# %%
window.alerts[["starts_at", "name", "service", "severity", "status"]]

# %%
next(iter(wb.watch(sources, began, before=f"{QUIET_S}s")))

# %%
practice = practice.stop()
