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
# # Did the deploy do it?
#
# **Something is always deployed just before.** Two recorded deploys are put to the same tests, side
# by side: one that did it, and one that did nothing. Then the rollback.
#
# Sentences with figures are computed by the cells above them.

# %% tags=["parameters"]
INCIDENT = "shop-orders-locks"  # a deploy that did it
RULED_OUT = "shop-innocent-deploy"  # a deploy that did nothing

# %%
import workbench as wb

causal_window, calm_window = wb.datasets.load(INCIDENT), wb.datasets.load(RULED_OUT)
causal_diagnosis = wb.diagnose.compare(causal_window)
calm_diagnosis = wb.diagnose.compare(calm_window)

# %% [markdown]
# ## Two deploys
#
# The same picture for both. In either, something was deployed and the SLI wobbled afterwards. To
# the eye the time of a deploy is strong evidence; it is none as long as nobody counts how often the
# SLI wobbles without one.

# %%
wb.views.timeline(causal_window, causal_diagnosis)

# %%
wb.views.timeline(calm_window, calm_diagnosis)

# %% [markdown]
# ## The step at the moment of the change
#
# A change acts through its own service, so the step is looked for in that service's **own part** of
# the SLI: its time less what it waited for. A fault elsewhere in the same minute is then not put
# down to it. The interval allows for series that resemble their own past.

# %%
causal = wb.causal.effect(causal_window, causal_diagnosis.cause.change)
wb.views.interrupted(causal_window, causal)

# %%
ruled_out = wb.causal.effect(calm_window, str(calm_window.changes["ref"].iloc[0]))
wb.views.interrupted(calm_window, ruled_out)

# %% [markdown]
# ## Two hundred deploys that never happened
#
# The same step, looked for at up to 200 moments of quiet stretches at which nothing was changed.
# They say what the method finds where there is nothing to find.

# %%
wb.views.placebos(causal)

# %%
wb.views.placebos(ruled_out)

# %%
wb.views.message(
    f"{causal.change}: {causal.placebos_as_large} of {causal.placebos} placebo moments as large",
    f"{ruled_out.change}: {ruled_out.placebos_as_large} of {ruled_out.placebos}",
)

# %% [markdown]
# ## What was held still
#
# Traffic moves everything, and people choose when to deploy by it: it must be held still, or a busy
# hour looks like a bad deploy. What happens elsewhere in that *moment* cannot be measured; it is
# shut out by looking at the own part alone.

# %%
wb.views.adjustment(causal)

# %% [markdown]
# ## Against services out of its reach
#
# Services with no path to or from the changed one tell what the moment did to everybody. What the
# changed service did beyond them is the **difference in differences**. It only counts where both
# ran in parallel before; the card says whether they did.

# %%
pairs = [(e.change, e.against) for e in (causal, ruled_out)]
beside = {ref: found.statement if found else "no controls" for ref, found in pairs}
wb.views.message(
    f"{causal.change}: {beside[causal.change]}",
    f"{ruled_out.change}: {beside[ruled_out.change]}",
)

# %% [markdown]
# ## Trying to refute it
#
# An estimate earns belief by surviving attempts to break it: change times shuffled (the effect must
# go), an invented common cause and random subsets (the effect must stay).

# %%
causal

# %%
ruled_out

# %% [markdown]
# What nobody measured could still stand behind it. How strong would it have to be?

# %%
wb.causal.sensitivity(causal_window, causal.change)

# %%
wb.causal.sensitivity(calm_window, ruled_out.change)

# %% [markdown]
# ## The verdicts
#
# A change is called the cause only if it passes every test. One lost test is enough, and it is
# shown with its figure.

# %%
wb.views.refutations(causal_diagnosis)

# %%
wb.views.refutations(calm_diagnosis)

# %%
wb.views.message(causal_diagnosis.verdict, f"Beside the other deploy: {calm_diagnosis.verdict}")

# %% [markdown]
# ## The rollback
#
# Taking a change back is an experiment that nobody planned: if the step goes with the change, few
# other explanations are left. It came after the SLI had left its level, so it cannot be a cause.

# %%
changes = causal_window.changes
undone = str(changes.loc[changes["kind"] == "rollback", "ref"].iloc[0])
remedy = wb.causal.effect(causal_window, undone)
wb.views.interrupted(causal_window, remedy)

# %%
wb.views.message(
    f"{undone}: a step of {remedy.effect * 1000:.0f} ms, after {causal.effect * 1000:+.0f} ms",
    next(s.reason for s in causal_diagnosis.suspects if s.change == undone),
)

# %%
wb.views.effects(causal_diagnosis)

# %% [markdown]
# ## What it cannot tell
#
# Two changes of one service within a few bins have one step between them. A change that acts only
# through a shared host is outside the service graph. A slow leak makes no step. And with too little
# quiet time there is nothing to compare with: then the effect stays undecided.

# %% [markdown]
# ## Questions
#
# Answer before you run the cell below each.
#
# **1. Would the deploy that was ruled out have looked causal to a comparison of before and after?**

# %%
before, during = calm_diagnosis.before * 1000, calm_diagnosis.during * 1000
wb.views.message(
    f"The SLI went from {before:.0f} ms to {during:.0f} ms in that window",
    f"p = {calm_diagnosis.ranking.p_value:.2f} against past windows: chance does this",
)

# %% [markdown]
# **2. How much of the SLI's change is due to the causal deploy?**

# %%
share = causal.effect / (causal_diagnosis.during - causal_diagnosis.before)
wb.views.message(f"{share:.0%} of it", causal.statement)

# %% [markdown]
# **3. How large would the other deploy's effect have had to be to stand out?**

# %%
largest = max(abs(moved) for moved in ruled_out.placebo_effects)
wb.views.message(
    f"More than {max(largest, abs(ruled_out.high), abs(ruled_out.low)) * 1000:.1f} ms",
    "Beyond the largest placebo and the interval: what is smaller cannot be told from nothing",
)
