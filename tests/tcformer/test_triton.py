"""The Triton kernels against their definitions: under the interpreter, and on a GPU where there is one."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode

from tcformer import clustering
from tcformer.kernels import plain
from tests.helpers import ROOT

pytest.importorskip("triton", reason="triton is not installed")

import triton

from tcformer.kernels import triton_clustering, triton_mixing
from tests.tcformer import triton_hopper
from tests.tcformer.triton_interpreter import interpreter

CLUSTERING, MIXING = triton_clustering.__name__, triton_mixing.__name__

# The interpreter takes a tenth of a second for a clustering of one tile.
few = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])


def version(text):
    return tuple(int(number) for number in text.split(".")[:2])


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def call(request):
    """Calls a function of a module with tensors of the CPU, and gives its results there."""
    if request.param == "cpu":
        if version(triton.__version__) < (3, 7) and version(np.__version__) >= (2, 4):
            pytest.skip("the interpreter of triton 3.6 fails in loops with numpy 2.4")
        with interpreter() as process:
            yield process.call
        return
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")

    def move(value, device):
        if isinstance(value, tuple):
            return tuple(move(v, device) for v in value)
        return value.to(device) if isinstance(value, torch.Tensor) else value

    def on_gpu(module, function, *args, **kwargs):
        kwargs = {key: move(value, "cuda") for key, value in kwargs.items()}
        return move(getattr(sys.modules[module], function)(*move(args, "cuda"), **kwargs), "cpu")

    yield on_gpu


@pytest.fixture(scope="module")
def dpc_knn(call):
    def cluster(*args, **kwargs):
        return clustering.Clusters(*call(CLUSTERING, "dpc_knn", *args, **kwargs))

    return cluster


@pytest.fixture(scope="module")
def bag_sum(call):
    return lambda *args: call(MIXING, "bag_sum", *args)


def draw(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def definition(x, clusters, k, mask=None, added=None):
    """DPC-KNN in fp64, from differences, so that equal tokens lie at distance 0; ties go by index.

    Also gives the least relative difference that a decision rests on.
    """
    x = x.double()
    distance = (x[:, :, None] - x[:, None]).square().mean(dim=3)
    if mask is not None:
        distance = plain.hide_empty(distance, mask)
    density = (-distance.sort(dim=2).values[:, :, :k].mean(dim=2)).exp()
    density = density if added is None else density + added
    density = density if mask is None else density * mask
    gap = distance.masked_fill(density[:, None, :] <= density[:, :, None], torch.inf).amin(dim=2)
    score = torch.minimum(gap, distance.amax(dim=(1, 2))[:, None]).sqrt() * density
    score = score if mask is None else score.masked_fill(~mask, -1)
    order = score.sort(dim=1, descending=True, stable=True)
    centre = order.indices[:, :clusters]
    to_centre = distance.gather(1, centre[..., None].expand(-1, -1, x.shape[1]))
    label = to_centre.min(dim=1).indices  # the first of equal ones
    label = label.scatter(1, centre, torch.arange(clusters).expand_as(centre))
    nearest = to_centre.sort(dim=1).values[:, :2].diff(dim=1) / (to_centre.amax() + 1e-30)
    numbers = [density.sort(dim=1).values.diff(dim=1), order.values.diff(dim=1), nearest]
    margin = min((n.abs()[n != 0].min().item() for n in numbers if (n != 0).any()), default=1.0)
    return clustering.Clusters(label, centre), margin


@st.composite
def pictures(draw_from):
    """Tokens (B, N, C), some of them perhaps empty, noise for the densities, a number of clusters and of neighbours."""
    batch, tokens, channels = (draw_from(st.integers(*r)) for r in ((1, 2), (3, 70), (2, 40)))
    seed = draw_from(st.integers(0, 2**31))
    # With k = 2, or two tokens, mutual neighbours tie, and rounding decides.
    k = draw_from(st.integers(3, 16))
    real = draw_from(st.integers(3, tokens)) if draw_from(st.booleans()) else tokens
    noisy = real >= k and draw_from(st.booleans())  # see `dpc_knn` for noise among less real tokens
    generator = torch.Generator().manual_seed(seed)
    mask = torch.stack([torch.randperm(tokens, generator=generator) < real for _ in range(batch)])
    added = 0.1 * torch.rand(batch, tokens, generator=generator) if noisy else None
    x = draw(batch, tokens, channels, seed=seed)
    return x, draw_from(st.integers(1, real)), k, mask if real < tokens else None, added


@few
@given(picture=pictures())
def test_agrees_with_the_definition(dpc_knn, picture):
    expected, margin = definition(*picture)
    assume(margin > 1e-5)  # what fp32 can tell apart
    label, centre = dpc_knn(*picture)
    assert torch.equal(centre, expected.centre)
    assert torch.equal(label, expected.label)


@pytest.mark.parametrize(
    ("tokens", "channels", "clusters", "k"),
    [(1, 4, 1, 5), (3, 4, 3, 5), (40, 6, 40, 5), (150, 64, 38, 5), (65, 100, 17, 16), (70, 320, 18, 7)],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_agrees_with_fp64_clustering_of_the_same_features(dpc_knn, tokens, channels, clusters, k, dtype):
    x = draw(1, tokens, channels, dtype=dtype)
    expected = clustering.dpc_knn(x.double(), clusters, k)
    label, centre = dpc_knn(x, clusters, k)
    assert label.dtype == centre.dtype == torch.int64
    assert torch.equal(centre, expected.centre)
    assert torch.equal(label, expected.label)


# Without the marker `shared`: what carries it may not be skipped in CI, and the GPU's half is.
@pytest.mark.parametrize(("key", "real"), [("dpc_knn.idx_cluster", 96), ("dpc_knn.masked", 80)])
def test_golden_units(dpc_knn, golden, key, real):
    x = golden.draw("unit.x", 2, 96, 32)
    mask = None if real == 96 else torch.arange(96).expand(2, -1) < real
    assert torch.equal(dpc_knn(x, 24, 5, mask).label, golden.load("units")[key])


def test_even_parts_of_a_picture(dpc_knn):
    """Where near tokens' densities are 1 less a few roundings, their distances still tell the denser."""
    other = draw(1, 10, 32)
    x = torch.cat([1e-3 * draw(1, 60, 32, seed=1), other, -other], dim=1)
    assert torch.equal(dpc_knn(x, 40, 5).label, clustering.dpc_knn(x.double(), 40, 5).label)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_ties_go_by_index(dpc_knn, dtype):
    """Small whole numbers, exact in every step up to the density: many equal tokens, distances and densities."""
    x = torch.randint(-1, 2, (1, 90, 4), generator=torch.Generator().manual_seed(0)).to(dtype)
    expected, _ = definition(x, 30, 5)
    label, centre = dpc_knn(x, 30, 5)
    assert torch.equal(centre, expected.centre)
    assert torch.equal(label, expected.label)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_equal_tokens_score_equally_and_go_by_index(dpc_knn, dtype):
    """Equal features give equal bits whatever the rounding, anywhere in the picture."""
    x = draw(1, 40, 24, dtype=dtype).repeat(1, 2, 1)
    label, centre = dpc_knn(x, 80, 5)
    rank = centre.argsort(dim=1)[0]  # of every token
    assert torch.equal(rank[40:], rank[:40] + 1)
    assert torch.equal(label[0], rank)
    label, centre = dpc_knn(x, 7, 5)
    centre_of_twins = torch.zeros(80, dtype=torch.bool).index_fill(0, centre[0], True).view(2, 40).any(dim=0)
    one, other = label[0].view(2, 40)
    assert torch.equal(one[~centre_of_twins], other[~centre_of_twins])


