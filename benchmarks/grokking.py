"""Jobs of grokking: steps of the paper's network, and whole runs by seed."""

import time
from typing import Any

from training import Result


def grok_paper(way: str) -> Result:
    """The grokking paper's network on x / y modulo 97, batch 512: steps a second once all is compiled."""
    from recipes.grokking.equations import equations

    table = equations("x/y", 97, 0.5)
    epochs, steps_per_epoch = 10, -(-len(table.train) // 512)
    tokens, answers = table.tokens(table.train), table.answer[table.train]
    if way.startswith("torch"):
        return torch_grok(tokens, answers, table.num_tokens, epochs, compiled=way == "torch-compiled")
    from recipes.grokking.networks import PAPER
    from recipes.grokking.step.optimizer import Optimizer
    from recipes.grokking.step.steps import Trainer

    model = PAPER.build(table.num_tokens, seed=0)
    if way == "keras":
        import keras

        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1.0, beta_2=0.98, epsilon=1e-8)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        start = time.perf_counter()
        model.fit(tokens, answers, batch_size=512, epochs=1, verbose=0)
        first = time.perf_counter() - start
        start = time.perf_counter()
        model.fit(tokens, answers, batch_size=512, epochs=epochs, verbose=0)
        return {"first_s": first, "steps_per_s": epochs * steps_per_epoch / (time.perf_counter() - start)}
    trainer = Trainer(table, PAPER, Optimizer(), batch_size=512, seed=0, model=model)
    start = time.perf_counter()
    state = trainer.steps(trainer.start(), 0, steps_per_epoch)
    state["weights"].numpy()
    first = time.perf_counter() - start
    start = time.perf_counter()
    state = trainer.steps(state, steps_per_epoch, (1 + epochs) * steps_per_epoch)
    state["weights"].numpy()
    return {"first_s": first, "steps_per_s": epochs * steps_per_epoch / (time.perf_counter() - start)}


def torch_grok(tokens, answers, num_tokens, epochs, *, compiled) -> Result:
    """The same network, written as PyTorch's users write it: eager, or under torch.compile with fused AdamW."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, width=128, heads=4, hidden=512):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.out = nn.Linear(width, width, bias=False)
            self.first, self.second = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
            self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, h):  # (n, 4, width)
            n, length, width = h.shape
            q, k, v = (part.view(n, length, self.heads, -1).transpose(1, 2) for part in self.qkv(h).split(width, dim=2))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, length, width)
            h = self.norm_1(h + self.out(mixed))
            return self.norm_2(h + self.second(F.relu(self.first(h))))

    class Transformer(nn.Module):
        def __init__(self, width=128):
            super().__init__()
            self.tokens, self.places = nn.Embedding(num_tokens, width), nn.Embedding(4, width)
            self.blocks = nn.Sequential(Block(), Block())
            self.head = nn.Linear(width, num_tokens, bias=False)

        def forward(self, tokens):
            h = self.tokens(tokens) + self.places(torch.arange(4))
            return self.head(self.blocks(h)[:, -1])

    net = Transformer()
    assert sum(parameter.numel() for parameter in net.parameters()) == 420_096
    if compiled:
        net = torch.compile(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98), fused=compiled)
    x, y = torch.from_numpy(tokens).long(), torch.from_numpy(answers).long()

    def run(epochs):
        steps = 0
        for _ in range(epochs):
            order = torch.randperm(len(x))
            for rows in order.split(512):
                optimizer.zero_grad()
                F.cross_entropy(net(x[rows]), y[rows]).backward()
                optimizer.step()
                steps += 1
        return steps

    start = time.perf_counter()
    run(2)
    first = time.perf_counter() - start
    start = time.perf_counter()
    steps = run(epochs)
    return {"first_s": first, "steps_per_s": steps / (time.perf_counter() - start)}


def grok_113(way: str) -> Result:
    """x + y modulo 113 as L. Prieto et al. 2025 (arXiv 2501.04697): their MLP 200-200, 40 % of it, full batches."""
    from recipes.grokking.networks import ONE_HOT

    fixed = {"operation": "x+y", "p": 113, "train_fraction": 0.4, "network": ONE_HOT, "batch_size": 10**6}
    return grok_run("lecture", way, max_steps=1_500, goes_on=True, **fixed)


def grok_run(preset: str, way: str, max_steps: int = 20_000, *, goes_on: bool = False, **fixed: Any) -> Result:
    """From the call to sustained 99 % validation accuracy; the way is `seed-N`, or `seed-N,option=number,...`.

    With `goes_on` a run that comes there is made once more, untimed, for five times as many steps: has it stayed?
    """
    from recipes import grok

    seed, *changes = way.removeprefix("seed-").split(",")
    options = {name: float(value) for name, value in (change.split("=") for change in changes)}
    run = grok(preset, seed=int(seed), max_steps=max_steps, verbose=0, **fixed, **options)
    nothing = float("nan")
    stayed = nothing
    if goes_on and run.generalised_at:
        longer = {"max_steps": 5 * run.generalised_at, "stop": False, "verbose": 0}
        stayed = grok(preset, seed=int(seed), **longer, **fixed, **options).history["val_accuracy"][-1] >= 0.99
    return {
        "first_s": run.seconds,
        "memorised_at": run.memorised_at or nothing,
        "generalised_at": run.generalised_at or nothing,
        "delay_ratio": run.delay_ratio or nothing,
        "steps_per_s": run.steps_per_second,
        "stayed": float(stayed),
    }
