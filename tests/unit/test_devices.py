import pytest

from deployments.local.devices import GIB, CudaDevice, DeviceUnavailable, choose_devices

TURING = frozenset({"float32", "float16", "int8", "int8_float16", "int8_float32"})
PASCAL = frozenset({"float32", "int8", "int8_float32"})
MAXWELL = frozenset({"float32"})
LARGE = CudaDevice(index=0, title="NVIDIA L40S", memory_bytes=45 * GIB, compute_types=TURING | {"bfloat16"})
SMALL = CudaDevice(index=1, title="NVIDIA T4", memory_bytes=15 * GIB, compute_types=TURING)


def _names(setting, cuda=(), cores=2):
    return [(device.name, device.kind, device.index) for device in choose_devices(setting, cuda, cores)]


@pytest.mark.parametrize(
    ("setting", "cuda", "expected"),
    [
        ("", [LARGE, SMALL], [("gpu-0", "cuda", 0), ("gpu-1", "cuda", 1)]),
        ("cuda:1", [LARGE, SMALL], [("gpu-0", "cuda", 1)]),
        ("cuda:1,cuda:0", [LARGE, SMALL], [("gpu-0", "cuda", 1), ("gpu-1", "cuda", 0)]),
        (" CUDA:0 , cpu", [LARGE], [("gpu-0", "cuda", 0), ("gpu-1", "cpu", 0)]),
        ("cpu", [LARGE], [("gpu-0", "cpu", 0)]),  # a GPU may be left to others
        ("cpu,cpu", [], [("gpu-0", "cpu", 0), ("gpu-1", "cpu", 1)]),
        (",", [], [("gpu-0", "cpu", 0), ("gpu-1", "cpu", 1)]),  # names nothing, so what is found
    ],
)
def test_pools_are_numbered_in_the_order_of_the_setting(setting, cuda, expected):
    assert _names(setting, cuda) == expected


@pytest.mark.parametrize(
    ("setting", "cores", "threads"),
    [
        ("", 1, [1]),
        ("", 2, [1, 1]),
        ("", 4, [1, 1, 1, 1]),
        ("", 6, [2, 2, 1, 1]),  # four devices at most; the first get what is left over
        ("", 16, [4, 4, 4, 4]),
        ("cpu,cpu,cpu", 2, [1, 1, 1]),  # asked for more than there are: one each all the same
        ("cpu", 8, [8]),
    ],
)
def test_without_a_gpu_the_cores_are_shared_out_as_threads(setting, cores, threads):
    assert [device.cpu_threads for device in choose_devices(setting, [], cores)] == threads


@pytest.mark.parametrize(
    ("gibibytes", "compute_type", "batch_size"),
    [(4, "int8_float16", 4), (8, "float16", 8), (16, "float16", 16), (24, "float16", 32), (80, "float16", 32)],
)
def test_the_memory_of_a_gpu_sets_its_number_format_and_batch_size(gibibytes, compute_type, batch_size):
    (device,) = choose_devices("", [_gpu(gibibytes, TURING)], 2)
    assert (device.compute_type, device.batch_size) == (compute_type, batch_size)


@pytest.mark.parametrize(
    ("gibibytes", "compute_types", "compute_type"),
    [
        (4, PASCAL, "int8_float32"),  # a GTX 1050
        (8, PASCAL, "int8_float32"),
        (24, PASCAL, "int8_float32"),  # a P40
        (4, MAXWELL, "float32"),
        (12, MAXWELL, "float32"),
    ],
)
def test_a_gpu_is_given_no_number_format_that_it_lacks(gibibytes, compute_types, compute_type):
    (device,) = choose_devices("", [_gpu(gibibytes, compute_types)], 2)
    assert device.compute_type == compute_type


def _gpu(gibibytes, compute_types):
    return CudaDevice(index=0, title="GPU", memory_bytes=gibibytes * GIB, compute_types=compute_types)


def test_people_read_what_a_device_is():
    titles = [device.title for device in choose_devices("cuda:1,cpu", [LARGE, SMALL], 1)]
    assert titles == ["NVIDIA T4, 15 GiB", "CPU, 1 thread"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("gpu", "'gpu', which is no device. Write cuda:0,cuda:1 or cpu,cpu."),
        ("cuda", "'cuda', which is no device"),
        ("cuda:x", "'cuda:x', which is no device"),
        ("cuda:-1", "'cuda:-1', which is no device"),
        ("cuda:7", "cuda:7, but PyTorch finds cuda:0, cuda:1 here. Name another, or write cpu."),
        ("cuda:0,cuda:0", "cuda:0 twice. A GPU is one device: name it once."),
    ],
)
def test_what_is_no_device_of_this_machine_is_named(setting, sentence):
    with pytest.raises(DeviceUnavailable) as refusal:
        choose_devices(setting, [LARGE, SMALL], 2)
    assert sentence in str(refusal.value)


def test_a_gpu_on_a_machine_without_one_is_refused():
    with pytest.raises(DeviceUnavailable, match="PyTorch finds no GPU here"):
        choose_devices("cuda:0", [], 2)