@pytest.mark.parametrize("k", [1, 5])
def test_identical_tokens(dpc_knn, k):
    label, centre = dpc_knn(torch.ones(2, 150, 4), 130, k)
    assert torch.equal(centre, torch.arange(130).expand(2, -1))
    assert torch.equal(label, F.pad(torch.arange(130), (0, 20)).expand(2, -1))


def test_one_neighbour_makes_all_tokens_as_dense(dpc_knn):
    assert torch.equal(dpc_knn(draw(2, 30, 5), 7, 1).centre, torch.arange(7).expand(2, -1))


def test_empty_tokens_join_the_first_cluster_and_are_centres_last(dpc_knn):
    x, mask = draw(2, 50, 8), torch.arange(50) % 5 != 0
    label, centre = dpc_knn(x, 45, 5, mask.expand(2, -1))
    assert torch.equal(centre[:, 40:], torch.tensor([0, 5, 10, 15, 20]).expand(2, -1))
    assert torch.equal(label[:, :25:5], torch.arange(40, 45).expand(2, -1)), "a centre joins itself"
    assert (label[:, 25::5] == 0).all()


@pytest.mark.parametrize(("dtype", "real"), [(torch.float32, 70), (torch.bfloat16, 70), (torch.float32, 4)], ids=str)
def test_clusters_do_not_depend_on_the_batch(dpc_knn, dtype, real):
    x = draw(3, 70, 24, dtype=dtype)
    x[0] *= 1000
    mask = None if real == 70 else torch.arange(70)[None] < real
    together = dpc_knn(x, 20, 5, None if mask is None else mask.expand(3, -1))
    alone = [dpc_knn(one[None], 20, 5, mask) for one in x]
    assert torch.equal(together.label, torch.cat([one.label for one in alone]))
    assert torch.equal(together.centre, torch.cat([one.centre for one in alone]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_features_that_are_not_finite_give_numbers_in_range(dpc_knn, bad):
    x = draw(2, 40, 8)
    x[0, 3] = bad
    x[0, 7, 2] = -bad
    added = torch.zeros(2, 40)
    added[0, 5] = bad
    label, centre = dpc_knn(x, 10, 5, None, added)
    assert len(centre[0].unique()) == 10
    for numbers, most in ((label, 10), (centre, 40)):
        assert ((numbers >= 0) & (numbers < most)).all()
    other = dpc_knn(x[1:], 10, 5, None, added[1:])
    assert torch.equal(label[1:], other.label), "other pictures are left alone"


@pytest.mark.parametrize(
    ("features", "clusters", "k", "word"),
    [
        (torch.zeros(1, 20, 4, dtype=torch.float64), 5, 5, "float64"),
        (torch.zeros(1, 20, 4), 5, 17, "17"),
        (torch.zeros(1, 20, 1025), 5, 5, "1025"),
        (torch.zeros(1, 20, 4), 21, 5, "21"),
        (torch.zeros(1, 20, 4), 5, 0, "0"),
    ],
)
def test_refusals_name_the_number(features, clusters, k, word):
    with pytest.raises(ValueError, match=word):
        triton_clustering.dpc_knn(features, clusters, k)
    assert triton_clustering.supported(features, k) == (word in ("21", "0"))


def test_many_neighbours_of_few_tokens_are_supported():
    assert triton_clustering.supported(torch.zeros(1, 10, 4), 17)


@st.composite
def bags(draw_from):
    """Rows, entries with their weights, and offsets: some bags empty, perhaps a padded tail."""
    channels, lengths = draw_from(st.integers(1, 300)), draw_from(st.lists(st.integers(0, 9), min_size=1, max_size=9))
    tail, rows = draw_from(st.integers(0, 5)), draw_from(st.integers(1, 12))
    generator = torch.Generator().manual_seed(draw_from(st.integers(0, 2**31)))
    entries = sum(lengths) + tail
    index = torch.randint(rows, (entries,), generator=generator)
    if tail:
        index[-tail:] = 2**40  # never read
    offset = torch.tensor([0, *lengths]).cumsum(0)
    return torch.randn(rows, channels, generator=generator), index, torch.rand(entries, generator=generator), offset


def embedding_bag(rows, index, weight, offset):
    used = slice(0, int(offset[-1]))
    return F.embedding_bag(index[used], rows, offset, mode="sum", per_sample_weights=weight[used].to(rows.dtype),
                           include_last_offset=True)  # fmt: skip


@few
@given(bags=bags())
def test_bag_sum_is_embedding_bag(bag_sum, bags):
    torch.testing.assert_close(bag_sum(*bags), embedding_bag(*bags), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_bag_sum_of_other_types(bag_sum, dtype):
    """Half precision is added up in fp32 and rounded once."""
    rows, weight = draw(9, 33, dtype=dtype), draw(20)
    index, offset = torch.arange(20, dtype=torch.int32) % 9, torch.tensor([0, 0, 7, 19])
    total = torch.float64 if dtype == torch.float64 else torch.float32
    exact = embedding_bag(rows.to(total), index.long(), weight, offset)
    rounding = torch.finfo(dtype).eps if dtype != torch.float64 else 1e-12
    torch.testing.assert_close(bag_sum(rows, index, weight, offset), exact.to(dtype), rtol=rounding, atol=1e-6)


def test_bag_sum_without_bags_or_entries(bag_sum):
    assert bag_sum(draw(3, 5), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(1).long()).shape == (0, 5)
    empty = bag_sum(draw(3, 5), torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(4).long())
    assert torch.equal(empty, torch.zeros(3, 5))


def test_operators_pass_torchs_own_check(call):
    x, mask = draw(1, 12, 4), torch.ones(1, 12, dtype=torch.bool)
    module = "tests.tcformer.triton_interpreter"
    for args in ((x, 3, 5, None, None), (x.bfloat16(), 3, 5, mask, torch.zeros(1, 12))):
        found = call(module, "check_operator", "tcformer::triton_dpc_knn", args, {})
        assert set(found.values()) == {"SUCCESS"}
    args = (draw(4, 5), torch.zeros(3, dtype=torch.int64), torch.ones(3), torch.tensor([0, 1, 3]))
    assert set(call(module, "check_operator", "tcformer::triton_bag_sum", args, {}).values()) == {"SUCCESS"}


def test_shapes_without_running():
    with FakeTensorMode():
        label, centre = triton_clustering.dpc_knn(torch.empty(2, 30, 8), 7, 5)
        assert (label.shape, centre.shape) == ((2, 30), (2, 7))
        assert label.dtype == centre.dtype == torch.int64
        index, weight, offset = torch.empty(9).long(), torch.empty(9), torch.empty(6).long()
        out = triton_mixing.bag_sum(torch.empty(4, 3).half(), index, weight, offset)
        assert (out.shape, out.dtype) == ((5, 3), torch.float16)


def test_torch_compile_has_no_break():
    """Traced whole; what the graph would run is left out, as this process has no interpreter."""
    names = []

    def backend(graph, inputs):
        names.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return lambda *args: (torch.zeros(1),)

    def model(x, index, weight, offset):
        label, _ = triton_clustering.dpc_knn(x, 7, 5)
        return label.sum() + triton_mixing.bag_sum(x[0], index, weight, offset).sum()

    index, weight, offset = torch.zeros(9).long(), torch.ones(9), torch.arange(6)
    torch.compile(model, fullgraph=True, backend=backend)(draw(2, 30, 8), index, weight, offset)
    assert any("triton_dpc_knn" in name for name in names)
    assert any("triton_bag_sum" in name for name in names)


def test_the_package_does_without_triton():
    code = "import sys; sys.modules['triton'] = None; import tcformer, tcformer.kernels"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


@pytest.mark.skipif(triton_clustering.INTERPRETED, reason="the interpreter does not compile")
@pytest.mark.parametrize(("dtype", "channels"), [(torch.bfloat16, 128), (torch.float32, 320)], ids=str)
def test_clustering_compiles_for_an_h100_without_spilling(dtype, channels):
    for one in triton_hopper.cluster(1728, channels, 5, dtype):
        assert one.spilled == 0, one.kernel
        assert one.residents >= 2, one.kernel
        # The same tensor-core instruction makes distances and lengths: equal tokens lie at distance 0 exactly.
        multiplies = one.kernel in ("prepare", "neighbours", "scores", "assign")
        assert ("wgmma.mma_async" in one.ptx) == multiplies, one.kernel


@pytest.mark.skipif(triton_clustering.INTERPRETED, reason="the interpreter does not compile")
def test_bag_sum_compiles_for_an_h100_without_spilling():
    (one,) = triton_hopper.add_bags(128, torch.bfloat16)
    assert one.spilled == 0


@pytest.fixture
def on_cuda():
    """The first stage's tokens of two pictures at 256 x 192, on a GPU."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return draw(2, 3072, 128).cuda()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_picture_of_the_models_size(on_cuda, dtype):
    x = on_cuda.to(dtype)
    label, _ = triton_clustering.dpc_knn(x, 768, 5)
    expected = clustering.dpc_knn(x.double(), 768, 5)
    for ours, theirs in zip(label, expected.label, strict=True):
        # Sizes of the meets of clusters: where two are equal, a meet is as large as both.
        meet = torch.zeros(768, 768, device="cuda").index_put_((ours, theirs), torch.ones(3072, device="cuda"), True)
        equal = (meet == meet.sum(0)) & (meet == meet.sum(1, keepdim=True)) & (meet > 0)
        assert meet[equal].sum() >= 0.999 * 3072
    alone, _ = triton_clustering.dpc_knn(x[1:], 768, 5)
    assert torch.equal(alone, label[1:])


@pytest.mark.gpu
def test_no_wait_for_the_host_and_a_cuda_graph(on_cuda):
    index, offset = torch.arange(3072, device="cuda"), torch.arange(0, 3073, 4, device="cuda")
    weight, masked = torch.rand(3072, device="cuda"), torch.ones(2, 3072, dtype=torch.bool, device="cuda")

    def call():
        plain, full = (triton_clustering.dpc_knn(on_cuda, 768, 5, mask) for mask in (None, masked))
        return [*plain, *full, triton_mixing.bag_sum(on_cuda[0], index, weight, offset)]

    call()  # compiles
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = call()
    on_cuda.copy_(draw(2, 3072, 128, seed=1))
    graph.replay()
    torch.cuda.set_sync_debug_mode("error")
    try:
        expected = call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(torch.equal(a, b) for a, b in zip(captured, expected, strict=True))


@pytest.mark.gpu
def test_memory_is_linear_in_the_tokens(on_cuda):
    triton_clustering.dpc_knn(on_cuda, 768, 5)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    triton_clustering.dpc_knn(on_cuda, 768, 5)
    used = torch.cuda.max_memory_allocated() - before
    assert used < 1.5 * on_cuda.nbytes, "the centred copy, and a few numbers a token"
