"""Read from the log of `airflow dags test` how far a run is, and why it failed."""

import re
from dataclasses import dataclass, field

_START = re.compile(r"\[DAG TEST\] starting task_id=(\S+)")
_END = re.compile(r"\[DAG TEST\] end task task_id=(\S+)")
_STATE = re.compile(r"Task instance state updated.*\bnew_state=(\w+)")
_OUTPUT = re.compile(r"^\S+Z \[\w+ *\] (.*?) +\[airflow\.task\.operators\.reco_tasks\.\w+\] loc=\S+$")
_FINAL = {"success", "failed", "skipped"}
_KEPT_LINES = 25


@dataclass(slots=True)
class TaskLog:
    """One task as the log shows it.

    Attributes:
        task_id: with its group.
        shell_line: what repeats it by hand.
        output: the last lines of its command.
        state: its final state, None while it runs.
    """

    task_id: str
    shell_line: str | None = None
    output: list[str] = field(default_factory=list)
    state: str | None = None


@dataclass(slots=True)
class RunProgress:
    """The tasks of a run in the order in which they started.

    Attributes:
        tasks: one entry a started task; the last attempt where there were several.
        current: the task that runs now.
    """

    tasks: dict[str, TaskLog] = field(default_factory=dict)
    current: TaskLog | None = None

    def read_line(self, line: str) -> str | None:
        """Take in one line of the log.

        Returns:
            The name of a task that has just ended, else None.
        """
        if self.current is not None and (match := _OUTPUT.match(line)):
            self._read_output(self.current, match[1])
        elif match := _START.search(line):
            self.current = self.tasks[match[1]] = TaskLog(match[1])
        elif match := _END.search(line):
            self.current = None
            return match[1]
        elif self.current is not None and (match := _STATE.search(line)) and match[1] != "running":
            self.current.state = match[1]
        return None

    @property
    def done(self) -> int:
        """How many tasks have ended; one that waits for another attempt has not."""
        return sum(task.state in _FINAL for task in self.tasks.values())

    def failed_tasks(self) -> list[TaskLog]:
        """The tasks that failed, the first one first."""
        return [task for task in self.tasks.values() if task.state == "failed"]

    @staticmethod
    def _read_output(task: TaskLog, said: str) -> None:
        if task.shell_line is None and said.startswith("cd "):
            task.shell_line = said
        else:
            task.output = [*task.output[-_KEPT_LINES + 1 :], said]
