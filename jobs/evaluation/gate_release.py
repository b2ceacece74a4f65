"""Let a configuration pass to release, or not, by its evaluation."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from jobs.evaluation.evaluate_models import read_evaluation
from jobs.evaluation.training_due import describe_force, model_in_force
from reco_contracts.errors import GateRefusedError
from reco_contracts.logs import get_logger
from reco_contracts.settings import GateSection, Settings


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Judge the report of a run date; on a day without training nothing new asks for release.

    Raises:
        EmptyPartitionError: there is no report for the run date.
        GateRefusedError: the mode is "refuse" and the model does not beat popularity.
    """
    released = model_in_force(settings.layout, run_date, settings.train)
    if released:
        return {"decision": "pass, nothing new to judge", "mode": settings.gate.mode} | describe_force(
            released, settings.train
        )
    return judge(read_evaluation(settings.layout, run_date), settings.gate)


def judge(report: Mapping[str, Any], rules: GateSection) -> dict[str, Any]:
    """Decide on an evaluation report; only "beats" on the primary split passes.

    Args:
        report: as `evaluate_models.evaluate` gives it.
        rules: [gate].

    Raises:
        GateRefusedError: the mode is "refuse" and the verdict is another.
    """
    is_passed = report["verdict"] == "beats"
    if not is_passed and rules.mode == "refuse":
        raise GateRefusedError(
            f"{report['sentence']} (run date {report['run_date']}). The live lists stay as they are. "
            'Search more in [train.als], give it more data, or let it pass with gate.mode = "warn".'
        )
    if not is_passed:
        get_logger(__name__).warning("release gate", result=report["sentence"], decision="goes on, gate.mode is warn")
    return {
        "decision": "pass" if is_passed else "pass with a warning",
        "mode": rules.mode,
        "verdict": report["verdict"],
        "primary_split": report["primary_split"],
        "result": report["sentence"],
    }
