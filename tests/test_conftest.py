"""A browser test without a browser: skipped with a reason, or failed where it is required."""

from pathlib import Path

import conftest
import lab
import pytest

SETTINGS = Path(__file__).parents[1] / "pyproject.toml"
TEST = """
import pytest
@pytest.mark.browser
def test_it():
    pass
"""


class Plugin:
    """What asks for the browser, and nothing else of what all tests share."""

    pytest_runtest_setup = staticmethod(conftest.pytest_runtest_setup)


@pytest.mark.once
@pytest.mark.parametrize(
    ("required", "code", "outcome"), [("0", 0, "1 skipped"), ("1", 1, "1 error")]
)
def test_without_chromium_a_browser_test_is_skipped_or_fails_where_required(
    required, code, outcome, tmp_path, monkeypatch, capsys
):
    (tmp_path / "test_it.py").write_text(TEST)
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    monkeypatch.setenv("GRADLAB_REQUIRE_BROWSER", required)
    monkeypatch.setattr(lab, "missing", lab.missing.__wrapped__)  # it remembers what it found
    options = ["-q", "--capture=no", "--import-mode=importlib", "--rootdir", tmp_path]
    done = pytest.main([*map(str, options), "-c", str(SETTINGS), str(tmp_path)], plugins=[Plugin])
    said = capsys.readouterr().out
    assert done == code
    assert outcome in said
    assert "needs Chromium: `playwright install chromium`, or set CHROMIUM to one" in said
