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
# # Investigate an incident
#
# **What changed, where did it fail first, what did users feel, and which of the things that
# moved are not the cause?**
#
# Choose an incident below and run all cells. Every cell can be run again, in any order.

# %% tags=["parameters"]
INCIDENT = "shop-orders-locks"  # `wb.datasets.incidents()` lists them
OUT = "../outputs"

# %% [markdown]
# ## The answer first
#
# Verdict, what users felt, onset, why, and what would settle what is open. Everything below says
# how it was reached, and what could not be seen.

# %%
from pathlib import Path

import workbench as wb

window = wb.datasets.load(INCIDENT)
diagnosis = wb.diagnose.compare(window)
diagnosis

# %% [markdown]
# ## What was opened
#
# The window holds everything the analysis may look at. The baseline is the stretch that counts
# as normal; the card says why it was chosen.

# %%
window

# %% [markdown]
# ## What was seen, and what was not
#
# A gap is a gap: it counts neither as zero nor as the last value. A cause can hide in what is
# listed here as partial, stale or empty.

# %%
window.coverage

# %% [markdown]
# ## Timeline
#
# SLI, traffic, changes, alerts and first movements on one axis. Look at what stands just before
# the onset, and do not trust it yet: something is always deployed just before.

# %%
signals = wb.features.signals(window)
timeline = wb.views.timeline(window, diagnosis, signals=signals)
timeline

# %% [markdown]
# ## Service graph
#
# Callers stand left of what they call. Colour is the distance from the baseline; load travels to
# the right, latency and errors travel back to the left.

# %% tags=["interactive"]
wb.views.network(window, diagnosis, signals=signals)

# %% [markdown] tags=["interactive"]
# Drag, zoom and hover above; below, the same as a still picture that needs no kernel.

# %%
topology = wb.views.topology(window, diagnosis, signals=signals)
topology

# %% [markdown]
# ## Correlation against causation
#
# In an incident nearly everything correlates with the SLI. A suspect climbs the ladder only by
# named tests: *observed*, *correlated*, *plausible*, *supported*, or it is *refuted*. What is
# correlated and no cause is called a symptom, confounded, or a coincidence.

# %%
wb.views.ladder(diagnosis)

# %%
wb.views.ranks(diagnosis)

# %% [markdown]
# The strongest correlations with the SLI, judged against series that are just as sluggish. A
# positive lag means that the suspect moved first.

# %%
wb.correlate.rank(window)

# %% [markdown]
# The SLI's change, split over the services by what each did itself. The parts sum to the whole.

# %%
ranking = wb.causal.rank(window)
wb.views.waterfall(ranking)

# %% [markdown]
# ## Evidence of the leading hypothesis
#
# Its own signals beside the SLI. A cause should leave its band no later than the SLI does.

# %%
wb.views.evidence(window, diagnosis, signals=signals)

# %% [markdown]
# ## What if it had stayed at its baseline?
#
# The SLI as it was, beside the SLI with the own work of the leading suspect, or of the first to
# fail, put back to normal. `wb.causal.what_if(window, service)` asks about any other service.

# %%
wb.views.what_if(window, diagnosis)

# %% [markdown]
# ## Changes put to the test
#
# Each change's effect on the SLI, adjusted for traffic, beside placebo changes at quiet moments.
# What came at the right time and did nothing is a decoy. `wb.causal.effect(window, ref)` shows one
# change alone.

# %%
wb.views.effects(diagnosis)

# %%
wb.views.refutations(diagnosis)

# %% [markdown]
# ## Export
#
# A postmortem draft: every number links to its evidence, and what only people can say stays
# *to do*.

# %%
figures = (
    wb.postmortem.Figure(topology.to_svg(), topology.caption, section=7),
    wb.postmortem.Figure(timeline.to_svg(), timeline.caption, section=9),
)
draft = wb.postmortem.draft(window, diagnosis, figures=figures)
wb.postmortem.save(draft, Path(OUT) / INCIDENT)

# %% [markdown] tags=["interactive"]
# ## Panel
#
# Pick another incident, SLI or range: verdict and charts follow.

# %% tags=["interactive"]
wb.views.panel(window, diagnosis)
