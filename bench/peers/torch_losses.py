#!/usr/bin/env python3
"""The benchmark's losses in PyTorch on the machine's CUDA card: loss and gradient, as users write them.

    python3 bench/peers/torch_losses.py --out rows.jsonl
    python3 bench/peers/torch_losses.py --device cpu --dry          (tiny sizes, no card needed)

One JSON object a line, in the columns of `gramian bench`. Forms: eager and torch.compile, each in f32 with TF32 off, with
TF32 on, and under bf16 autocast; NT-Xent also in row blocks under checkpointing, and as a fused Triton kernel where Triton
is there. `median` is the wall time of one step with its synchronisation, `gpu` the time between CUDA events around it. Out
of memory is a result. What the time budget leaves out gets no row.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import json
import math
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from torch_formulas import (
    Loss,
    Tensors,
    barlow_twins,
    clip,
    entropic_ot,
    info_nce,
    matmul,
    nt_xent,
    nt_xent_in_blocks,
    sinkhorn,
    sup_con,
    swav,
    vic_reg,
)

Size = dict[str, int]

# ---------------------------------------------------------------- NT-Xent as two Triton kernels


def triton_nt_xent() -> Callable[[str], Loss] | None:
    """Loss by precision of the products, or None where Triton is not there. Nothing of size n x n is stored."""
    try:
        import triton
        import triton.language as tl
    except ImportError:
        return None
    global tl_  # kernels look names up in the module
    tl_ = tl

    @triton.jit
    def sums(u, z, n, scale, D: tl.constexpr, M: tl.constexpr, N: tl.constexpr, PRECISION: tl.constexpr):
        """z_i = sum_{j != i} exp2((u_i.u_j - 1) scale)"""
        i = tl.program_id(0) * M + tl.arange(0, M)
        k = tl.arange(0, D)
        a = tl.load(u + i[:, None] * D + k[None, :], mask=i[:, None] < n, other=0.0)
        total = tl.zeros([M], tl.float32)
        for first in range(0, n, N):
            j = first + tl.arange(0, N)
            b = tl.load(u + j[:, None] * D + k[None, :], mask=j[:, None] < n, other=0.0)
            s = tl.dot(a, tl.trans(b), input_precision=PRECISION)
            use = (i[:, None] != j[None, :]) & (j[None, :] < n)
            total += tl.sum(tl.where(use, tl.exp2((s - 1) * scale), 0.0), 1)
        tl.store(z + i, total, mask=i < n)

    @triton.jit
    def weighted_sum(u, z, y, n, scale, D: tl.constexpr, M: tl.constexpr, N: tl.constexpr, PRECISION: tl.constexpr):
        """y_i = sum_{j != i} e_ij (1 / z_i + 1 / z_j) u_j"""
        i = tl.program_id(0) * M + tl.arange(0, M)
        k = tl.arange(0, D)
        a = tl.load(u + i[:, None] * D + k[None, :], mask=i[:, None] < n, other=0.0)
        own = 1.0 / tl.load(z + i, mask=i < n, other=1.0)
        total = tl.zeros([M, D], tl.float32)
        for first in range(0, n, N):
            j = first + tl.arange(0, N)
            b = tl.load(u + j[:, None] * D + k[None, :], mask=j[:, None] < n, other=0.0)
            other = 1.0 / tl.load(z + j, mask=j < n, other=1.0)
            s = tl.dot(a, tl.trans(b), input_precision=PRECISION)
            use = (i[:, None] != j[None, :]) & (j[None, :] < n)
            w = tl.where(use, tl.exp2((s - 1) * scale) * (own[:, None] + other[None, :]), 0.0)
            total += tl.dot(w.to(b.dtype), b, input_precision=PRECISION)
        tl.store(y + i[:, None] * D + k[None, :], total, mask=i[:, None] < n)

    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, tau, precision):
            n, d = u.shape
            narrow = precision == "bf16"
            operand = u.to(torch.bfloat16) if narrow else u
            z = torch.empty(n, device=u.device)
            shape = {"D": d, "M": 64, "N": 64, "PRECISION": "tf32" if narrow else precision}
            scale = 1 / tau / math.log(2)
            sums[(triton.cdiv(n, 64),)](operand, z, n, scale, **shape)
            partners = u.roll(n // 2, 0)
            y = torch.empty_like(u)
            weighted_sum[(triton.cdiv(n, 64),)](operand, z, y, n, scale, **shape)
            ctx.save_for_backward((y - 2 * partners) / (n * tau))
            return (z.log() + 1 / tau - (u * partners).sum(1) / tau).mean()

        @staticmethod
        def backward(ctx, dy):
            (du,) = ctx.saved_tensors
            return dy * du, None, None

    def loss_of(precision: str) -> Loss:
        def loss(x: Tensors) -> torch.Tensor:
            u = F.normalize(torch.cat([x["z0"], x["z1"]]), dim=1)
            return Fused.apply(u, 0.5, {"f32": "ieee", "tf32": "tf32", "bf16": "bf16"}[precision])

        return loss

    return loss_of


# ---------------------------------------------------------------- the cases


@dataclass(frozen=True)
class Case:
    name: str
    loss: Loss
    live: tuple[str, ...]
    make: Callable[[Size, "Draw"], Tensors]
    """The last one tiny, for --dry."""
    sizes: tuple[Size, ...]
    flops: Callable[[Size], float]
    bytes: Callable[[Size], float]


class Draw:
    """Standard normal numbers on the device, the same for every form."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.generator = torch.Generator(device=device).manual_seed(1)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def views(self, rows: int, d: int, first: str, second: str) -> Tensors:
        one = self.normal(rows, d)
        return {first: one, second: one + self.normal(rows, d)}


