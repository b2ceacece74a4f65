"""Let a configuration pass to release, or not, by its evaluation.

Two conditions, both on the primary split, each model refitted before the cut:
the lower end of the interval of its NDCG minus popularity's is above 0, and that
of its NDCG minus the live configuration's is above -gate.max_loss_ndcg. So a
loss beyond the margin must be ruled out, not merely be unproven.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from jobs.evaluation.evaluate_models import read_evaluation
from jobs.evaluation.training_due import describe_force, model_in_force
from jobs.models.table import BASELINE
from reco_contracts.errors import GateRefusedError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings
from reco_contracts.train_settings import GateSection

KEEPS = "keeps"
MAY_LOSE = "may lose"


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Judge the report of a run date; on a day without training nothing new asks for release.

    Raises:
        EmptyPartitionError: there is no report for the run date.
        GateRefusedError: the mode is "refuse" and a condition is not met.
    """
    released = model_in_force(settings.layout, run_date, settings.train)
    if released:
        return {"decision": "pass, nothing new to judge", "mode": settings.gate.mode} | describe_force(
            released, settings.train, settings.layout
        )
    return judge(read_evaluation(settings.layout, run_date), settings.gate)


def judge(report: Mapping[str, Any], rules: GateSection) -> dict[str, Any]:
    """Decide on an evaluation report.

    Args:
        report: as `evaluate_models.evaluate` gives it.
        rules: [gate].

    Raises:
        GateRefusedError: the mode is "refuse", and the candidate does not beat popularity or may lose to what is live.
    """
    live = compare_with_live(report, rules.max_loss_ndcg)
    is_passed = report["verdict"] == "beats" and live["verdict"] != MAY_LOSE
    result = ". ".join([report["sentence"], live["sentence"]])
    if not is_passed and rules.mode == "refuse":
        raise GateRefusedError(
            f"{result} (run date {report['run_date']}). The live lists stay as they are. "
            f"Search more (`reco tune`, [train.{report['model']}]), give it more data, let a larger loss pass with "
            'gate.max_loss_ndcg, or anything with gate.mode = "warn".'
        )
    if not is_passed:
        get_logger(__name__).warning("release gate", result=result, decision="goes on, gate.mode is warn")
    return {
        "decision": "pass" if is_passed else "pass with a warning",
        "mode": rules.mode,
        "verdict": report["verdict"],
        "live_verdict": live["verdict"],
        "primary_split": report["primary_split"],
        "result": result,
    }


def compare_with_live(report: Mapping[str, Any], max_loss: float) -> dict[str, str]:
    """Whether a loss of more than the margin against the live configuration is ruled out.

    Args:
        report: as `evaluate_models.evaluate` gives it.
        max_loss: NDCG.

    Returns:
        `verdict`: "keeps", "may lose", "same configuration", "nothing live", or "cannot be compared",
        and a `sentence`.
    """
    live, name = report.get("live"), report["model"]
    if not live:
        why = "too few users" if report.get("chosen") is None else "there is none yet, or its version is gone"
        return {"verdict": "nothing live", "sentence": f"No live configuration to compare with: {why}"}
    version, label = live["model_version"], live["label"]
    if label is None:
        return {"verdict": "cannot be compared", "sentence": f"Live {version} cannot be refitted: {live['problem']}"}
    if label == name:
        return {"verdict": "same configuration", "sentence": f"Live {version} has the same configuration"}
    loss = report["splits"][-1]["differences"][label]["ndcg"]
    verdict = KEEPS if loss["low"] > -max_loss else MAY_LOSE
    words = {
        KEEPS: f"a loss of more than {max_loss:g} is ruled out",
        MAY_LOSE: f"a loss of more than {max_loss:g} is NOT ruled out",
    }
    numbers = f"NDCG {loss['value']:+.4f} [{loss['low']:+.4f}, {loss['high']:+.4f}]"
    as_baseline = f", which is {BASELINE}" if label == BASELINE else ""
    return {"verdict": verdict, "sentence": f"Against live {version}{as_baseline}: {numbers}, {words[verdict]}"}
