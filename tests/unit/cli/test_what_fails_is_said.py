"""What a person sees when a command cannot do its work: a sentence, never a traceback."""

import subprocess
import sys
from pathlib import Path


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder is needed")
    (tmp_path / "events.csv").write_text("user_id,item_id,event_type,occurred_at\nu,i,click,2026-01-01T00:00:00Z\n")
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", "import", str(tmp_path / "events.csv")],
        env={"PATH": "/usr/bin:/bin", "RECO_PATHS__DATA": str(tmp_path / "data"), "RECO_CONFIG": "reco.toml"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "error: Not a directory" in done.stderr
    assert str(tmp_path / "data") in done.stderr
    assert "Traceback" not in done.stderr
