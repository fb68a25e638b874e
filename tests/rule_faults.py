"""Rules that are off by a little, and which check of the rule tests finds each."""

from typing import NamedTuple


class Fault(NamedTuple):
    """A rule's text, what it is changed to, and the check that finds it: the alert and the time of the test."""

    limit: str
    other: str
    alert: str
    time: str


SLIPPING, OFF_PLAN = "HypercareBurndownSlipping", "HypercareBurndownOffPlan"
NOTIFY = "\n        labels:\n          urgency: notify"
# fmt: off
FAULTS = [  # of each list one run: each of its faults is found by a check of its own
    [
        Fault("> 1.5 * golive", "> 1.45 * golive", SLIPPING, "10h30m"),
        Fault("> 1.7 * sqrt", "> 1.5 * sqrt", SLIPPING, "7d12h30m"),
        Fault("> 4.5 * golive", "> 4.4 * golive", SLIPPING, "11h30m"),
        Fault("[2d]) > 48", "[2d]) > 47", OFF_PLAN, "1d10h30m"),
        Fault('severity="sev1"}) > 0\n', 'severity=~"sev1|sev2"}) > 0\n', "HypercareSev1Open", "2m"),
        Fault("> 259200", ">= 259200", "HypercareSev2Old", "2m"),
        Fault('clock!="acknowledgement", ', "", "HypercareTargetNear", "3m"),
        Fault('severity=~"sev3|sev4"}) >= 3', 'severity=~"sev3|sev4"}) >= 2', "HypercareTargetMissed", "2m"),
        Fault("storm_tickets) >= 5", "storm_tickets) >= 4", "HypercareStorm", "2m"),
        Fault("for: 4h", "for: 3h", "HypercareRouteShareHigh", "5h"),
        Fault('repeats{window="1d"}) >= 3', 'repeats{window="1d"}) >= 2', "HypercareKnownErrorRepeats", "2m"),
        Fault(">= 4\n", ">= 3\n", "HypercareReopenedOften", "2m"),
        Fault("> 86400\n", ">= 86400\n", "HypercareGxpUnassessed", "2m"),
        Fault("workaround_oldest_seconds) > 1209600", "workaround_oldest_seconds) >= 1209600", "HypercareWorkaroundOld", "2m"),
        Fault("silence_seconds) > 7200", "silence_seconds) >= 7200", "HypercareSilence", "2m"),
        Fault('slip_days{target="exit"}) > 3', 'slip_days{target="exit"}) >= 3', "HypercareForecastSlipped", "2h"),
        Fault('late_days{target="exit"})', "late_days)", "HypercareForecastLate", "13h"),
        Fault(', state="never"', "", "HypercareNeverCloses", "13h"),
        Fault("> 2 * max", ">= 2 * max", "HypercareUndecidedOften", "2h"),
        Fault("snapshot_age_seconds) > 93600", "snapshot_age_seconds) >= 93600", "HypercareSnapshotMissing", "2m"),
        Fault('{phase!="exited"}[6h]', "[6h]", "HypercareGoLiveFiguresAbsent", "16m"),
        Fault("check_age_seconds) > 93600", "check_age_seconds) >= 93600", "HypercareNightUnchecked", "1m"),
        Fault("audit_age_seconds) > 300", "audit_age_seconds) >= 300", "HypercareEscalationStalled", "14m"),
        Fault("> bool 30", ">= bool 30", "HypercareDecisionsLate", "3h30m"),
        Fault("oldest_seconds) > 300\n", "oldest_seconds) >= 300\n", "HypercareSev1Unacknowledged", "5m"),
        Fault("> 900", "> 960", "HypercareTriageQueueOld", "17m"),
        Fault("> 60\n        for: 1m", "> 60", "HypercarePipelineStalled", "2m"),
        Fault("psi) > 0.25", "psi) >= 0.25", "HypercareModelDrift", "14m"),
        Fault(">= 20\n        for: 30m", ">= 19\n        for: 30m", "HypercareOverridesHigh", "31m"),
    ],
    [
        Fault("> 3 * sqrt(golive", "> 2.9 * sqrt(golive", SLIPPING, "10h30m"),
        Fault("open:sum > golive", "open:sum >= golive", SLIPPING, "7d12h30m"),
        Fault("gap:max > 0\n", "gap:max > -2\n", SLIPPING, "11h30m"),
        Fault("> 0.2 * golive", "> 0.19 * golive", OFF_PLAN, "1d5h"),
        Fault("0.1 * max", "0.09 * max", "HypercareReopenedOften", "7m"),
        Fault("> 3600\n", ">= 3600\n", "HypercareGxpUnassessed", "2m"),
        Fault("shift_running > 0", "shift_running >= 0", "HypercareSilence", "3m"),
        Fault(">= 20\n          and (max", ">= 19\n          and (max", "HypercareUndecidedOften", "2h"),
        Fault('{phase=~"hypercare|overdue|guarded|relapsed"}', "", "HypercareSnapshotMissing", "2m"),
        Fault("avg30m > 6", "avg30m > 0", "HypercareDecisionsLate", "10h2m"),
        Fault("avg3d > 0.01", "avg3d > 0.009", "HypercareDecisionsOftenLate", "10h"),
        Fault("avg1h > 14.4", "avg1h > 12", "HypercareDecisionsLate", "3h30m"),
        Fault("max by (site) (hypercare_sev1", "max by (site, instance) (hypercare_sev1", "HypercareSev1Unacknowledged", "6m"),
        Fault(" or max(hypercare_model_score_psi) > 0.25", "", "HypercareModelDrift", "31m"),
        Fault("override_ratio) > 0.3 and", "override_ratio) >= 0.3 and", "HypercareOverridesHigh", "31m"),
    ],
    [
        Fault("> 172800", "> -1", SLIPPING, "10h30m"),
        Fault("growth:max3d > 0\n", "growth:max3d >= 0\n", SLIPPING, "7d12h30m"),
        Fault("keep_firing_for: 2d", "keep_firing_for: 47h", SLIPPING, "2d19h30m"),
        Fault("> 2 * golive", "> 1.9 * golive", OFF_PLAN, "1d5h"),
        Fault("> 3110400", ">= 3110400", "HypercareSilence", "2m"),
        Fault("> 3 * sqrt(max", "> 2.5 * sqrt(max", "HypercareUndecidedOften", "2h30m"),
        Fault("unless on (golive) hypercare_golive_snapshot_age_seconds\n", "\n", "HypercareSnapshotMissing", "7m"),
        Fault(f"for: 10m{NOTIFY}", f"for: 9m{NOTIFY}", "HypercareModelDrift", "30m"),
    ],
    [
        Fault(' and on (golive) hypercare_golive_info{phase=~"hypercare|overdue"}', "", SLIPPING, "10h30m"),
        Fault("max3d > golive:hypercare_golive_ended:max3d\n", "max3d >= golive:hypercare_golive_ended:max3d\n", SLIPPING, "7d12h30m"),
        Fault("for: 30m\n        keep", "for: 0m\n        keep", SLIPPING, "11h"),
        Fault("[1d]) > 36", "[1d]) > 35", OFF_PLAN, "1d4h30m"),
        Fault("age_seconds < 1209600", "age_seconds <= 1209600", "HypercareSilence", "3m"),
        Fault("max(hypercare_model_class_psi) > 0.25 or ", "", "HypercareModelDrift", "25m"),
    ],
]
# fmt: on