def labelled(size: Size, draw: Draw) -> Tensors:
    rows = torch.arange(size["n"] // 2, device=draw.device)
    return {**draw.views(size["n"] // 2, size["d"], "z0", "z1"), "labels": (rows * 7 + (rows >> 3)) % 10}


def triangle(size: Size) -> float:
    """The leanest known schedule, as in the benchmark's own cases."""
    n, d = size["n"], size["d"]
    return (3 if n <= 8 * d else 4) * n * n * d


VIEW_BYTES = lambda size: 8.0 * size["n"] * size["d"]  # noqa: E731
BOTH_BYTES = lambda size: 16.0 * size["n"] * size["d"]  # noqa: E731
SMALLER = lambda size: 6.0 * size["n"] * size["d"] * min(size["n"], size["d"])  # noqa: E731

CASES = (
    Case(
        "ntXent",
        nt_xent,
        ("z0", "z1"),
        lambda s, draw: draw.views(s["n"] // 2, s["d"], "z0", "z1"),
        tuple({"n": n, "d": 128} for n in (8192, 512, 2048, 32768, 131072, 64)),
        triangle,
        VIEW_BYTES,
    ),
    Case(
        "matmul",
        matmul,
        (),
        lambda s, draw: {"a": draw.normal(s["m"], s["k"]), "b": draw.normal(s["k"], s["n"])},
        tuple({"m": n, "n": n, "k": n} for n in (1024, 4096, 8192, 32)),
        lambda s: 2.0 * s["m"] * s["n"] * s["k"],
        lambda s: 4.0 * (s["m"] * s["k"] + s["k"] * s["n"] + s["m"] * s["n"]),
    ),
    Case("supCon", sup_con, ("z0", "z1"), labelled, ({"n": 2048, "d": 128}, {"n": 8192, "d": 128}, {"n": 64, "d": 32}), triangle, VIEW_BYTES),
    Case(
        "infoNCE",
        info_nce,
        ("query",),
        lambda s, draw: {**draw.views(s["n"], s["d"], "query", "key"), "queue": draw.normal(s["k"], s["d"])},
        ({"n": 256, "k": 16384, "d": 128}, {"n": 256, "k": 65536, "d": 128}, {"n": 32, "k": 128, "d": 16}),
        lambda s: 4.0 * s["n"] * s["k"] * s["d"],
        lambda s: 4.0 * (3 * s["n"] * s["d"] + s["k"] * s["d"]),
    ),
    Case(
        "clip",
        clip,
        ("a", "b"),
        lambda s, draw: draw.views(s["n"], s["d"], "a", "b"),
        ({"n": 1024, "d": 128}, {"n": 4096, "d": 128}, {"n": 32768, "d": 128}, {"n": 32, "d": 16}),
        lambda s: 8.0 * s["n"] ** 2 * s["d"],
        BOTH_BYTES,
    ),
    Case(
        "barlowTwins",
        barlow_twins,
        ("z0", "z1"),
        lambda s, draw: draw.views(s["n"], s["d"], "z0", "z1"),
        ({"n": 256, "d": 2048}, {"n": 256, "d": 8192}, {"n": 2048, "d": 8192}, {"n": 16, "d": 32}),
        SMALLER,
        BOTH_BYTES,
    ),
    Case(
        "vicReg",
        vic_reg,
        ("z0", "z1"),
        lambda s, draw: draw.views(s["n"], s["d"], "z0", "z1"),
        ({"n": 256, "d": 2048}, {"n": 256, "d": 8192}, {"n": 2048, "d": 8192}, {"n": 16, "d": 32}),
        SMALLER,
        BOTH_BYTES,
    ),
    Case(
        "sinkhorn",
        sinkhorn,
        (),
        lambda s, draw: {"scores": torch.tanh(0.3 * draw.normal(s["n"], s["k"]))},
        ({"n": 1024, "k": 3000}, {"n": 4096, "k": 3000}, {"n": 32, "k": 48}),
        lambda s: 12.0 * s["n"] * s["k"],
        lambda s: 20.0 * s["n"] * s["k"],
    ),
    Case(
        "swav",
        swav,
        ("z0", "z1", "prototypes"),
        lambda s, draw: {
            **draw.views(s["n"], s["d"], "z0", "z1"),
            "prototypes": F.normalize(draw.normal(s["k"], s["d"]), dim=1),
        },
        ({"n": 1024, "k": 3000, "d": 128}, {"n": 256, "k": 3000, "d": 128}, {"n": 32, "k": 48, "d": 16}),
        lambda s: 12.0 * s["n"] * s["k"] * s["d"],
        lambda s: 4.0 * (4 * s["n"] * s["d"] + 2 * s["k"] * s["d"]),
    ),
    Case(
        "entropicOT",
        entropic_ot,
        ("x", "y"),
        lambda s, draw: {"x": draw.normal(s["n"], s["d"]), "y": 0.8 * draw.normal(s["m"], s["d"]) + 0.2},
        ({"n": 2048, "m": 2048, "d": 64}, {"n": 8192, "m": 8192, "d": 64}, {"n": 32, "m": 40, "d": 8}),
        lambda s: 44.0 * s["n"] * s["m"] * s["d"],
        lambda s: 8.0 * (s["n"] + s["m"]) * s["d"],
    ),
)

PRECISIONS = ("f32", "tf32", "bf16")
MOST_EXACT_ENTRIES = 2**27  # of the largest matrix in f64

# ---------------------------------------------------------------- measuring


@contextlib.contextmanager
def precision_of(name: str, device: str):
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    try:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=name == "bf16"):
            yield
    finally:
        torch.set_float32_matmul_precision("highest")


def step(loss: Loss, inputs: Tensors, live: tuple[str, ...]) -> tuple[torch.Tensor, ...]:
    if not live:
        with torch.no_grad():
            return (loss(inputs),)
    value = loss(inputs)
    return (value.detach(), *torch.autograd.grad(value, [inputs[name] for name in live]))


def exact_outputs(case: Case, inputs: Tensors) -> tuple[torch.Tensor, ...] | None:
    rows = max(t.shape[0] for t in inputs.values()) * (2 if "z1" in inputs else 1)
    columns = max(max(t.shape) for t in inputs.values())
    if rows * max(rows, columns) > MOST_EXACT_ENTRIES:
        return None
    wide = {
        name: t.detach().double().requires_grad_(name in case.live) if t.is_floating_point() else t
        for name, t in inputs.items()
    }
    return tuple(t.cpu() for t in step(case.loss, wide, case.live))


def largest_error(outputs, wanted) -> float | None:
    if wanted is None:
        return None
    return max(float((o.double().cpu() - w).abs().max() / w.abs().max()) for o, w in zip(outputs, wanted))


def measure(loss: Loss, case: Case, inputs: Tensors, wanted, precision: str, device: str, repeats: int) -> dict:
    cuda = device == "cuda"
    wait = torch.cuda.synchronize if cuda else lambda: None
    with precision_of(precision, device):
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        outputs = step(loss, inputs, case.live)
        wait()
        first = 1e3 * (time.perf_counter() - start)
        error = largest_error(outputs, wanted)
        del outputs
        for _ in range(3):
            step(loss, inputs, case.live)
        wait()
        walls, events = [], []
        for _ in range(repeats):
            if cuda:
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
            start = time.perf_counter()
            step(loss, inputs, case.live)
            if cuda:
                end.record()
            wait()
            walls.append(1e3 * (time.perf_counter() - start))
            if cuda:
                events.append(begin.elapsed_time(end))
    walls.sort()
    quarter = len(walls) // 4
    return {
        "status": "ok",
        "runs": repeats,
        "min": walls[0],
        "median": walls[len(walls) // 2],
        "spread": (walls[-1 - quarter] - walls[quarter]) / walls[len(walls) // 2],
        "first": first,
        "gpu": sorted(events)[len(events) // 2] if events else None,
        "peakBytes": torch.cuda.max_memory_allocated() if cuda else None,
        "error": error,
    }


def environment(device: str) -> dict:
    def said(*command: str) -> str:
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split("\n")[0]
        except (OSError, subprocess.CalledProcessError):
            return ""

    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")[:19],
        "commit": os.environ.get("COMMIT") or said("git", "rev-parse", "--short", "HEAD"),
        "adapter": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu",
        "driver": said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") if device == "cuda" else "",
        "runtime": f"python {platform.python_version()}, CUDA {torch.version.cuda}",
        "profile": "default",
    }


def forms_of(case: Case, arguments: argparse.Namespace):
    """(form, loss) in the order in which the time budget is spent."""
    compile_ = lambda loss: torch.compile(loss, dynamic=False, backend="aot_eager" if arguments.dry else "inductor")  # noqa: E731
    for precision in PRECISIONS:
        yield f"eager {precision}", precision, lambda: case.loss
    for precision in PRECISIONS if hasattr(torch, "compile") else ():  # PyTorch 2
        yield f"compile {precision}", precision, lambda: compile_(case.loss)
    if case.name != "ntXent":
        return
    yield "row blocks f32", "f32", lambda: nt_xent_in_blocks
    fused = triton_nt_xent() if arguments.device == "cuda" or os.environ.get("TRITON_INTERPRET") else None
    if fused:
        for precision in PRECISIONS:
            yield f"triton {precision}", precision, lambda precision=precision: fused(precision)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--dry", action="store_true", help="tiny sizes, few runs")
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--forms", default="", help="only forms that begin with one of these: eager,compile,triton")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=240, help="no further form is begun after so long")
    parser.add_argument("--out", help="a file for the JSON lines; default: standard output")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch_losses: no CUDA card; --device cpu --dry runs without one")
    deadline = time.monotonic() + arguments.seconds
    repeats = 3 if arguments.dry else max(arguments.repeats, 20)
    chosen = arguments.cases.split(",")
    wanted_forms = tuple(filter(None, arguments.forms.split(",")))
    where = environment(arguments.device)
    out = open(arguments.out, "a", encoding="utf8") if arguments.out else sys.stdout

    # First sizes of all cases before second ones: a budget that runs out leaves the outliers out.
    jobs = [
        (rank, case, size)
        for case in CASES
        if case.name in chosen
        for rank, size in enumerate(case.sizes[-1:] if arguments.dry else case.sizes[:-1])
    ]
    for _, case, size in sorted(jobs, key=lambda job: job[0]):
        if time.monotonic() > deadline:
            break
        inputs = case.make(size, Draw(arguments.device))
        for name in case.live:
            inputs[name].requires_grad_()
        wanted = exact_outputs(case, inputs)
        for form, precision, make in forms_of(case, arguments):
            if wanted_forms and not form.startswith(wanted_forms):
                continue
            if time.monotonic() > deadline:
                break
            row = {
                **where,
                "case": case.name,
                "size": " ".join(f"{axis}={extent}" for axis, extent in size.items()),
                "library": "PyTorch",
                "version": torch.__version__,
                "form": form,
                "status": "failed",
                **dict.fromkeys(("runs", "min", "median", "spread", "first", "gpu", "gflops", "gbps", "share")),
                **dict.fromkeys(("dispatches", "submits", "peakBytes", "error")),
                "detail": "",
            }
            try:
                row.update(measure(make(), case, inputs, wanted, precision, arguments.device, repeats))
                row["gflops"] = case.flops(size) / row["median"] / 1e6
                row["gbps"] = case.bytes(size) / row["median"] / 1e6
            except torch.cuda.OutOfMemoryError as error:
                row.update(status="out of memory", runs=0, detail=str(error).split("\n")[0][:200])
            except Exception as error:  # noqa: BLE001  a form that a machine cannot run is a result
                text = str(error).split("\n")[0] or type(error).__name__
                memory = "out of memory" in text.lower()
                row.update(status="out of memory" if memory else "failed", runs=0, detail=text[:200])
            print(json.dumps(row), file=out, flush=True)
            if arguments.out:
                time_ = f"{row['median']:.3f} ms" if row["median"] else row["status"]
                print(f"{case.name:12} {row['size']:24} {form:16} {time_}", flush=True)
            if hasattr(torch, "_dynamo"):
                torch._dynamo.reset()
            gc.collect()
            if arguments.device == "cuda":
                torch.cuda.empty_cache()
        del inputs, wanted


if __name__ == "__main__":
    main()
