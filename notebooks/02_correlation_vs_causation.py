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
# # Correlation against causation
#
# **In an incident everything moves together. Which of the things that moved did it, and how
# can anybody know?**
#
# One recorded incident, looked at twice: once as a wall of graphs does it, once over the service
# graph. No statistics needed. Sentences with figures are computed by the cells above them.

# %% tags=["parameters"]
INCIDENT = "shop-traffic-surge"  # `wb.datasets.incidents()` lists them

# %%
import numpy as np
import pandas as pd

import workbench as wb

ALPHA = 0.05  # level at which a correlation counts as beyond chance

# %%
window = wb.datasets.load(INCIDENT)
signals = wb.features.signals(window)
diagnosis = wb.diagnose.compare(window)

# %% [markdown]
# ## What moved
#
# The SLI, the traffic, a change, alerts, and when each service first left its normal range.
# **Before reading on, say aloud which of them did it.** Two answers are tempting: the
# change that came just before, and the first alert.

# %%
wb.views.timeline(window, diagnosis, signals=signals)

# %% [markdown]
# ## Ask correlation
#
# Every signal is compared with the SLI, at the delay at which the two fit best. The p-value says
# how often an unrelated series, just as sluggish, would fit as well.

# %%
correlation = wb.correlate.rank(window)
table = correlation.to_frame()
correlation

# %%
strongest, cause = table.iloc[0], diagnosis.cause
first = f"{strongest['service']}/{strongest['signal']}"
beyond = table[table["p_value"] <= ALPHA]
wb.views.message(
    f"{len(beyond)} of {len(table)} signals move with {diagnosis.sli}, on "
    f"{beyond['service'].nunique()} of {len(window.services)} services",
    f"The strongest is {first}, at {strongest['correlation']:.2f}",
)

# %% [markdown]
# Correlation is not wrong: those signals do move together. It does not answer the question that
# an on-call has, which is what to put back.

# %% [markdown]
# ## Rank against rank
#
# Each row is a suspect. Further up: more causal, by the tests shown below. Further left: more
# correlated. If correlation were enough, the points would lie on a diagonal.

# %%
wb.views.ranks(diagnosis)

# %%
victim = next(s for s in diagnosis.suspects if s.correlation_rank == 1)
wb.views.message(
    f"What set it off is {cause.name}. By correlation it stands at place "
    f"{cause.correlation_rank} of {len(table)}",
    f"Place 1 is {victim.name}, a {victim.role}: {victim.reason}",
)

# %% [markdown]
# ## Three reasons why two lines move together
#
# 1. The first acts on the second.
# 2. The second acts on the first: a caller is slow because it waits for what it calls.
# 3. Something third acts on both. It is called a **confounder**; in operations it is most often
#    traffic.
#
# Correlation looks the same in all three. The service graph tells them apart: load travels along
# the arrows, latency and errors travel back against them.

# %%
wb.views.topology(window, diagnosis, signals=signals)

# %% [markdown]
# ## Hold the third thing still
#
# If two lines move together only because a third moves both, they stop doing so when one looks at
# moments where the third is the same. Below: the load of the service that was deployed, and the
# SLI; then the same with the load of the place that failed first held still.

# %%
accused = str(window.changes["service"].iloc[0])
failed = diagnosis.bucket("first failure")[0].service
sli = signals.nodes[diagnosis.sli.service, diagnosis.sli.signal]
loads = {name: signals.nodes[name, "load"] for name in (accused, failed)}
frame = pd.DataFrame({"sli": sli, **loads})[window.baseline.start : window.when.end]
plain = frame.rank().corr()
held = np.linalg.inv(plain)

# %%
still = -held[0, 1] / np.sqrt(held[0, 0] * held[1, 1])
wb.views.message(
    f"{accused}'s load and {diagnosis.sli} correlate at {plain.loc['sli', accused]:.2f}; with "
    f"{failed}'s load held still, at {still:.2f}",
    f"Rank correlations over {len(frame.dropna())} bins of {signals.step_s:g} s",
)

# %% [markdown]
# Holding still what was measured is called **adjusting**. It needs to be known what to hold: the
# graph says so, the data cannot. Adjusting for the wrong thing, such as something that the
# suspect itself acts on, makes a cause look like a coincidence.

# %% [markdown]
# ## Whose milliseconds?
#
# A request's time is a service's own work plus what it waited for. Both are measured, so the
# change of the SLI can be split into parts that add up. A service that only waits has no part,
# however well it correlates.

