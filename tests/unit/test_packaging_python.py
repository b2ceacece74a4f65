"""Which Python makes the environment, and what a machine without a fitting one is told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "grep", "awk", "tee", "cat", "tail", "rm", "mkdir")


class Machine:
    """A checkout and a PATH with nothing but the basic tools and the Pythons that are put there."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        (self.checkout / ".ci").mkdir(parents=True)
        shutil.copy2(ROOT / ".ci" / "make_venv", self.checkout / ".ci" / "make_venv")
        (self.checkout / "requirements.lock").write_text("one==1\ntwo==2\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def add_python(self, name: str, version: str, *, has_venv: bool = True, works: bool = True) -> None:
        """A stand-in that answers the script's questions, and makes an environment of stand-ins."""
        script = f"""#!/bin/sh
[ {int(works)} = 1 ] || {{ echo "shim: {name}: command not found" >&2; exit 127; }}
case "$*" in
    *version_info*) echo {version} ;;
    *ensurepip*) exit {int(not has_venv)} ;;
    "-m venv --clear "*) echo "{name}" >> made; mkdir -p .venv/bin; cat "$0" > .venv/bin/python
        chmod +x .venv/bin/python ;;
    *"pip --version"*) exit 0 ;;
    *"pip install"*--require-hashes*) echo "$*" >> installs; exit $(cat fail 2>/dev/null || echo 0) ;;
    *"pip install"*) echo "$*" >> installs ;;
esac
"""
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)

    def make(self, **variables: str) -> "subprocess.CompletedProcess[str]":
        (self.bin / "chmod").exists() or (self.bin / "chmod").symlink_to(str(shutil.which("chmod")))
        environment = {"PATH": str(self.bin), **variables}
        return subprocess.run(
            [str(self.checkout / ".ci" / "make_venv")], env=environment, capture_output=True, text=True, check=False
        )

    def lines(self, name: str) -> list[str]:
        path = self.checkout / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_python_it_says_what_to_install(machine: Machine) -> None:
    done = machine.make()
    assert done.returncode != 0
    assert "expected Python 3.11, 3.12 or 3.13 on the PATH; found none" in done.stderr


def test_a_version_that_is_too_old_or_too_new_is_named(machine: Machine) -> None:
    machine.add_python("python3", "3.10")
    machine.add_python("python", "3.14")
    done = machine.make()
    assert done.returncode != 0
    assert "found python3 is 3.10, python is 3.14" in done.stderr
    assert "PYTHON=" in done.stderr


def test_a_python_without_venv_gets_debians_line(machine: Machine) -> None:
    machine.add_python("python3", "3.11", has_venv=False)
    done = machine.make()
    assert done.returncode != 0
    assert "sudo apt-get install python3.11-venv" in done.stderr


def test_shims_that_do_not_start_and_pythons_without_venv_are_passed_over(machine: Machine) -> None:
    machine.add_python("python3.13", "3.13", works=False)
    machine.add_python("python3.12", "3.12", has_venv=False)
    machine.add_python("python3.11", "3.11")
    done = machine.make()
    assert done.returncode == 0, done.stderr
    assert machine.lines("made") == ["python3.11"]


def test_the_newest_is_taken_unless_one_is_named(machine: Machine) -> None:
    for version in ("3.11", "3.12", "3.13"):
        machine.add_python(f"python{version}", version)
    assert machine.make().returncode == 0
    assert machine.lines("made") == ["python3.13"]
    shutil.rmtree(machine.checkout / ".venv")
    assert machine.make(PYTHON="python3.11").returncode == 0
    assert machine.lines("made") == ["python3.13", "python3.11"]


@pytest.mark.parametrize(("named", "said"), [("python3", "is Python 3.10"), ("python9", "is no working Python")])
def test_a_named_python_that_does_not_fit_is_refused(machine: Machine, named: str, said: str) -> None:
    machine.add_python("python3", "3.10")
    machine.add_python("python3.11", "3.11")
    done = machine.make(PYTHON=named)
    assert done.returncode != 0
    assert said in done.stderr
    assert machine.lines("made") == []


def test_the_lock_is_installed_by_hash_and_the_project_without_a_second_environment(machine: Machine) -> None:
    machine.add_python("python3", "3.11")
    done = machine.make()
    assert done.returncode == 0, done.stderr
    first, second = machine.lines("installs")
    assert {"--require-hashes", "--no-deps", "requirements.lock"} <= set(first.split())
    assert {"--no-deps", "--no-build-isolation", "-e"} <= set(second.split())
    assert "Installing 2 pinned packages" in done.stderr
    assert (machine.checkout / ".venv" / ".reco-installed").exists()


def test_an_install_that_fails_is_done_again_from_the_start(machine: Machine) -> None:
    machine.add_python("python3", "3.11")
    (machine.checkout / "fail").write_text("1")
    done = machine.make()
    assert done.returncode != 0
    assert "pip could not install the lock" in done.stderr
    assert not (machine.checkout / ".venv" / ".reco-installed").exists()
    (machine.checkout / "fail").unlink()
    assert machine.make().returncode == 0
    assert machine.lines("made") == ["python3", "python3"], "an interrupted environment is made anew"
    assert machine.make().returncode == 0
    assert machine.lines("made") == ["python3", "python3"], "a whole one is kept"


def test_the_script_is_plain_sh() -> None:
    assert (ROOT / ".ci" / "make_venv").read_text().startswith("#!/bin/sh\n")
    for name in ("make_venv", "make_locks", "check_compose", "run"):
        assert os.access(ROOT / ".ci" / name, os.X_OK), name
