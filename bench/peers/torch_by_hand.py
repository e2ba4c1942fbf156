"""The benchmark's losses in PyTorch, as its most careful user writes them: value and gradient in closed form, no tape.

What derivatives.ts has for the libraries in JavaScript, with what PyTorch has besides: products that add to what is there
(`addmm`), and elementwise functions in place, so that a step makes no more matrices than it needs.
"""

from __future__ import annotations

import math
from typing import Callable

import torch

Tensors = dict[str, torch.Tensor]
Outputs = dict[str, torch.Tensor]

LEAST_TEMPERATURE = 0.03
"""exp(s - 1 / tau) is a normal number for all cosines above it; below it a maximum is taken off."""


class Units:
    """Unit rows, and a gradient's way back through the normalisation."""

    def __init__(self, z: torch.Tensor) -> None:
        self.inverse = torch.linalg.vector_norm(z, dim=1, keepdim=True).reciprocal_()
        self.u = z * self.inverse

    def back(self, du: torch.Tensor) -> torch.Tensor:
        """Overwrites `du`."""
        along = (du * self.u).sum(1, keepdim=True)
        return du.addcmul_(self.u, along, value=-1).mul_(self.inverse)


def pairs(u: torch.Tensor, tau: float, h: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row against all others: log sum_j exp(u_i.u_j / tau), and sum_j (h_i P_ij + h_j P_ji) u_j."""
    if tau >= LEAST_TEMPERATURE:
        e = torch.addmm(u.new_full((1, 1), -1 / tau), u, u.T, alpha=1 / tau).exp_()
        e.fill_diagonal_(0)
        z = e.sum(1, keepdim=True)
        lse = z.log() + 1 / tau
        share = z.reciprocal_() if h is None else h / z
        return lse, share * (e @ u) + e @ (share * u)
    s = (u @ u.T).div_(tau)
    s.fill_diagonal_(float("-inf"))
    lse = s.logsumexp(1, keepdim=True)
    p = s.sub_(lse).exp_()
    if h is not None:
        p.mul_(h)
    return lse, p @ u + p.T @ u


def nt_xent(x: Tensors, temperature: float = 0.5) -> Outputs:
    unit = Units(torch.cat([x["z0"], x["z1"]]))
    u, n = unit.u, len(unit.u)
    lse, weighted_sum = pairs(u, temperature)
    partners = u.roll(n // 2, 0)
    value = (lse.sum() - (u * partners).sum() / temperature) / n
    dz = unit.back(weighted_sum.sub_(partners, alpha=2).div_(n * temperature))
    return {"value": value, "d_z0": dz[: n // 2], "d_z1": dz[n // 2 :]}


def sup_con(x: Tensors, temperature: float = 0.1) -> Outputs:
    unit = Units(torch.cat([x["z0"], x["z1"]]))
    u, n = unit.u, len(unit.u)
    labels = x["labels"].repeat(2)
    sizes = torch.bincount(labels)
    counts = (sizes[labels] - 1).unsqueeze(1).to(u.dtype)
    anchors = counts.clamp(max=1)
    lse, weighted_sum = pairs(u, temperature, anchors)
    sums = u.new_zeros(len(sizes), u.shape[1]).index_add_(0, labels, u)
    means = (sums[labels] - u).div_(counts.clamp(min=1)).mul_(anchors)
    value = ((lse * anchors).sum() - (u * means).sum() / temperature) / n
    dz = unit.back(weighted_sum.sub_(means, alpha=2).div_(n * temperature))
    return {"value": value, "d_z0": dz[: n // 2], "d_z1": dz[n // 2 :]}


def info_nce(x: Tensors, temperature: float = 0.07) -> Outputs:
    query, key, queue = (Units(x[name]) for name in ("query", "key", "queue"))
    n = len(query.u)
    own = (query.u * key.u).sum(1, keepdim=True).div_(temperature)
    s = (query.u @ queue.u.T).div_(temperature)
    top = 1 / temperature if temperature >= LEAST_TEMPERATURE else torch.maximum(own, s.amax(1, keepdim=True))
    e, e0 = s.sub_(top).exp_(), (own - top).exp_()
    z = e.sum(1, keepdim=True) + e0
    value = (z.log() + top - own).mean()
    dq = torch.addcmul((e @ queue.u).div_(z), e0 / z - 1, key.u).div_(n * temperature)
    return {"value": value, "d_query": query.back(dq)}


def clip(x: Tensors, logitScale: float = 1 / 0.07) -> Outputs:
    left, right = Units(x["a"]), Units(x["b"])
    u, v, n = left.u, right.u, len(left.u)
    if 1 / logitScale >= LEAST_TEMPERATURE:
        e = torch.addmm(u.new_full((1, 1), -logitScale), u, v.T, alpha=logitScale).exp_()
        by_row, by_column = e.sum(1, keepdim=True), e.sum(0, keepdim=True)
        lse = by_row.log().sum() + by_column.log().sum() + 2 * n * logitScale
        weights = e.mul_(by_row.reciprocal_() + by_column.reciprocal_())
    else:
        s = (u @ v.T).mul_(logitScale)
        by_row, by_column = s.logsumexp(1, keepdim=True), s.logsumexp(0, keepdim=True)
        lse = by_row.sum() + by_column.sum()
        weights = (s - by_row).exp_().add_(s.sub_(by_column).exp_())
    value = (lse - 2 * logitScale * (u * v).sum()) / (2 * n)
    scale = logitScale / (2 * n)
    da = torch.addmm(v, weights, v, beta=-2 * scale, alpha=scale)
    db = torch.addmm(u, weights.T, u, beta=-2 * scale, alpha=scale)
    return {"value": value, "d_a": left.back(da), "d_b": right.back(db)}


class Standard:
    """Features with mean 0 and variance 1 over the rows, and a gradient's way back."""

    def __init__(self, z: torch.Tensor, epsilon: float) -> None:
        variance, mean = torch.var_mean(z, 0, unbiased=False, keepdim=True)
        self.inverse = variance.add_(epsilon).rsqrt_()
        self.x = (z - mean).mul_(self.inverse)

    def back(self, dx: torch.Tensor) -> torch.Tensor:
        """Overwrites `dx`."""
        along = (dx * self.x).mean(0, keepdim=True)
        return dx.sub_(dx.mean(0, keepdim=True)).addcmul_(self.x, along, value=-1).mul_(self.inverse)


def barlow_twins(x: Tensors, **options: float) -> Outputs:
    weight, epsilon = options.get("lambda", 0.0051), options.get("epsilon", 1e-5)
    left, right = Standard(x["z0"], epsilon), Standard(x["z1"], epsilon)
    a, b = left.x, right.x
    n, d = a.shape
    diagonal = (a * b).mean(0)
    g = (diagonal * (2 - 2 * weight) - 2).div_(n)
    scale = 2 * weight / n**2
    if n < d:
        k0, k1 = a @ a.T, b @ b.T
        squares = torch.dot(k0.flatten(), k1.flatten()) / n**2
        da = torch.addmm(b * g, k1, a, alpha=scale)
        db = torch.addmm(a * g, k0, b, alpha=scale)
    else:
        c = a.T @ b
        squares = torch.dot(c.flatten(), c.flatten()) / n**2
        da = torch.addmm(b * g, b, c.T, alpha=scale)
        db = torch.addmm(a * g, a, c, alpha=scale)
    value = (diagonal - 1).square_().sum() + weight * (squares - diagonal.square().sum())
    return {"value": value, "d_z0": left.back(da), "d_z1": right.back(db)}


def vic_reg(
    x: Tensors, invariance: float = 25, variance: float = 25, covariance: float = 1, epsilon: float = 1e-4
) -> Outputs:
    n, d = x["z0"].shape
    apart = x["z0"] - x["z1"]
    value = torch.dot(apart.flatten(), apart.flatten()) * (invariance / (n * d))
    outputs: Outputs = {}
    for sign, name in ((2, "z0"), (-2, "z1")):
        spread, mean = torch.var_mean(x[name], 0, unbiased=True)
        z = x[name] - mean
        s = (spread + epsilon).sqrt_()
        hinges = (1 - s).relu_()
        k = z @ z.T if n < d else z.T @ z
        off = torch.dot(k.flatten(), k.flatten()) / (n - 1) ** 2 - spread.square().sum()
        value = value + hinges.sum() * (variance / (2 * d)) + off * (covariance / d)
        per_feature = spread * (4 * covariance / (d * (n - 1))) + (hinges > 0) / s * (variance / (2 * d * (n - 1)))
        start = torch.addcmul(apart * (sign * invariance / (n * d)), z, per_feature, value=-1)
        left, right = (k, z) if n < d else (z, k)
        outputs[f"d_{name}"] = start.addmm_(left, right, alpha=4 * covariance / (d * (n - 1) ** 2))
    return {"value": value, **outputs}


def codes(scores: torch.Tensor, epsilon: float, iterations: int) -> torch.Tensor:
    """Scaling vectors: one exponential of the matrix, which then is only multiplied with vectors."""
    n, k = scores.shape
    e = (scores - scores.max()).div_(epsilon).exp_()
    v = scores.new_ones(n)
    for _ in range(iterations):
        u = torch.mv(e.T, v).mul_(k).reciprocal_()
        v = torch.mv(e, u).mul_(n).reciprocal_()
    return e.mul_(u).mul_((v * n).unsqueeze(1)) if iterations else e.mul_(n)


def sinkhorn(x: Tensors, epsilon: float = 0.05, iterations: int = 3) -> Outputs:
    return {"value": codes(x["scores"], epsilon, int(iterations))}


def swav(x: Tensors, temperature: float = 0.1, epsilon: float = 0.05, iterations: int = 3) -> Outputs:
    c = x["prototypes"]
    units = [Units(x[name]) for name in ("z0", "z1")]
    scores = [unit.u @ c.T for unit in units]
    targets = [codes(s, epsilon, int(iterations)) for s in scores]
    n = len(units[0].u)
    scale = 1 / (2 * n * temperature)
    value, dc, outputs = 0.0, torch.zeros_like(c), {}
    for name, unit, s, q in zip(("z0", "z1"), units, scores, reversed(targets)):
        logits = s.div_(temperature)
        log_p = logits.sub_(logits.logsumexp(1, keepdim=True))
        value = value - torch.dot(q.flatten(), log_p.flatten()) / (2 * n)
        g = log_p.exp_().sub_(q).mul_(scale)
        outputs[f"d_{name}"] = unit.back(g @ c)
        dc.addmm_(g.T, unit.u)
    return {"value": value, **outputs, "d_prototypes": dc}


def entropic_ot(inputs: Tensors, epsilon: float, iterations: int = 100) -> Outputs:
    x, y = inputs["x"], inputs["y"]
    n, m = len(x), len(y)
    half = [z.square().sum(1).div_(-2 * epsilon) for z in (x, y)]
    s = torch.addmm(half[0].unsqueeze(1), x, y.T, alpha=1 / epsilon).add_(half[1])
    f = math.log(m) - s.logsumexp(1, keepdim=True)
    s.add_(f)
    g = math.log(n) - s.logsumexp(0, keepdim=True)
    e = s.add_(g).exp_()
    u, w = x.new_ones(n), x.new_ones(m)
    for _ in range(1, int(iterations)):
        u = torch.mv(e, w).reciprocal_().mul_(m)
        w = torch.mv(e.T, u).reciprocal_().mul_(n)
    value = (f.sum() + u.log().sum()) * (epsilon / n) + (g.sum() + w.log().sum()) * (epsilon / m)
    row_mass = torch.mv(e, w).mul_(u).unsqueeze(1)
    to_x = (x * row_mass).addcmul_(u.unsqueeze(1), e @ (y * w.unsqueeze(1)), value=-1)
    to_y = (y * n).addcmul_(w.unsqueeze(1), e.T @ (x * u.unsqueeze(1)), value=-1)
    return {"value": value, "d_x": to_x.div_(n * m), "d_y": to_y.div_(n * m)}


BY_HAND: dict[str, Callable[..., Outputs]] = {
    "ntXent": nt_xent,
    "supCon": sup_con,
    "infoNCE": info_nce,
    "clip": clip,
    "barlowTwins": barlow_twins,
    "vicReg": vic_reg,
    "sinkhorn": sinkhorn,
    "swav": swav,
    "entropicOT": entropic_ot,
}