# %%
ranking = diagnosis.ranking
wb.views.waterfall(ranking)

# %%
latency = signals.nodes[accused, "latency"]
before = latency[window.baseline.start : window.baseline.end].mean() * 1000
during = latency[diagnosis.onset : window.when.end].mean() * 1000
wb.views.message(
    f"{accused} became slow too: {before:.0f} ms before, {during:.0f} ms after the onset",
    f"Of the SLI's change of {ranking.change * 1000:.0f} ms its own work is "
    f"{round(ranking.of(accused).attribution * 1000) + 0:.0f} ms: it waited",
)

# %% [markdown]
# ## Did the change do it?
#
# Something had been deployed shortly before. The step at that moment is set beside moments at
# which nothing was changed: if quiet moments make steps as large, the change's step says nothing.

# %%
effect = wb.causal.effect(window, str(window.changes["ref"].iloc[0]))
wb.views.placebos(effect)

# %% [markdown]
# ## Every suspect and its tests
#
# A suspect climbs as far as its tests carry it. *Symptom*, *confounded* and *coincidence* are three
# different ways of being ruled out.

# %%
wb.views.ladder(diagnosis)

# %%
wb.views.refutations(diagnosis)

# %% [markdown]
# ## What if?
#
# The same incident, with one service's own work put back to normal: first the place that failed
# first, then the one that had been deployed.

# %%
wb.views.counterfactual(wb.causal.what_if(window, failed))

# %%
wb.views.counterfactual(wb.causal.what_if(window, accused))

# %% [markdown]
# ## What it cannot see
#
# Take a source away, and ask again. Here the gauges (queue, pool, CPU) of the place that failed
# first are hidden: then a service that ran out of something looks like one slow by itself.
# The claim must not climb, and the answer says what would settle it.

# %%
metrics = window.metrics
request = metrics["metric"].astype(str).str.startswith("http_")
kept = metrics[request | (metrics["service"] != failed)]
blind = wb.diagnose.compare(window.with_(tables={**window.tables, "metrics": kept}))
wb.views.message(blind.verdict, f"What would settle it: {'; '.join(blind.would_settle)}")

# %% [markdown]
# It is as blind to services that are neither in the graph nor in the telemetry, and to two faults
# that begin in the same minute in services that call each other.

# %% [markdown]
# ## A quiet window
#
# Now the same questions about a stretch of the same length in which nothing was wrong. Correlation
# always has a first place. A cause need not exist.

# %%
quiet = window.history
calm = quiet.between(quiet.when.end - window.when.duration, quiet.when.end)
calm_table = wb.correlate.rank(calm, diagnosis.sli).to_frame()
calm_diagnosis = wb.diagnose.compare(calm, diagnosis.sli)
calm_first = calm_table.iloc[0]

# %%
wb.views.message(
    f"Nothing was wrong, and {(calm_table['p_value'] <= ALPHA).sum()} of {len(calm_table)} signals "
    f"move with {calm_diagnosis.sli}: first {calm_first['service']}/{calm_first['signal']}, at "
    f"{calm_first['correlation']:.2f}",
    calm_diagnosis.verdict,
)

# %% [markdown]
# ## Questions
#
# Answer before you run the cell below each.
#
# **1. Would restarting the place with the strongest correlation have helped?**

# %%
row = ranking.of(strongest["service"])
wb.views.message(
    f"{row.service}'s own work is {row.attribution * 1000:.1f} ms of the "
    f"{ranking.change * 1000:.0f} ms",
    "A restart puts back only what a service does itself",
)

# %% [markdown]
# **2. Would rolling back the deploy have helped?**

# %%
wb.views.message(effect.statement)

# %% [markdown]
# **3. The place that failed first has nearly all the milliseconds. Is it the cause?**

# %%
wb.views.message(f"{cause.name}, {cause.claim}", cause.reason)

# %% [markdown]
# It did the slow work, and it did it because of what came in. Putting it right by hand would have
# taken the pressure off; the *state change* that began the incident lies at the entry.
#
# **4. In the quiet window the SLI moved as well. Why is no cause named?**

# %%
calm_ranking = calm_diagnosis.ranking
wb.views.message(
    f"{calm_ranking.before * 1000:.0f} ms → {calm_ranking.during * 1000:.0f} ms: past windows of "
    f"that length moved as far with p = {calm_ranking.p_value:.2f}",
    "A movement that chance alone makes needs no cause",
)
