"""Every number that the causal room decides by: its unit, and where it comes from.

*Declared*: a round figure somebody chose; *theory*: it follows from a method; *budget*: it bounds
work; *set by hand* or *fitted*: on the systems named, which were looked at while building.
"""

from __future__ import annotations

import pandas as pd

__all__ = [
    "AGAINST_DECLARED",
    "ALL_CALLEES_FROM",
    "ARROW_RUNS",
    "ARROW_SAMPLES",
    "ATTRIBUTION_PERMUTATIONS",
    "ATTRIBUTION_REPEATS",
    "ATTRIBUTION_ROUNDS",
    "ATTRIBUTION_SAMPLES",
    "BULK_ENDS",
    "BULK_UNTIL",
    "CALLEE_SHOWN",
    "CALLS_OVERLAP",
    "CAP_NO_COUNTS",
    "CAP_NO_GRAPH",
    "CAP_NO_HISTORY",
    "CAP_ONE_QUANTILE",
    "CAP_SEVERAL_QUANTILES",
    "CONTROLS_SEEN",
    "COUNTERFACTUAL_BATCH",
    "DOUBTFUL_GRAPH",
    "DOWHY_BATCH",
    "DOWHY_SIMULATIONS",
    "EVENT_STATE_CHANGE",
    "FALSE_DISCOVERIES",
    "FALSIFY_BATCH",
    "FALSIFY_PERMUTATIONS",
    "FELL_SILENT",
    "FEWEST_BEFORE_CONTROLS",
    "FEWEST_CHECKED_BINS",
    "FEWEST_CONTRADICTED",
    "FEWEST_COUNTED",
    "FEWEST_FALSIFY_BINS",
    "FEWEST_FALSIFY_SERVICES",
    "FEWEST_FREEDOM",
    "FEWEST_INSTANCES",
    "FEWEST_LEVELS",
    "FEWEST_ONSET_BINS",
    "FEWEST_ON_HOST",
    "FEWEST_PLACEBOS",
    "FEWEST_POOLED",
    "FEWEST_RESIDUALS",
    "FEWEST_TO_SCATTER",
    "FEWEST_VICTIMS",
    "FEWEST_VIEW_BINS",
    "FORECAST_DRAWS",
    "GAUGE_FALL",
    "GAUGE_THAT_MATTERS",
    "GRAPH_DOUBTED",
    "HALF_THE_CHANGE",
    "HIDDEN_CALL_CREDIT",
    "HIDDEN_CAUSE_FLIPS",
    "HIDDEN_CAUSE_LEAVES",
    "HOST_LEFT_RANGE",
    "IDENTIFICATION_BATCH",
    "IDENTIFICATION_ROUNDS",
    "IDLE_LOSES",
    "INSTANCE_ITS_OWN",
    "INSTANCE_SEEN",
    "INSTANCE_THAT_MATTERS",
    "INTERVENTION_BATCH",
    "INTERVENTION_ROUNDS",
    "LEAST_COUNT_SCATTER",
    "LEAST_DURATION",
    "LEAST_LEVEL",
    "LEAST_SCATTER",
    "LEAST_SHARE",
    "LEAST_TAIL_SCALE",
    "LEAST_TAIL_START",
    "LIKELY_REACHED",
    "LITTLE_HISTORY",
    "LONGEST_AFTER_CHANGE",
    "LONGEST_BEFORE_CHANGE",
    "LONGEST_TEMPLATE",
    "MANY_INSTANCES",
    "MIN_BINS",
    "MORE_THAN_CHANCE",
    "MOSTLY_COUNTED",
    "MOSTLY_KNOWN",
    "MOSTLY_LEARNED",
    "MOSTLY_NEWS",
    "MOSTLY_TRACED",
    "MOST_CALLS_SHOWN",
    "MOST_CRITICISED",
    "MOST_EVENT_DOUBLINGS",
    "MOST_NOISE",
    "MOST_OF_ONE_PLACE",
    "MOST_ONSET_BINS",
    "MOST_PC_VARIABLES",
    "MOST_PERSISTENT",
    "MOST_PLACEBOS",
    "MOST_SHOWN",
    "MOST_WINDOWS_COMPARED",
    "MOVE_TOGETHER",
    "NAMEABLE",
    "NATS_PER_DOUBLING",
    "NEARLY_ALL_BINS",
    "NEGLIGIBLE_FAILURES",
    "NEGLIGIBLE_LATENCY",
    "ONSET_REFITS",
    "PAIRS_AT_ONCE",
    "PARALLEL_TRENDS",
    "PASSED_ON_WHOLE",
    "PC_LEVEL",
    "PRIOR_WINDOWS",
    "REACH_BACK",
    "REFUTER_ROUNDS",
    "REFUTER_SUBSET",
    "REFUTER_TOLERANCE",
    "REPORTED_ALL_ALONG",
    "REPORTS_FELL",
    "ROUNDING",
    "ROUTINE_EVENT",
    "SAME_REQUESTS",
    "SHARE_UNKNOWN",
    "SHORTEST_EPISODE",
    "SHORTEST_HISTORY",
    "SHOWN",
    "SHOWN_BEYOND_NOISE",
    "SIGNALS_ALIKE",
    "SIGNIFICANT",
    "SLOWED_ELSEWHERE",
    "SLOWED_TOGETHER",
    "SLOW_RATHER_THAN_FAILING",
    "TAIL_INDEX",
    "TEMPERATURE",
    "TYPICAL_SCATTER",
    "VICTIM_USES_LESS",
    "WITHIN_LIMIT",
]

