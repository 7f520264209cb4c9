import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tcformer import kernels
from tcformer.clustering import dpc_knn
from tcformer.kernels import plain

quick = settings(max_examples=40, deadline=None)


@pytest.fixture(autouse=True, scope="module", params=["auto", "off"])
def form(request):
    """Every test here holds for the plain kernels and for the quick ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernels.VARIABLE, request.param)
        yield


@st.composite
def pictures(draw, least=1, most=90):
    """Random tokens (B, N, C) in fp64, where near-ties do not occur, and a number of clusters."""
    batch, tokens, channels = draw(st.integers(1, 3)), draw(st.integers(least, most)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    x = torch.randn(batch, tokens, channels, generator=generator, dtype=torch.float64)
    return x, draw(st.integers(1, tokens))


def same_cluster(label):
    """The partition itself, whatever its numbers: (B, N, N)."""
    return label[:, :, None] == label[:, None, :]


def plain_labels(x, clusters, k):
    """DPC-KNN from its definition, token by token."""
    found = []
    for tokens in x:
        n, channels = tokens.shape
        distance = torch.linalg.vector_norm(tokens[:, None] - tokens[None], dim=2) / channels**0.5
        density = [(-distance[i].square().sort().values[:k].mean()).exp() for i in range(n)]
        score = []
        for i in range(n):
            denser = [distance[i, j] for j in range(n) if density[j] > density[i]]
            score.append((min(denser) if denser else distance.max()) * density[i])
        centres = sorted(range(n), key=lambda i: -score[i])[:clusters]
        label = distance[:, centres].argmin(dim=1)
        label[centres] = torch.arange(clusters)
        found.append(label)
    return torch.stack(found)


@quick
@given(pictures(most=40), st.integers(3, 8))  # with k = 2 mutual neighbours tie, and rounding decides
def test_agrees_with_the_definition(picture, k):
    x, clusters = picture
    assert torch.equal(same_cluster(dpc_knn(x, clusters, k).label), same_cluster(plain_labels(x, clusters, k)))


@quick
@given(pictures(), st.integers(1, 100))
def test_partition(picture, k):
    x, clusters = picture
    label, centre = dpc_knn(x, clusters, k)
    assert label.shape == x.shape[:2]
    assert centre.shape == (len(x), clusters)
    for mine, centres in zip(label, centre, strict=True):
        assert mine.unique().tolist() == list(range(clusters)), "every token in a cluster, no cluster empty"
        assert len(centres.unique()) == clusters
        assert mine[centres].tolist() == list(range(clusters)), "a centre joins itself"


@quick
@given(pictures(least=8))
def test_tokens_join_their_nearest_centre(picture):
    x, clusters = picture
    label, centre = dpc_knn(x, clusters)
    distance = torch.cdist(x, x.gather(1, centre[..., None].expand(-1, -1, x.shape[2])))
    own = distance.gather(2, label[..., None])[..., 0]
    assert (own <= distance.amin(dim=2) + 1e-6).all()


@quick
@given(pictures(), st.integers(0, 1000))
def test_permuting_tokens_permutes_the_partition(picture, seed):
    x, clusters = picture
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(seed))
    expected = same_cluster(dpc_knn(x, clusters).label[:, order])
    assert torch.equal(same_cluster(dpc_knn(x[:, order], clusters).label), expected)


@quick
@given(pictures(), st.floats(-5, 5))
def test_moving_all_tokens_changes_nothing(picture, by):
    x, clusters = picture
    moved = dpc_knn(x + by, clusters).label
    assert torch.equal(same_cluster(moved), same_cluster(dpc_knn(x, clusters).label))


@quick
@given(pictures(least=4), st.data())
def test_empty_tokens_are_never_centres(picture, data):
    x, _ = picture
    tokens = x.shape[1]
    real = data.draw(st.integers(1, tokens))
    clusters = data.draw(st.integers(1, real))
    mask = torch.stack([torch.randperm(tokens) < real for _ in x])
    assert mask.gather(1, dpc_knn(x, clusters, mask=mask).centre).all()


def test_a_mask_without_empty_tokens_changes_nothing():
    x = torch.randn(2, 50, 8)
    assert torch.equal(dpc_knn(x, 12, mask=torch.ones(2, 50, dtype=torch.bool)).label, dpc_knn(x, 12).label)


def test_values_of_empty_tokens_do_not_matter():
    x = torch.randn(2, 60, 8, dtype=torch.float64)
    mask = torch.arange(60).expand(2, -1) < 50
    other = torch.where(mask[..., None], x, torch.randn_like(x))
    one, two = dpc_knn(x, 12, mask=mask), dpc_knn(other, 12, mask=mask)
    assert torch.equal(one.label[:, :50], two.label[:, :50])


def test_one_token():
    assert dpc_knn(torch.randn(2, 1, 4), 1).label.tolist() == [[0], [0]]


@pytest.mark.parametrize("k", [1, 5])
def test_identical_tokens(k):
    label, centre = dpc_knn(torch.ones(2, 20, 4), 5, k)
    assert (label >= 0).all()
    assert (label < 5).all()
    assert torch.equal(label.gather(1, centre), torch.arange(5).expand(2, -1))


def test_far_groups_are_found():
    x = torch.randn(1, 40, 4) * 0.01 + (torch.arange(40) % 2)[None, :, None]
    assert torch.equal(same_cluster(dpc_knn(x, 2).label)[0, 0], torch.arange(40) % 2 == 0)


def test_as_many_clusters_as_tokens():
    assert len(dpc_knn(torch.randn(1, 40, 4), 40).label.unique()) == 40


def test_equal_distances_go_to_the_lower_index():
    x = torch.tensor([[[-1.0], [1.0], [0.0], [0.0]]])
    label, centre = dpc_knn(x, 3, k=1)  # every density is 1: all are the densest, and come in their order
    assert centre.tolist() == [[0, 1, 2]]
    assert label.tolist() == [[0, 1, 2, 2]]


@quick
@given(pictures(least=2))
def test_a_picture_alone_is_bit_equal_to_the_same_in_a_batch(picture):
    x, clusters = picture
    x = x.float()
    together = dpc_knn(x, clusters)
    for b, tokens in enumerate(x):
        alone = dpc_knn(tokens[None], clusters)
        assert torch.equal(alone.label[0], together.label[b])
        assert torch.equal(alone.centre[0], together.centre[b])


def test_noise_is_off_by_default_and_comes_from_the_generator():
    x = torch.randn(1, 60, 4)
    quiet = dpc_knn(x, 15).label
    assert torch.equal(quiet, dpc_knn(x, 15).label)

    def noisy(seed):
        return dpc_knn(x, 15, noise=0.5, generator=torch.Generator().manual_seed(seed)).label

    assert torch.equal(noisy(0), noisy(0))
    assert not torch.equal(noisy(0), noisy(1))
    assert not torch.equal(noisy(0), quiet)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_features_that_are_not_finite_give_clusters_all_the_same(value):
    x = torch.randn(2, 70, 4)
    x[0, 3] = value
    label, centre = dpc_knn(x, 9)
    assert ((label >= 0) & (label < 9)).all()
    assert ((centre >= 0) & (centre < 70)).all()
    assert torch.equal(label[1], dpc_knn(x[1:], 9).label[0]), "the other picture is not touched"


def test_scores_count_strictly_denser_tokens_only():
    distance = plain.squared_distances(torch.randn(1, 30, 2))
    density = (-distance.topk(5, dim=2, largest=False).values.mean(dim=2)).exp()
    added = density.mul(8).round().add(1).div(8) - density  # many ties
    score = plain.peak_scores(distance, 5, added=added)
    for i in range(30):
        denser = (density + added)[0] > (density + added)[0, i]
        wanted = distance[0, i, denser].min().sqrt() * (density + added)[0, i] if denser.any() else torch.inf
        assert score[0, i].item() == pytest.approx(float(wanted))


def test_half_precision_is_raised():
    x = torch.randn(1, 60, 16).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(dpc_knn(x, 15).label, dpc_knn(x.float(), 15).label)


def test_another_value_of_the_switch_is_refused(monkeypatch):
    monkeypatch.setenv(kernels.VARIABLE, "fast")
    with pytest.raises(ValueError, match=r"TCFORMER_KERNELS='fast'.*auto, off"):
        dpc_knn(torch.randn(1, 10, 4), 3)


@pytest.mark.parametrize(("clusters", "k"), [(0, 5), (11, 5), (3, 0)])
def test_bad_numbers(clusters, k):
    with pytest.raises(ValueError, match=f"{0 if k == 0 else clusters}"):
        dpc_knn(torch.randn(1, 10, 4), clusters, k)
