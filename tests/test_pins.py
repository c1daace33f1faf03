"""The OpenMM that is required: on x86 CPUs a version with AVX, with GPU platforms of it."""

import tomllib

import pytest
from helpers import ROOT
from packaging.requirements import Requirement

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Wheels of OpenMM that leave AVX unused (docs/upstream-openmm-avx.md), and one that uses it.
SLOW, FAST = ("8.4.0", "8.5.2", "8.6.1"), "8.3.1"


def required(name, machine, python, extra=None):
    """Requirements of the distribution on a given machine, including those of its extras."""
    listed = PROJECT["dependencies"] + PROJECT["optional-dependencies"].get(extra, [])
    where = {"platform_machine": machine, "python_version": python, "extra": ""}
    found = [Requirement(text) for text in listed]
    return [r for r in found if r.name == name and (not r.marker or r.marker.evaluate(where))]


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("extra", "platform"), [("cuda12", "openmm-cuda-12"), ("hip6", "openmm-hip-6")]
)
def test_x86_gets_the_version_that_uses_avx_and_platforms_of_the_same(
    machine, python, extra, platform
):
    (own,), (plugin,) = (required(n, machine, python, extra) for n in ("openmm", platform))
    for requirement in (own, plugin):
        assert requirement.specifier.contains(FAST)
        assert not any(requirement.specifier.contains(version) for version in SLOW)


@pytest.mark.parametrize(
    ("machine", "python"), [("arm64", "3.12"), ("aarch64", "3.11"), ("x86_64", "3.14")]
)
def test_on_other_machines_the_newest_openmm_and_its_extras_are_allowed(machine, python):
    (own,) = required("openmm", machine, python)
    assert own.specifier.contains(SLOW[-1])
    assert not required("openmm-cuda-12", machine, python, "cuda12")
    assert {"cuda12"} in [r.extras for r in required("openmm", machine, python, "cuda12")]
