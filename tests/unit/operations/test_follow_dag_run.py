"""The reader of `airflow dags test`'s log: attempts, output, the line to repeat, odd lines."""

from jobs.operations.follow_dag_run import RunProgress

HEAD = "2026-01-31T09:00:00.000000Z [info     ]"


def _start(task: str) -> str:
    return f"{HEAD} [DAG TEST] starting task_id={task} map_index=-1 [airflow.sdk.definitions.dag] loc=dag.py:1501\n"


def _end(task: str) -> str:
    return f"{HEAD} [DAG TEST] end task task_id={task} map_index=-1 [airflow.sdk.definitions.dag] loc=dag.py:1563\n"


def _state(state: str) -> str:
    return (
        f"{HEAD} Task instance state updated    [routes.task_instances] loc=x.py:1 new_state={state} rows_affected=1\n"
    )


def _said(text: str) -> str:
    return f"{HEAD} {text:30} [airflow.task.operators.reco_tasks.RecoOperator] loc=reco_tasks.py:125\n"


def _read(*lines: str) -> RunProgress:
    progress = RunProgress()
    for line in lines:
        progress.read_line(line)
    return progress


def test_tasks_are_counted_when_they_end() -> None:
    progress = _read(_start("a"), _state("success"), _end("a"), _start("b"))
    assert progress.done == 1
    assert progress.current is not None
    assert progress.current.task_id == "b"


def test_an_attempt_that_will_be_repeated_is_not_done() -> None:
    first = [_start("a"), _state("up_for_retry"), _end("a")]
    assert _read(*first).done == 0
    again = _read(*first, _start("a"), _state("success"), _end("a"))
    assert again.done == 1
    assert again.failed_tasks() == []


def test_a_failed_task_has_its_last_words_and_the_line_to_repeat_it() -> None:
    words = [_said(f"line {number} [with brackets]") for number in range(100)]
    progress = _read(
        _start("a"),
        _said("cd '/my shop' && reco rank"),
        *words,
        "Traceback (most recent call last):\n",
        _state("failed"),
    )
    (failed,) = progress.failed_tasks()
    assert failed.shell_line == "cd '/my shop' && reco rank"
    assert len(failed.output) == 25
    assert failed.output[-1] == "line 99 [with brackets]"


def test_output_that_looks_like_a_change_of_state_is_output() -> None:
    progress = _read(_start("a"), _said("cd x && y"), _said("Task instance state updated new_state=failed"), _end("a"))
    assert progress.failed_tasks() == []
