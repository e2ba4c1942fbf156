"""A step of SimCLR's training in PyTorch: network, loss, gradients, AdamW, as `gramian train` has them by default."""

from __future__ import annotations

from typing import Callable

import torch
from torch import nn
from torch_by_hand import nt_xent as nt_xent_by_hand
from torch_formulas import nt_xent

Tensors = dict[str, torch.Tensor]


def network(x: Tensors) -> tuple[nn.Module, nn.Module]:
    """Encoder and head; the weights say how wide."""
    encoder, head = nn.Sequential(), nn.Sequential()
    for i in (1, 2, 3):
        out, channels = x[f"encoder.conv{i}.weight"].shape[:2]
        encoder.add_module(f"conv{i}", nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False))
        encoder.add_module(f"norm{i}", nn.BatchNorm2d(out))
        encoder.add_module(f"relu{i}", nn.ReLU(inplace=True))
    encoder.add_module("flatten", nn.Flatten())
    for part, linear, norm, relu in (
        (encoder, "linear", "norm", True),
        (head, "linear1", "norm1", True),
        (head, "linear2", "norm2", False),
    ):
        out, features = x[f"{'encoder' if part is encoder else 'head'}.{linear}.weight"].shape
        part.add_module(linear, nn.Linear(features, out, bias=False))
        part.add_module(norm, nn.BatchNorm1d(out))
        if relu:
            part.add_module(f"{linear}_relu", nn.ReLU(inplace=True))
    return encoder, head


def step(x: Tensors, options: dict, by_hand: bool) -> Callable[[], Tensors]:
    """By hand: the loss in closed form, and images with their channels last, as oneDNN computes them."""
    encoder, head = network(x)
    modules = nn.ModuleDict({"encoder": encoder, "head": head})
    modules.load_state_dict({name: each for name, each in x.items() if name != "views"}, strict=False)
    modules.train()
    views = x["views"]
    if by_hand:
        modules.to(memory_format=torch.channels_last)
        views = views.contiguous(memory_format=torch.channels_last)
    named = dict(modules.named_parameters())
    # Biases and norms do not decay.
    groups = [
        {"params": [p for p in named.values() if p.dim() > 1], "weight_decay": options["weightDecay"]},
        {"params": [p for p in named.values() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options["learningRate"])
    temperature = options["temperature"]

    def once() -> Tensors:
        optimizer.zero_grad(set_to_none=True)
        z0, z1 = head(encoder(views)).chunk(2)
        if by_hand:
            with torch.no_grad():
                loss = nt_xent_by_hand({"z0": z0, "z1": z1}, temperature)
            torch.autograd.backward([z0, z1], [loss["d_z0"], loss["d_z1"]])
            value = loss["value"]
        else:
            value = nt_xent({"z0": z0, "z1": z1}, temperature)
            value.backward()
        optimizer.step()
        # Gradients stay what they were when the step has been taken.
        return {"value": value.detach(), **{f"d_{name}": p.grad for name, p in named.items()}}

    return once
