"""A browser test without a browser: skipped with a reason, or failed where it is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BROWSER_TESTS = Path(__file__).with_name("test_lab.py")


@pytest.mark.once
@pytest.mark.parametrize(
    ("required", "code", "outcome"), [("0", 0, "1 skipped"), ("1", 1, "error")]
)
def test_without_chromium_a_browser_test_is_skipped_or_fails_where_required(
    required, code, outcome
):
    environment = {"CHROMIUM": "/nowhere/chromium", "GRADLAB_REQUIRE_BROWSER": required}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", BROWSER_TESTS, "-k", "waiting_in_vain"],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == code
    assert outcome in done.stdout
    assert "needs Chromium: `playwright install chromium`, or set CHROMIUM to one" in done.stdout
