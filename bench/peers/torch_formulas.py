"""The benchmark's losses in PyTorch, as its users write them; options have the names that the benchmark's works give them."""

from __future__ import annotations

import math
from typing import Callable

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

Tensors = dict[str, torch.Tensor]
Loss = Callable[..., torch.Tensor]


def nt_xent(x: Tensors, temperature: float = 0.5) -> torch.Tensor:
    u = F.normalize(torch.cat([x["z0"], x["z1"]]), dim=1)
    s = u @ u.T / temperature
    n = s.shape[0]
    s = s.masked_fill(torch.eye(n, dtype=torch.bool, device=s.device), float("-inf"))
    return F.cross_entropy(s, torch.arange(n, device=s.device).roll(n // 2))


def nt_xent_in_blocks(x: Tensors, rows: int = 4096) -> torch.Tensor:
    """Blocks of rows, recomputed in the backward pass: memory linear in the batch."""
    u = F.normalize(torch.cat([x["z0"], x["z1"]]), dim=1)
    n = u.shape[0]

    def block(u: torch.Tensor, first: int) -> torch.Tensor:
        s = u[first : first + rows] @ u.T / 0.5
        i = torch.arange(first, first + s.shape[0], device=u.device)
        s = s.scatter(1, i[:, None], float("-inf"))
        return F.cross_entropy(s, (i + n // 2) % n, reduction="sum")

    return sum(checkpoint(block, u, first, use_reentrant=False) for first in range(0, n, rows)) / n


def sup_con(x: Tensors, temperature: float = 0.1) -> torch.Tensor:
    u = F.normalize(torch.cat([x["z0"], x["z1"]]), dim=1)
    s = u @ u.T / temperature
    n = s.shape[0]
    labels = x["labels"].repeat(2)
    self_pair = torch.eye(n, dtype=torch.bool, device=s.device)
    positive = (labels[:, None] == labels[None]) & ~self_pair
    log_probability = s - s.masked_fill(self_pair, float("-inf")).logsumexp(1, keepdim=True)
    counts = positive.sum(1)
    means = torch.where(positive, log_probability, 0.0).sum(1) / counts.clamp(min=1)
    return -means.mean()


def info_nce(x: Tensors, temperature: float = 0.07) -> torch.Tensor:
    q, k, queue = (F.normalize(x[name], dim=1) for name in ("query", "key", "queue"))
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long, device=q.device))


def clip(x: Tensors, logitScale: float = 1 / 0.07) -> torch.Tensor:
    a, b = (F.normalize(x[name], dim=1) for name in ("a", "b"))
    logits = a @ b.T * logitScale
    own = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def barlow_twins(x: Tensors, **options: float) -> torch.Tensor:
    weight, epsilon = options.get("lambda", 0.0051), options.get("epsilon", 1e-5)
    a, b = (F.batch_norm(x[name], None, None, training=True, eps=epsilon) for name in ("z0", "z1"))
    c = a.T @ b / len(a)
    diagonal = c.diagonal()
    return (diagonal - 1).square().sum() + weight * (c.square().sum() - diagonal.square().sum())


def vic_reg(
    x: Tensors, invariance: float = 25, variance: float = 25, covariance: float = 1, epsilon: float = 1e-4
) -> torch.Tensor:
    n, d = x["z0"].shape
    loss = invariance * F.mse_loss(x["z0"], x["z1"])
    for name in ("z0", "z1"):
        z = x[name] - x[name].mean(0)
        loss = loss + variance / 2 * F.relu(1 - (z.var(0) + epsilon).sqrt()).mean()
        c = z.T @ z / (n - 1)
        loss = loss + covariance * (c.square().sum() - c.diagonal().square().sum()) / d
    return loss


def codes(scores: torch.Tensor, epsilon: float = 0.05, iterations: int = 3) -> torch.Tensor:
    q = torch.exp((scores - scores.max()) / epsilon)
    n, k = q.shape
    for _ in range(iterations):
        q = q / (q.sum(0, keepdim=True) * k)
        q = q / (q.sum(1, keepdim=True) * n)
    return q * n


def sinkhorn(x: Tensors, epsilon: float = 0.05, iterations: int = 3) -> torch.Tensor:
    return codes(x["scores"], epsilon, int(iterations))


def swav(x: Tensors, temperature: float = 0.1, epsilon: float = 0.05, iterations: int = 3) -> torch.Tensor:
    scores = [(F.normalize(x[name], dim=1) @ x["prototypes"].T).to(x["z0"].dtype) for name in ("z0", "z1")]
    with torch.no_grad():
        targets = [codes(s, epsilon, int(iterations)) for s in scores]
    return sum(-(q * F.log_softmax(s / temperature, 1)).sum(1).mean() for q, s in zip(targets, reversed(scores))) / 2


def entropic_ot(x: Tensors, epsilon: float | None = None, iterations: int = 10) -> torch.Tensor:
    """The dual value at the potentials, which are constants: its gradient is the envelope theorem's."""
    n, d = x["x"].shape
    m = len(x["y"])
    epsilon = d / 4 if epsilon is None else epsilon
    half = [x[name].square().sum(1) / 2 for name in ("x", "y")]
    cost = half[0][:, None] + half[1] - x["x"] @ x["y"].T
    with torch.no_grad():
        g = torch.zeros(m, device=cost.device, dtype=cost.dtype)
        for _ in range(int(iterations)):
            f = -epsilon * (((g - cost) / epsilon).logsumexp(1) - math.log(m))
            g = -epsilon * (((f[:, None] - cost) / epsilon).logsumexp(0) - math.log(n))
    mass = torch.exp((f[:, None] + g - cost) / epsilon).mean()
    return f.mean() + g.mean() - epsilon * (mass - 1)


def matmul(x: Tensors) -> torch.Tensor:
    return x["a"] @ x["b"]


FORMULAS: dict[str, Loss] = {
    "ntXent": nt_xent,
    "supCon": sup_con,
    "infoNCE": info_nce,
    "clip": clip,
    "barlowTwins": barlow_twins,
    "vicReg": vic_reg,
    "sinkhorn": sinkhorn,
    "swav": swav,
    "entropicOT": entropic_ot,
    "matmul": matmul,
}
