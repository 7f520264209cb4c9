"""What is read of the machine, with drivers and clocks that are made up."""

import contextlib
import sys
from types import SimpleNamespace

import psutil
import pytest

from harness.profiling import cpu_watch, telemetry
from harness.profiling.cpu_watch import CpuWatch
from harness.profiling.gpu_watch import GpuWatch
from harness.profiling.seen import Seen
from harness.profiling.telemetry import REPEATS, Blind, Log, open_watch, watched
from harness.profiling.watch_words import watch_lines


class Nvml:
    """A driver with one card."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    class NVMLError(Exception):
        pass

    def __init__(self, bits=0, processes=0, denied=()):
        self.bits, self.processes, self.denied = bits, processes, denied

    def nvmlInit(self):
        if "init" in self.denied:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid):
        assert uuid == "GPU-0123"
        return "card"

    def nvmlDeviceGetClockInfo(self, handle, kind):
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetTemperature(self, handle, kind):
        return 61

    def nvmlDeviceGetPowerUsage(self, handle):
        if "power" in self.denied:
            raise self.NVMLError("Not Supported")
        return 431_500

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        return self.bits

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [SimpleNamespace(pid=pid, usedGpuMemory=2**30) for pid in range(self.processes)]


def seen_by(watch):
    with watch.block() as seen:
        pass
    return seen


def test_a_block_on_a_gpu_has_clocks_heat_power_and_limits():
    seen = seen_by(GpuWatch(Nvml(bits=0x1 | 0x4, processes=3), "card", lambda: 2))
    assert seen.values == {"sm_mhz": 1980, "memory_mhz": 2619, "celsius": 61, "watts": 431.5,
                           "limits": ["SW power cap"], "others": 1}
    assert seen.throttled == ()  # a power cap is no fault; idle (0x1) is no limit


def test_what_a_card_does_not_tell_is_none():
    seen = seen_by(GpuWatch(Nvml(denied=("power",)), "card", lambda: 1))
    assert seen.values["watts"] is None
    assert seen.values["others"] is None  # not even our own process is to be seen


@pytest.mark.parametrize(("bit", "name"), [(0x8, "HW slowdown"), (0x20, "SW thermal slowdown"),
                                           (0x40, "HW thermal slowdown"), (0x80, "HW power brake")])
def test_heat_and_faults_are_throttling(bit, name):
    assert seen_by(GpuWatch(Nvml(bits=bit), "card", lambda: 0)).throttled == (name,)


def test_processes_before_the_first_worker_are_others():
    assert GpuWatch(Nvml(processes=2), "card", lambda: 0).about()["processes_before"] == [
        {"pid": 0, "bytes": 2**30}, {"pid": 1, "bytes": 2**30}]
    assert GpuWatch(Nvml(processes=2), "card", lambda: 1).about()["processes_before"] is None


class Throttled:
    """A watch of a card that is throttled for so many blocks."""

    def __init__(self, blocks):
        self.left = blocks

    @contextlib.contextmanager
    def block(self):
        seen = Seen()
        yield seen
        seen.values = {"sm_mhz": 1000 if self.left else 1980}
        seen.throttled = ("HW slowdown",) if self.left else ()
        self.left = max(0, self.left - 1)


def test_a_throttled_block_is_discarded_and_measured_again():
    log, slept = Log(), []
    times = iter([[30.0], [20.0], [10.0]])
    block = watched(lambda calls: next(times), Throttled(2), log, slept.append)
    assert block(1) == [10.0]
    assert log.columns() == {"sm_mhz": [1980]}
    assert [one["median_ms"] for one in log.discarded] == [30.0, 20.0]
    assert len(slept) == 2
    assert log.notes() == ["2 throttled block(s) discarded (HW slowdown)"]


def test_a_block_that_is_always_throttled_is_given_up():
    log = Log()
    block = watched(lambda calls: [30.0], Throttled(10**6), log, lambda seconds: None)
    assert block(1) == []
    assert len(log.discarded) == 1 + REPEATS
    assert "1 round(s) have none for it" in log.notes()[0]


def test_the_load_of_others_is_what_is_busy_less_our_own(monkeypatch):
    """In one second two cores are busy for 1.5 s, 0.9 of it ours, and 0.1 s are stolen."""
    clock = iter([10.0, 11.0])
    system = iter([SimpleNamespace(user=100.0, nice=0.0, system=50.0, irq=0.0, softirq=0.0, steal=3.0),
                   SimpleNamespace(user=101.0, nice=0.2, system=50.3, irq=0.0, softirq=0.0, steal=3.1)])
    own = iter([SimpleNamespace(user=4.0, system=1.0), SimpleNamespace(user=4.7, system=1.2)])
    monkeypatch.setattr(cpu_watch.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(system))
    monkeypatch.setattr(psutil, "Process", lambda pid: SimpleNamespace(cpu_times=lambda: next(own)))
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=2600.0))
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: {"k10temp": [SimpleNamespace(current=55.0)],
                                                                 "nvme": [SimpleNamespace(current=80.0)]})
    seen = seen_by(CpuWatch(lambda: [7]))
    assert seen.values == {"others_cores": pytest.approx(0.6), "steal_cores": pytest.approx(0.1), "mhz": 2600.0,
                           "celsius": 55.0}


def test_a_process_that_has_ended_does_not_stop_the_watch():
    with contextlib.suppress(psutil.Error):
        psutil.Process(2**22 + 1)
    assert seen_by(CpuWatch(lambda: [2**22 + 1])).values["others_cores"] >= 0


def test_without_a_driver_or_its_package_nothing_is_read_and_that_is_said(monkeypatch):
    monkeypatch.setattr(telemetry, "cuda_uuid", lambda: "0123")
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as where it is not installed
    assert "nvidia-ml-py is not installed" in open_watch("cuda", list).about()["why"]
    monkeypatch.setitem(sys.modules, "pynvml", Nvml(denied=("init",)))
    assert open_watch("cuda", list).about() == {"source": None, "why": "NVML: Driver Not Loaded"}
    assert isinstance(open_watch("cuda", list), Blind)
    monkeypatch.setitem(sys.modules, "pynvml", Nvml())
    assert open_watch("cuda", list).about()["source"] == "NVML"


def test_the_driver_s_package_has_what_is_asked_of_it():
    """The names; the made-up driver has the same."""
    real = pytest.importorskip("pynvml")
    names = [name for name in dir(Nvml) if name.startswith(("nvml", "NVML"))]
    assert len(names) == 11
    assert [name for name in names if not hasattr(real, name)] == []
    for name in ("NVML_CLOCK_SM", "NVML_CLOCK_MEM", "NVML_TEMPERATURE_GPU"):
        assert isinstance(getattr(real, name), int)


def test_what_was_seen_in_one_line(make_record, make_row):
    cpu = make_row(telemetry={"others_cores": [0.0, 0.3, 0.1], "steal_cores": [0.0] * 3, "mhz": [2596.1] * 3,
                              "celsius": [None] * 3})
    assert list(watch_lines(make_record([cpu]))) == [
        "While the 3 blocks ran: others took 0.10 (at most 0.30) of 2 cores, the hypervisor 0.00 (at most 0.00), "
        "clock 2596 MHz, temperature not told."]
    gpu = make_row(telemetry={"sm_mhz": [1980, 1755], "memory_mhz": [2619] * 2, "celsius": [45, 61],
                              "watts": [None, 640.2], "limits": [[], ["SW power cap"]], "others": [0, 1]})
    record = make_record([gpu], device="cuda")
    record["settings"]["telemetry"] = {"source": "NVML", "processes_before": [{"pid": 5, "bytes": None}]}
    assert list(watch_lines(record)) == [
        "While the 2 blocks ran: SM clock 1755-1980 MHz, memory clock 2619 MHz, temperature 45-61 °C, power 640 W, SW "
        "power cap in 1 of 2 blocks, up to 1 other process(es) on the GPU, 1 there before the first row."]
    record["settings"]["telemetry"] = telemetry.Blind("no driver").about()
    assert list(watch_lines(record)) == ["What else the machine did is not known: no driver."]
    del record["settings"]["telemetry"]  # as records of earlier versions
    assert list(watch_lines(record)) == []
