"""The platform that OpenMM uses if none is named: that of a GPU only if there is a GPU."""

import pytest

from januspore.engines import Resources, drivers, openmm_platform, openmm_resources
from januspore.engines.base import Device
from januspore.engines.openmm_platform import choose_platform, devices
from januspore.errors import InputError

POCL = Device("OpenCL", "pthread-cpu", False, (("OpenCLPlatformIndex", "0"),))
CARD = Device("OpenCL", "Some GPU", True, (("OpenCLPlatformIndex", "1"),))
NVIDIA = Device("CUDA", "NVIDIA GPU", True)


@pytest.fixture
def machine(monkeypatch):
    """Simulate a machine with devices of given drivers; OpenMM always registers CUDA's platform."""

    def make(*found):
        names = ["Reference", "CPU", "CUDA", "OpenCL"]
        monkeypatch.setattr(openmm_platform, "_registered", lambda: names)
        monkeypatch.setattr(
            openmm_platform,
            "driver_devices",
            lambda platform: tuple(d for d in found if d.platform == platform),
        )

    return make


@pytest.mark.parametrize(
    ("found", "chosen", "index"),
    [
        ([], "CPU", None),  # CUDA's driver without a device, as with an empty CUDA_VISIBLE_DEVICES
        ([POCL], "CPU", None),
        ([POCL, CARD], "OpenCL", "1"),
        ([CARD, NVIDIA], "CUDA", None),
    ],
)
def test_a_gpu_is_chosen_where_one_is_and_else_the_cpu(machine, found, chosen, index):
    machine(*found)
    name, properties = choose_platform(Resources(threads=3))
    assert (name, properties.get("OpenCLPlatformIndex")) == (chosen, index)
    assert properties.get("Threads") == ("3" if chosen == "CPU" else None)
    assert properties.get("Precision") == (None if chosen == "CPU" else "mixed")


def test_a_named_platform_is_used_with_any_device(machine):
    machine(POCL)
    assert choose_platform(Resources(platform="OpenCL"))[1] == {"Precision": "mixed"}
    machine(POCL, CARD, NVIDIA)
    assert choose_platform(Resources(platform="OpenCL"))[1]["OpenCLPlatformIndex"] == "1"
    assert choose_platform(Resources(platform="Reference")) == ("Reference", {})
    with pytest.raises(InputError, match=r"HIP.*Reference, CPU, CUDA, OpenCL"):
        choose_platform(Resources(platform="HIP"))


def test_devices_are_listed_with_the_default_first_and_the_reference_last(machine):
    machine(POCL, CARD)
    assert [(d.platform, d.is_gpu) for d in devices()] == [
        ("OpenCL", True),
        ("CPU", False),
        ("OpenCL", False),
        ("Reference", False),
    ]


@pytest.mark.parametrize(("asked", "platform"), [(None, "CUDA"), ("gpu", "CUDA"), ("cpu", "CPU")])
def test_openmm_beside_another_engine_takes_the_gpu_unless_that_engine_is_kept_off_it(
    machine, monkeypatch, asked, platform
):
    machine(NVIDIA)
    monkeypatch.setattr("januspore.engines.available", lambda: ["openmm", "hoomd"])
    beside = openmm_resources(Resources("hoomd", asked, "double"))
    assert choose_platform(beside)[0] == platform
    assert beside.precision is None


# --- drivers -------------------------------------------------------------------------------------


class Driver(dict):
    """Replaces libcuda: functions that return the number and the names of devices."""

    def __init__(self, names, initialised=0):
        def count(target):
            target._obj.value = len(names)
            return 0

        def name(buffer, _size, index):
            buffer.value = names[index.value].encode()
            return 0

        super().__init__(
            cuInit=lambda _flags: initialised, cuDeviceGetCount=count, cuDeviceGetName=name
        )


@pytest.fixture
def driver(monkeypatch):
    def install(made):
        only_cuda = {drivers._CUDA: made}
        monkeypatch.setattr(drivers, "_library", only_cuda.get)
        drivers.driver_devices.cache_clear()

    yield install
    drivers.driver_devices.cache_clear()


def test_a_driver_s_devices_are_named_and_are_gpus(driver):
    driver(Driver(["NVIDIA A", "NVIDIA B"]))
    assert [d.name for d in drivers.driver_devices("CUDA")] == ["NVIDIA A", "NVIDIA B"]
    assert drivers.sees_gpu()


@pytest.mark.parametrize("made", [Driver([]), Driver(["hidden"], initialised=100)])
def test_a_driver_that_shows_no_device_has_no_gpu(driver, made):
    driver(made)  # 100 is CUDA_ERROR_NO_DEVICE, as with CUDA_VISIBLE_DEVICES empty
    assert drivers.driver_devices("CUDA") == ()
    assert not drivers.sees_gpu()


def test_a_driver_that_cannot_be_queried_counts_only_if_openmm_has_loaded_it(driver):
    driver(None)
    assert [d.is_gpu for d in drivers.driver_devices("HIP")] == [True]
    assert drivers.driver_devices("OpenCL") == ()
    assert not drivers.sees_gpu()