# anomalies/events
EVENT_STATE_CHANGE = 4.0  # doublings; set by hand on PetShop and Nezha: one such event is enough
MOST_EVENT_DOUBLINGS = 7.0  # doublings; declared: no event outweighs every other source
ROUTINE_EVENT = 0.25  # share of the weight; declared: scaling and scheduling mostly follow the load

# anomalies/gauges
GAUGE_THAT_MATTERS = 0.1  # share of the level, or of the level elsewhere; declared
GAUGE_FALL = 0.5  # share of the weight; set by hand: less work done is mostly a symptom
FELL_SILENT = 3.0  # doublings; set by hand on Nezha
REPORTED_ALL_ALONG = 0.95  # share of baseline bins; declared: a scrape may be missed
REPORTS_FELL = 0.5  # share of the incident's bins; declared: below half it fell silent

# anomalies/host_faults
FEWEST_ON_HOST = 2  # services that do not call each other; theory: fewer is as likely by chance
SLOWED_TOGETHER = 0.8  # share of the services on a host; declared
SLOWED_ELSEWHERE = 0.5  # share of the services elsewhere; declared: from it on it is not the host
HOST_LEFT_RANGE = 1.0  # doublings; theory: twice its normal range

# anomalies/instances
INSTANCE_THAT_MATTERS = 0.1  # share of what it and the others read; declared
INSTANCE_ITS_OWN = 0.5  # share of what parts it from the others; declared: the larger half
FEWEST_INSTANCES = 2  # instances; theory: one has no others to be told from
MANY_INSTANCES = 8  # instances; theory: from here on the median of all is that of the others
INSTANCE_SEEN = 0.5  # share of baseline bins; declared

# anomalies/noisy_neighbours
FEWEST_VICTIMS = 2  # services; theory: two before the host is what they have in common
VICTIM_USES_LESS = 0.5  # share of the neighbour's rise; declared

# attribution/attribute
HIDDEN_CALL_CREDIT = 0.5  # share of the credit; set by hand on PetShop with edges dropped
PASSED_ON_WHOLE = 1.25  # times what its caller suffered; set by hand: more was not passed on
MOSTLY_NEWS = 0.5  # share of the SLI's change; declared
MOST_NOISE = 0.1  # share of a departure; declared: may be put down to chance

# attribution/breakdown
ALL_CALLEES_FROM = 3  # callees; theory: from three on "all" can be told from "one"

# attribution/call_graph
FEWEST_VIEW_BINS = 3  # bins; theory: fewer agree by chance
MOVE_TOGETHER = 0.8  # correlation; declared: two views of the same requests share most bins
PAIRS_AT_ONCE = 256  # pairs; budget of memory
SAME_REQUESTS = (
    0.02  # relative difference; declared: loads and times this close are the same requests
)

# attribution/concurrency
CALLS_OVERLAP = 1.05  # times the caller's time; theory: calls that sum to more run at the same time

