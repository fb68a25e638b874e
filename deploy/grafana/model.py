"""The board hypercare-model: is the model still what it was? For those who let it decide."""

from deploy.grafana.frame import board, site_variable
from deploy.grafana.panels import Json, bars, behind, limits, lines, placed, stat
from deploy.grafana.series import of_site, once


def model() -> Json:
    standing = {"title": "How far the model may act alone", "url": "${hypercare}/v1/autonomy", "targetBlank": True}
    told = "Is the model still what it was? What it says, and what people make of it."
    return board("hypercare-model", "hypercare: Model", told, [site_variable()], placed([*_now(), *_over_time()], standing))


def _now() -> list[Json]:
    moved = limits((0.1, "orange"), (0.25, "red"))
    return [
        stat(
            "Rolling check",
            "1 where the version fails it and routes nothing alone.",
            "max(hypercare_model_check_failed)",
            thresholds=limits((1, "red")),
        ),
        stat(
            "Replicas with another version",
            "They could not use the released one.",
            f"sum({once('hypercare_model_refused')})",
            thresholds=limits((1, "red")),
        ),
        stat(
            "Systems that go alone",
            "Of every site: those whose tickets the model may route without a person.",
            f"sum({of_site('model_autonomy')})",
        ),
        stat(
            "Shift of the systems",
            "Stability index of what the model names, against the decisions before; no data while these are too few.",
            "max(hypercare_model_class_psi)",
            thresholds=moved,
        ),
        stat(
            "Shift of the confidence",
            "Stability index of how sure the model is, against the decisions before; no data while these are too few.",
            "max(hypercare_model_score_psi)",
            thresholds=moved,
        ),
        stat(
            "Right on blind tickets",
            "Of those that people judged without a suggestion in sight.",
            "max(hypercare_model_blind_right_ratio)",
            "percentunit",
        ),
        stat("Blind tickets judged", "What that share is of.", "max(hypercare_model_blind_judged)"),
    ]


def _over_time() -> list[Json]:
    def by_site(name: str) -> dict[str, str]:
        return {of_site(name): "{{site}}"}

    psi = {"max(hypercare_model_class_psi)": "systems", "max(hypercare_model_score_psi)": "confidence"}
    alone = {f"sum by (system) ({of_site('model_autonomy')})": "{{system}}"}
    return [
        lines("Routed alone", "Share of the newest 200 decisions.", by_site("model_coverage_ratio"), "percentunit"),
        lines("Changed by people", "Share of the judged suggestions.", by_site("model_override_ratio"), "percentunit"),
        lines("Judged suggestions", "What the share of changed ones is of.", by_site("model_judged")),
        lines("Shift", "Stability indices: calm below 0.1, a shift above 0.25.", psi),
        bars(
            "Right when sure",
            "By the system that was named, of the sure answers that people have judged.",
            {"max by (system) (hypercare_model_precision_ratio)": "{{system}}"},
            "percentunit",
        ),
        bars("Sites where it goes alone", "By system: at how many sites the model may route without a person.", alone),
        lines("Systems in a prediction set", "More where texts are strange.", {"max(hypercare_model_set_size_mean)": "mean"}),
        lines(
            "Unknown words",
            "Share of a text's words that the version never learned from.",
            {"max(hypercare_model_unknown_words_ratio)": "mean"},
            "percentunit",
        ),
        *behind(
            "Sev1 of the site",
            "/v1/tickets?severity=sev1&site=${__field.labels.site}",
            lines("Confirmed Sev1", "A promise about Sev1 needs 59 at the site.", by_site("sev1_confirmed")),
        ),
        *behind(
            "Tickets that it was offered to",
            "/v1/tickets?known_error=${__field.labels.known_error}",
            bars(
                "Known errors offered",
                "How often, since the beginning.",
                {"max by (known_error) (hypercare_known_error_hits_total)": "{{known_error}}"},
            ),
        ),
        lines("Version that decides", "What decided last.", {"count by (version) (hypercare_model_info)": "{{version}}"}),
    ]
