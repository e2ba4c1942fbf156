#!/usr/bin/env python3
"""PyTorch on the CPU as a contender of `gramian bench`: does what it reads on standard input, and answers on standard output.

A request is one line of JSON, and the bytes that it announces; so is an answer:

    {"do": "open", "form": "autodiff", "name": "ntXent", "options": {...}, "differentiated": [...],
     "inputs": [["z0", [256, 128]], ...], "labels": 256}     then f32 of each input, and i32 of the labels  ->  {}
    {"do": "run"}     loss and gradient, timed here: the way between processes is not part of it  ->  {"ms": 7.1}
    {"do": "read"}    the outputs of the last run  ->  {"outputs": [["value", 1], ...]}, and their f32
    {"do": "rest"}    answered when no thread of this process computes or spins any more  ->  {}

What fails is answered with {"error": "..."}. Ends when its input does.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from typing import BinaryIO, Callable

import torch
from torch_by_hand import BY_HAND
from torch_formulas import FORMULAS
from torch_training import step as training_step

Outputs = dict[str, torch.Tensor]


def read_exactly(stream: BinaryIO, count: int) -> bytearray:
    data = bytearray(stream.read(count))
    if len(data) < count:
        sys.exit(0)  # whoever asked has gone
    return data


def numbers(stream: BinaryIO, shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    count = torch.Size(shape).numel()
    # A copy: PyTorch aligns memory of its own.
    return torch.frombuffer(read_exactly(stream, 4 * count), dtype=dtype).reshape(shape).clone()


def autodiff(work: dict, x: Outputs) -> Callable[[], Outputs]:
    formula, options, live = FORMULAS[work["name"]], work["options"], work["differentiated"]
    if not live:

        def forward() -> Outputs:
            with torch.no_grad():
                return {"value": formula(x, **options)}

        return forward
    leaves = [x[name].requires_grad_() for name in live]

    def both() -> Outputs:
        value = formula(x, **options)
        gradients = torch.autograd.grad(value, leaves)
        return {"value": value.detach(), **{f"d_{name}": each for name, each in zip(live, gradients)}}

    return both


def by_hand(work: dict, x: Outputs) -> Callable[[], Outputs]:
    derivative, options = BY_HAND[work["name"]], work["options"]

    def both() -> Outputs:
        with torch.no_grad():
            return derivative(x, **options)

    return both


def rest() -> None:
    """Threads of OpenMP and of BLAS spin a while for more to come."""
    for _ in range(50):
        before = time.process_time()
        time.sleep(0.02)
        if time.process_time() - before < 0.002:
            return


class Peer:
    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self.requests = requests
        self.answers = answers
        self.step: Callable[[], Outputs] | None = None
        self.outputs: Outputs = {}

    def open(self, work: dict) -> dict:
        x = {name: numbers(self.requests, shape, torch.float32) for name, shape in work["inputs"]}
        if work["labels"]:
            x["labels"] = numbers(self.requests, [work["labels"]], torch.int32).long()
        hand = work["form"] == "hand-derived"
        if work["name"] == "simCLRStep":
            self.step = training_step(x, work["options"], hand)
        else:
            self.step = by_hand(work, x) if hand else autodiff(work, x)
        return {}

    def run(self, _: dict) -> dict:
        self.outputs = {}
        start = time.perf_counter()
        self.outputs = self.step()
        return {"ms": 1e3 * (time.perf_counter() - start)}

    def read(self, _: dict) -> dict:
        self.outputs = {name: each.to(torch.float32).contiguous() for name, each in self.outputs.items()}
        return {"outputs": [[name, each.numel()] for name, each in self.outputs.items()]}

    def rest(self, _: dict) -> dict:
        rest()
        return {}

    def serve(self) -> None:
        for line in iter(self.requests.readline, b""):
            request = json.loads(line)
            try:
                answer = getattr(self, request["do"])(request)
            except Exception as error:  # noqa: BLE001  what a work cannot do is a result
                answer = {"error": str(error).split("\n")[0][:300] or type(error).__name__}
            self.answers.write(json.dumps(answer).encode() + b"\n")
            for name, _ in answer.get("outputs", ()):
                each = self.outputs[name]
                self.answers.write(ctypes.string_at(each.data_ptr(), 4 * each.numel()))
            self.answers.flush()


def main() -> None:
    # What PyTorch or a library under it prints must not come between answers.
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr
    torch.set_num_threads(int(sys.argv[1]))
    hello = {"version": torch.__version__, "blas": blas()}
    answers.write(json.dumps(hello).encode() + b"\n")
    answers.flush()
    Peer(sys.stdin.buffer, answers).serve()


def blas() -> str:
    """What multiplies matrices: Debian's package takes whichever library is installed, the slow reference too."""
    if torch.backends.mkl.is_available():
        return "MKL"
    try:
        with open("/proc/self/maps", encoding="utf8") as maps:
            return "OpenBLAS" if "openblas" in maps.read() else "another BLAS"
    except OSError:
        return ""


if __name__ == "__main__":
    main()