# attribution/confidence_cap
CAP_SEVERAL_QUANTILES = 0.9  # probability; declared: round, below certain
CAP_ONE_QUANTILE = 0.75  # probability; declared: below "sure" (0.8)
CAP_NO_COUNTS = 0.75  # probability; declared: below "sure"
CAP_NO_GRAPH = 0.75  # probability; declared: below "sure"
CAP_NO_HISTORY = 0.4  # probability; declared: below what may be named
SHORTEST_HISTORY = 0.25  # times the incident's length; declared
MOSTLY_COUNTED = 0.5  # share of services; declared

# attribution/graph_check
NEARLY_ALL_BINS = 0.9  # share of bins; declared
FEWEST_CHECKED_BINS = 8  # bins; declared
FEWEST_CONTRADICTED = 3  # calls; declared: before a graph is doubted as a whole
GRAPH_DOUBTED = (
    0.25  # share of the calls that could be checked; graphs known to be right reached .14
)
MOST_CALLS_SHOWN = 3  # calls; room on a line

# attribution/study
NEGLIGIBLE_LATENCY = 0.01  # share of the SLI's level; declared
NEGLIGIBLE_FAILURES = 0.001  # failed requests a request; declared

# change_effects/change_data
LONGEST_AFTER_CHANGE = pd.Timedelta(minutes=5)  # time; declared: later effects have other causes
LONGEST_BEFORE_CHANGE = pd.Timedelta(minutes=15)  # time; declared: enough bins for a level

# change_effects/difference_in_differences
CONTROLS_SEEN = 0.8  # share of bins; declared
PARALLEL_TRENDS = 0.01  # p-value; declared low: a short stretch before tells of trends too readily
FEWEST_BEFORE_CONTROLS = 8  # bins; declared

# change_effects/effects
REACH_BACK = pd.Timedelta(
    minutes=30
)  # time before the incident; declared: an earlier change is no suspect by its time alone

# change_effects/interrupted_series
MIN_BINS = 4  # bins on one side; theory: fewer say nothing about a step
FEWEST_PLACEBOS = 20  # moments; theory: 1 in 20 is the least p-value of 0.05
MOSTLY_KNOWN = 0.5  # share of bins; declared
FEWEST_FREEDOM = 3.0  # degrees of freedom; theory: Student's t has a variance from 3 on
ROUNDING = 1e-12  # share of the largest value; arithmetic, not noise

# change_effects/onset
FEWEST_ONSET_BINS = 12  # bins; declared
MOST_ONSET_BINS = 240  # bins; budget: the search is quadratic
SHORTEST_EPISODE = 2  # bins; theory: one bin is an outlier
ONSET_REFITS = 199  # resamples; budget: 199 give a 95 % interval

# change_effects/placebos
MOST_PLACEBOS = 200  # moments; budget

# change_effects/refuters
REFUTER_ROUNDS = 100  # simulations; budget, as in DoWhy
REFUTER_SUBSET = 0.8  # share of rows; DoWhy's data subset refuter
REFUTER_TOLERANCE = 0.25  # share of the estimate; declared: noise may move it so far
SIGNIFICANT = 0.05  # p-value; the convention (Fisher 1925)

# gcm/arrow_strength
ARROW_SAMPLES = 1000  # samples; budget
ARROW_RUNS = 20  # runs; budget

# gcm/attribution
ATTRIBUTION_ROUNDS = 10  # rounds; budget
ATTRIBUTION_SAMPLES = 500  # samples; budget: 1.7 s for ten nodes
ATTRIBUTION_PERMUTATIONS = 10  # permutations; further ones average out only what is drawn at random
ATTRIBUTION_REPEATS = 2  # repeats; budget

# evidence/hypotheses
LEAST_SHARE = 0.05  # share of the SLI's change; declared: what is not seen to explain it still may
SHARE_UNKNOWN = 0.3  # share; declared: nobody is known to have it, so everybody alike
HALF_THE_CHANGE = 0.5  # share; declared: a change in place that no path is seen to pass on
IDLE_LOSES = 0.5  # share of the evidence; declared: the attribution may lack a call
SHOWN_BEYOND_NOISE = 2.0  # nats; theory: one signal of seven shows as much by chance
MOST_OF_ONE_PLACE = 8.0  # nats; declared: no place is all of what was seen
NATS_PER_DOUBLING = 0.693  # ln 2; arithmetic
SHOWN = 3.0  # nats; theory: one signal of twenty shows as much by chance
MOST_SHOWN = 6  # departures told of a place; budget

