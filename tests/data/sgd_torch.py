"""Momentum SGD and AdamW with weight decay by PyTorch, the rate changing twice: sgd_torch.json."""

import json

import torch

RATES = [0.1, 0.1, 0.1, 0.01, 0.01, 0.05, 0.05]
X, Y = [[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]], [[1.0], [2.0], [-1.0]]


def run(optimizer, decay_bias, **options):
    """The weights of y = x w + b after each step on the mean squared error, in float64."""
    x, y = (torch.tensor(a, dtype=torch.float64) for a in (X, Y))
    w = torch.tensor([[0.4], [-0.7]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    groups = [
        {"params": [w], "weight_decay": 0.5},
        {"params": [b], "weight_decay": 0.5 * decay_bias},
    ]
    optimizer, seen = optimizer(groups, lr=1.0, **options), []
    for rate in RATES:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        ((x @ w + b - y) ** 2).mean().backward()
        optimizer.step()
        seen.append([w[0].item(), w[1].item(), b[0].item()])
    return seen


runs = [
    {
        "nesterov": n,
        "decays": decays,
        "weights": run(torch.optim.SGD, decays == "all", momentum=0.9, nesterov=n),
    }
    for n in (False, True)
    for decays in ("kernels", "all")
]
adamw = {
    decays: run(torch.optim.AdamW, decays == "all", betas=(0.8, 0.95), eps=1e-6)
    for decays in ("kernels", "all")
}
version = torch.__version__
print(json.dumps({"torch": version, "rates": RATES, "x": X, "y": Y, "runs": runs, "adamw": adamw}))
