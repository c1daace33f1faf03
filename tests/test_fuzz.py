"""Every input of the fuzzer's corpus is accepted or refused in one line."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "benchmarks" / "fuzz.py"
CORPUS = ROOT / "tests" / "corpus"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", FUZZ)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("target", ["state_point", "study", "filter", "record"])
def test_every_input_of_the_corpus_is_accepted_or_refused(fuzz, target):
    inputs = sorted((CORPUS / target).iterdir())
    assert len(inputs) >= 5
    for path in inputs:
        try:
            fuzz.TARGETS[target](path.read_bytes())
        except Exception as error:
            raise AssertionError(f"{path.relative_to(ROOT)}: {error!r}") from error


def test_the_targets_accept_valid_input_and_detect_failing_readers(fuzz):
    """The seeds of the corpus are valid, and a reader that fails is detected."""
    for path in (CORPUS / "state_point").glob("seed-*.json"):
        fuzz.a_state_point(path.read_bytes())
    assert fuzz.refused(lambda: fuzz_error("a line that says something")) is True
    assert fuzz.refused(lambda: None) is False
    with pytest.raises(AssertionError, match="without a word"):
        fuzz.refused(lambda: fuzz_error(""))
    with pytest.raises(ZeroDivisionError):
        fuzz.refused(lambda: 1 / 0)


def fuzz_error(line):
    from januspore.errors import InputError

    raise InputError(line)


@pytest.mark.slow
def test_a_thousand_inputs_of_each_kind_cause_no_unhandled_error(tmp_path):
    pytest.importorskip("atheris", reason="the fuzzer: pip install atheris")
    command = [sys.executable, str(FUZZ), "--output", str(tmp_path / "fuzz.json")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path / "fuzz.json").read_text())
    assert len(counts) == 4 and all(told["inputs"] >= 1000 for told in counts)
