"""The kernels of DPC-KNN; `tcformer.kernels.triton_clustering` launches them.

In all of them x is (B, N, C) and contiguous, a program belongs to one picture (the grid's last dimension) and one block
of rows, RAISE turns half-precision features into fp32 before they are multiplied, and PRECISION is `tl.dot`'s.
"""

import triton
import triton.language as tl


@triton.jit
def _features(x, token, real, first, C: tl.constexpr, BLOCK_C: tl.constexpr, RAISE: tl.constexpr):
    """Features of some tokens of one picture, channels `first` onwards, 0 where there are none."""
    channel = first + tl.arange(0, BLOCK_C)
    place = x + token[:, None] * C + channel[None, :]
    # Without the channel mask where it is not needed: a row's mask alone keeps loads wide.
    if C % BLOCK_C == 0:
        block = tl.load(place, mask=real[:, None], other=0.0)
    else:
        block = tl.load(place, mask=real[:, None] & (channel < C)[None, :], other=0.0)
    return block.to(tl.float32) if RAISE else block


@triton.jit
def _products(
    own, x, row, row_real, column, column_real,
    C: tl.constexpr, BLOCK_C: tl.constexpr, RAISE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Scalar products of row tokens with column tokens. `own`: the rows' first BLOCK_C channels, read beforehand."""
    if C <= BLOCK_C:
        other = _features(x, column, column_real, 0, C, BLOCK_C, RAISE)
        return tl.dot(own, tl.trans(other), input_precision=PRECISION)
    product = tl.zeros((row.shape[0], column.shape[0]), tl.float32)
    for first in range(0, C, BLOCK_C):
        one = _features(x, row, row_real, first, C, BLOCK_C, RAISE)
        other = _features(x, column, column_real, first, C, BLOCK_C, RAISE)
        product = tl.dot(one, tl.trans(other), product, input_precision=PRECISION)
    return product


@triton.jit
def add_up(x, sums, N, C: tl.constexpr, ROWS: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_C: tl.constexpr):
    """Sums of ROWS tokens' features: x (B, N, C) to sums (B, N / ROWS, C)."""
    part = tl.program_id(0)
    picture = tl.program_id(2).to(tl.int64)
    x += picture * N * C
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    total = tl.zeros((BLOCK_N, BLOCK_C), tl.float32)
    for first in range(0, tl.minimum(ROWS, N - part * ROWS), BLOCK_N):
        token = part * ROWS + first + tl.arange(0, BLOCK_N)
        inside = (token < N)[:, None] & (channel < C)[None, :]
        total += tl.load(x + token[:, None] * C + channel[None, :], mask=inside, other=0.0)
    sums += (picture * tl.num_programs(0) + part) * C
    tl.store(sums + channel, tl.sum(total, 0), mask=channel < C)


@triton.jit
def prepare(
    x, sums, parts, centred, square, N, scale,
    C: tl.constexpr, CENTRE: tl.constexpr, BLOCK: tl.constexpr, BLOCK_C: tl.constexpr,
    RAISE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Subtract the picture's mean where CENTRE, and take every token's squared length.

    The length is the diagonal of the same product by which distances are made: whatever the rounding of the
    hardware's accumulation, equal tokens lie at distance 0 exactly, and what it loses in near pairs cancels.
    """
    picture = tl.program_id(1).to(tl.int64)
    x += picture * N * C
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = row < N
    product = tl.zeros((BLOCK, BLOCK), tl.float32)
    for first in range(0, C, BLOCK_C):
        block = _features(x, row, real, first, C, BLOCK_C, RAISE)
        if CENTRE:
            channel = first + tl.arange(0, BLOCK_C)
            inside = channel < C
            total = tl.zeros((BLOCK_C,), tl.float32)
            for part in range(parts):
                total += tl.load(sums + (picture * parts + part) * C + channel, mask=inside, other=0.0)
            block = tl.where(real[:, None], block - (total * scale)[None, :], 0.0)
            place = centred + picture * N * C + row[:, None] * C + channel[None, :]
            tl.store(place, block, mask=real[:, None] & inside[None, :])
        product = tl.dot(block, tl.trans(block), product, input_precision=PRECISION)
    index = tl.arange(0, BLOCK)
    length = tl.sum(tl.where(index[:, None] == index[None, :], product, 0.0), 1)
    tl.store(square + picture * N + row, length, mask=real)


@triton.jit
def neighbours(
    x, square, mask, near_sum, N,
    C: tl.constexpr, OTHERS: tl.constexpr, MASKED: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_C: tl.constexpr, RAISE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Sum of each token's OTHERS smallest distances to other tokens; where MASKED, to real ones, as many as there are.

    Every lane, a row and a column of the tile, keeps its own OTHERS smallest numbers in order, in registers; they are
    put together once, at the end. The row's squared length, the same for all, is added then, too.
    """
    picture = tl.program_id(1).to(tl.int64)
    x += picture * N * C
    square += picture * N
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_real = row < N
    own = _features(x, row, row_real, 0, C, BLOCK_C, RAISE)
    length = tl.load(square + row, mask=row_real, other=0.0)
    lane = tl.arange(0, COLUMNS)
    unknown = tl.full((ROWS, COLUMNS), float("inf"), tl.float32)
    near = (unknown,) * OTHERS
    for start in range(0, N, COLUMNS):
        column = start + lane
        column_real = column < N
        product = _products(own, x, row, row_real, column, column_real, C, BLOCK_C, RAISE, PRECISION)
        other_length = tl.load(square + column, mask=column_real, other=float("inf"))
        distance = other_length[None, :] - 2 * product
        if MASKED:
            full = tl.load(mask + picture * N + column, mask=column_real, other=0) != 0
            distance = tl.where(full[None, :], distance, float("inf"))
        distance = tl.where(row[:, None] == column[None, :], float("inf"), distance)
        # Insert into the ordered list: what is displaced moves on.
        kept = (tl.minimum(near[0], distance),)
        distance = tl.maximum(near[0], distance)
        for i in tl.static_range(1, OTHERS):
            kept = kept + (tl.minimum(near[i], distance),)  # type: ignore[assignment]  # noqa: RUF005
            distance = tl.maximum(near[i], distance)
        near = kept
    total = tl.zeros((ROWS,), tl.float32)
    for _ in tl.static_range(OTHERS):
        first = near[0]
        least = tl.min(first, 1)
        distance = tl.maximum(least + length, 0.0) * (1.0 / C)
        total += tl.where(least < float("inf"), distance, 0.0) if MASKED else distance
        taken = lane[None, :] == tl.argmin(first, 1)[:, None]
        near = near + (unknown,)  # noqa: RUF005  as above: Triton knows no unpacking into a tuple
        kept = (tl.where(taken, near[1], first),)
        for i in tl.static_range(1, OTHERS):
            kept = kept + (tl.where(taken, near[i + 1], near[i]),)  # type: ignore[assignment]  # noqa: RUF005
        near = kept
    tl.store(near_sum + picture * N + row, total, mask=row_real)


@triton.jit
def scores(
    x, square, mask, density, order, score, N,
    C: tl.constexpr, MASKED: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_C: tl.constexpr, RAISE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Density times distance to the nearest token of strictly higher `order`; -1 for empty tokens.

    The densest get +inf where `tcformer.clustering` takes the picture's largest distance: no other token has a
    larger gap or as high a density, so the order of the scores, all that counts, is the same.
    """
    picture = tl.program_id(1).to(tl.int64)
    x += picture * N * C
    square += picture * N
    order += picture * N
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_real = row < N
    own = _features(x, row, row_real, 0, C, BLOCK_C, RAISE)
    own_order = tl.load(order + row, mask=row_real, other=0.0)
    gap = tl.full((ROWS, COLUMNS), float("inf"), tl.float32)
    for start in range(0, N, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        column_real = column < N
        product = _products(own, x, row, row_real, column, column_real, C, BLOCK_C, RAISE, PRECISION)
        other_length = tl.load(square + column, mask=column_real, other=float("inf"))
        other_order = tl.load(order + column, mask=column_real, other=-float("inf"))
        distance = other_length[None, :] - 2 * product
        denser = other_order[None, :] > own_order[:, None]
        gap = tl.minimum(gap, tl.where(denser, distance, float("inf")))
    least = tl.min(gap, 1)
    length = tl.load(square + row, mask=row_real, other=0.0)
    own_density = tl.load(density + picture * N + row, mask=row_real, other=0.0)
    result = tl.sqrt_rn(tl.maximum(least + length, 0.0) * (1.0 / C)) * own_density
    result = tl.where(least == float("inf"), float("inf"), result)
    if MASKED:
        result = tl.where(tl.load(mask + picture * N + row, mask=row_real, other=0) != 0, result, -1.0)
    tl.store(score + picture * N + row, result, mask=row_real)


@triton.jit
def rank_scores(score, rank, centre, N, K, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Place of every token by descending score, equal ones by index; the first K are the centres.

    Counts the tokens before each: places are a permutation whatever the scores are. NaN, which nothing above is known
    to give, counts as +inf: two tokens at one place would leave a centre unwritten, and the next pass reads there.
    """
    picture = tl.program_id(1).to(tl.int64)
    score += picture * N
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    own = tl.load(score + row, mask=row < N, other=0.0)
    own = tl.where(own == own, own, float("inf"))
    before = tl.zeros((ROWS, COLUMNS), tl.int32)
    for start in range(0, N, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        other = tl.load(score + column, mask=column < N, other=-float("inf"))
        other = tl.where(other == other, other, float("inf"))
        tie = (other[None, :] == own[:, None]) & (column[None, :] < row[:, None])
        first = (other[None, :] > own[:, None]) | tie
        before += first.to(tl.int32)
    place = tl.sum(before, 1)
    tl.store(rank + picture * N + row, place, mask=row < N)
    tl.store(centre + picture * K + place, row.to(tl.int64), mask=(row < N) & (place < K))


@triton.jit
def assign(
    x, square, mask, rank, centre, label, N, K,
    C: tl.constexpr, MASKED: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_C: tl.constexpr, RAISE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The nearest centre of every token, of equally near ones the first. A centre joins itself, empty tokens the
    first: all centres are equally far from them."""
    picture = tl.program_id(1).to(tl.int64)
    x += picture * N * C
    square += picture * N
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    row_real = row < N
    own = _features(x, row, row_real, 0, C, BLOCK_C, RAISE)
    length = tl.load(square + row, mask=row_real, other=0.0)
    least = tl.full((ROWS, COLUMNS), float("inf"), tl.float32)
    nearest = tl.zeros((ROWS, COLUMNS), tl.int32)
    for start in range(0, K, COLUMNS):
        place = start + tl.arange(0, COLUMNS)
        real = place < K
        token = tl.load(centre + picture * K + place, mask=real, other=0).to(tl.int32)
        product = _products(own, x, row, row_real, token, real, C, BLOCK_C, RAISE, PRECISION)
        other_length = tl.load(square + token, mask=real, other=float("inf"))
        # As in the other passes, but cut at 0 in here: below it, rounding must not choose.
        distance = tl.maximum(other_length[None, :] - 2 * product + length[:, None], 0.0)
        closer = distance < least
        least = tl.where(closer, distance, least)
        nearest = tl.where(closer, place[None, :], nearest)
    result = tl.min(tl.where(least == tl.min(least, 1)[:, None], nearest, K), 1)
    if MASKED:
        result = tl.where(tl.load(mask + picture * N + row, mask=row_real, other=0) != 0, result, 0)
    place = tl.load(rank + picture * N + row, mask=row_real, other=0)
    result = tl.where(place < K, place, result)
    tl.store(label + picture * N + row, result.to(tl.int64), mask=row_real)