# evidence/ratios
LONGEST_TEMPLATE = 160  # characters; budget
MOSTLY_TRACED = 0.5  # of the bins that another source counts requests in; declared

# evidence/surprise
PRIOR_WINDOWS = 4.0  # windows that the family's scatter counts for; declared
TYPICAL_SCATTER = 0.05  # relative; declared: used where no signal has a past at all
LEAST_DURATION = 0.02  # of a duration, and of its family's typical one; declared
LEAST_LEVEL = 0.05  # of a gauge, and of its family's typical level; declared
LEAST_COUNT_SCATTER = 0.2  # of a Poisson's variance; declared: one line a request scatters less
LEAST_SCATTER = 0.001  # relative; declared: the tenth of a percent is rounding
FEWEST_COUNTED = 2.0  # requests; theory: the mean of one is no mean
FEWEST_TO_SCATTER = 3  # past windows; theory: two give no scatter
FEWEST_POOLED = 20  # past departures; declared: fewer give no quantiles
BULK_ENDS = 0.75  # quantile where the tail begins; declared
BULK_UNTIL = 0.95  # quantile up to which the tail is read; declared: beyond lie earlier faults
TAIL_INDEX = 0.7  # of the Pareto tail; chosen of five by twelve systems left out one by one
LEAST_TAIL_SCALE = 0.5  # scatters; declared
LEAST_TAIL_START = 0.3  # scatters; declared
SIGNALS_ALIKE = 0.5  # exponent of their number; declared: signals of a place move together
MOST_WINDOWS_COMPARED = 60  # past windows; budget

# gcm/counterfactual
COUNTERFACTUAL_BATCH = 250  # rows a batch; budget between looks at the deadline

# gcm/falsify
FALSIFY_PERMUTATIONS = 50  # permuted graphs; budget
FALSIFY_BATCH = 5  # permutations a batch; budget
MORE_THAN_CHANCE = 0.01  # p-value; declared: more violations than chance alone brings
FEWEST_FALSIFY_BINS = 20  # bins; declared
FEWEST_FALSIFY_SERVICES = 3  # services; theory: two have no independence to violate

# gcm/identification
FEWEST_LEVELS = 2  # distinct values; theory: what never varies has no effect to identify
IDENTIFICATION_ROUNDS = 200  # resamples; budget
IDENTIFICATION_BATCH = 50  # resamples a batch; budget

# gcm/intervention
INTERVENTION_ROUNDS = 400  # resamples; budget
INTERVENTION_BATCH = 100  # resamples a batch; budget

# gcm/refuters
DOWHY_SIMULATIONS = 20  # simulations; budget
HIDDEN_CAUSE_LEAVES = 0.5  # share of the effect; declared: half has to stay
HIDDEN_CAUSE_FLIPS = 0.05  # share of bins whose change the hidden common cause decides; declared
DOWHY_BATCH = 5  # simulations a batch; budget

# propagation/blast_radius
FORECAST_DRAWS = 1000  # draws; budget: ± .03 on a probability
LIKELY_REACHED = 0.5  # probability; declared: more likely than not
MOSTLY_LEARNED = 0.5  # share of the weight; declared: the window says more than the prior
SLOW_RATHER_THAN_FAILING = 0.5  # probability; declared: nothing is known of the next fault

# propagation/departures
WITHIN_LIMIT = 0.98  # share of past windows within the limit; declared

# propagation/graph_critique
MOST_CRITICISED = 40  # services; budget
MOST_PC_VARIABLES = 10  # variables; budget: PC is exponential in these
FALSE_DISCOVERIES = 0.05  # share of doubts told; declared
AGAINST_DECLARED = 0.01  # share of doubts told; declared low: somebody declared the call
PC_LEVEL = 0.01  # p-value; declared
CALLEE_SHOWN = 0.5  # share of a callee's movement; theory: who waits shows all of it

# propagation/residuals
FEWEST_RESIDUALS = 20  # bins; declared
MOST_PERSISTENT = 0.99  # autoregressive coefficient; theory: 1 has no level

# rank
DOUBTFUL_GRAPH = 0.25  # credit; half of what a service out of reach would explain
LITTLE_HISTORY = 8  # times the incident's length; theory: eight independent windows

# ranking
TEMPERATURE = 1.0  # theory: a posterior is read as it is
NAMEABLE = 0.5  # probability; declared: more likely than not
