"""Makes the fixtures that the engine is compared with: packages/engine/fixtures/reference, a folder a family.

Everything is computed by PyTorch and transformers in float32, one sequence at a time and without padding. README.md
describes the files. The script checks what makes the comparison fair (padding changes nothing, greedy choices are
not close calls, every clipping branch is taken) and prints how far PyTorch's own attention implementations differ,
which is the least tolerance that makes sense.
"""

import argparse
import pathlib

import numpy as np
import torch
import transformers

from fixture_files import flatten, rounded, write
from losses import cross_entropy, policy_gradient
from tiny_models import build_model, completion_statistics, greedy, greedy_padded, padded_logits, sequence_logits

SEEDS = {
    "qwen3": 20260301,
    "llama": 20260302,
    "qwen2": 20261127,
    "llama-scaled": 20261128,
    "smollm3": 20261129,
    "gemma3": 20261130,
}
LOGIT_PROMPT_LENGTHS = [3, 6, 11, 17]
GREEDY_PROMPT_LENGTHS = [1, 4, 9, 14]
GREEDY_TOKENS = 24
GREEDY_GAP = 1e-3
# (prompt, completion) lengths; the second and third row share their prompt, as the rollouts of a group do.
ROW_LENGTHS = [(1, 4), (7, 9), (7, 3), (12, 1), (4, 13), (9, 6)]
ADAMW = {
    "learningRate": 1e-3,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weightDecay": 0.01,
    "gradientClipNorm": 1.0,
}
ADAMW_STEPS = 10
POLICY_GRADIENT_CASES = [
    {
        "name": "dual-clip-kl",
        "temperature": 1.0,
        "loss": {"kind": "policy-gradient", "clipLow": 0.2, "clipHigh": 0.28, "dualClip": 3, "klCoefficient": 0.05},
    },
    {
        "name": "sequence-mean",
        "temperature": 0.7,
        "loss": {"kind": "policy-gradient", "clipLow": 0.2, "clipHigh": 0.28, "klCoefficient": 0},
    },
]
# Ratios that every case contains, each once with a positive and once with a negative advantage.
FORCED_RATIOS = [0.3, 0.7, 0.95, 1.1, 1.4, 2.5, 4.0, 6.0]


def make_rows(random, vocabulary):
    rows = []
    for index, (prompt, completion) in enumerate(ROW_LENGTHS):
        shared = index == 2
        rows.append(
            {
                "promptIds": list(rows[1]["promptIds"]) if shared else random.integers(0, vocabulary, prompt).tolist(),
                "completionIds": random.integers(0, vocabulary, completion).tolist(),
            }
        )
    return rows


def statistics(model, rows, temperature):
    results = [completion_statistics(model, row, temperature) for row in rows]
    return [result[0] for result in results], [result[1] for result in results]


def gradients(model):
    return {name: parameter.grad.detach().clone() for name, parameter in model.named_parameters()}


def global_norm(tensors):
    return float(np.sqrt(sum(float((tensor.double() ** 2).sum()) for tensor in tensors)))


def logits_cases(model, random):
    prompts = [random.integers(0, model.config.vocab_size, length).tolist() for length in LOGIT_PROMPT_LENGTHS]
    with torch.no_grad():
        alone = [sequence_logits(model, prompt) for prompt in prompts]
        padded = padded_logits(model, prompts)
    for a, b in zip(alone, padded):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=2e-5)
    return [{"ids": prompt, "logits": logits.tolist()} for prompt, logits in zip(prompts, alone)]


def score_cases(model, rows):
    results = []
    for temperature in (1.0, 0.7):
        with torch.no_grad():
            log_probabilities, entropies = statistics(model, rows, temperature)
        results.append(
            {
                "temperature": temperature,
                "rows": [
                    {"logProbabilities": chosen.tolist(), "entropies": entropy.tolist()}
                    for chosen, entropy in zip(log_probabilities, entropies)
                ],
            }
        )
    return {"rows": rows, "results": results}


def common_metrics(rows, entropies):
    return {
        "tokens": sum(len(row["completionIds"]) for row in rows),
        "totalTokens": sum(len(row["promptIds"]) + len(row["completionIds"]) for row in rows),
        "entropy": torch.cat(entropies).mean().item(),
    }


def cross_entropy_loss(model, rows):
    log_probabilities, entropies = statistics(model, rows, 1.0)
    return cross_entropy(torch.cat(log_probabilities)).mean(), log_probabilities, entropies


def cross_entropy_case(model, rows):
    model.zero_grad()
    loss, log_probabilities, entropies = cross_entropy_loss(model, rows)
    loss.backward()
    tensors = gradients(model)
    case = {
        "rows": rows,
        "options": {"loss": {"kind": "cross-entropy"}, "temperature": 1.0},
        "loss": loss.item(),
        "logProbabilities": [values.tolist() for values in log_probabilities],
        "metrics": common_metrics(rows, entropies),
        "gradientNorm": global_norm(tensors.values()),
        "gradients": "gradients-cross-entropy.safetensors",
    }
    return case, tensors


def policy_gradient_rows(model, rows, definition, random):
    """The rows with advantages, sampling-time and reference log-probabilities, and loss weights."""
    with torch.no_grad():
        current, _ = statistics(model, rows, definition["temperature"])
    lengths = [len(row["completionIds"]) for row in rows]
    count = sum(lengths)
    ratios = np.exp(random.normal(0, 0.35, count))
    advantages = np.where(random.random(count) < 0.5, -1, 1) * random.uniform(0.2, 1.5, count)
    places = random.permutation(count)
    for place, (sign, ratio) in zip(places, [(sign, ratio) for sign in (1, -1) for ratio in FORCED_RATIOS]):
        ratios[place] = ratio
        advantages[place] = sign * abs(advantages[place])
    advantages[places[-3:]] = 0
    # A ratio on a bound would be decided by rounding.
    for bound in (0.8, 1.28, 3):
        ratios[np.abs(ratios - bound) < 0.02] += 0.05
    old = torch.cat(current).numpy().astype(np.float64) - np.log(ratios)
    reference = torch.cat(current).numpy().astype(np.float64) + random.normal(0, 0.6, count)
    if definition["name"] == "sequence-mean":
        weights = np.concatenate([np.full(length, 1 / (len(rows) * length)) for length in lengths])
    else:
        weights = random.uniform(0.2, 1.8, count) / count
    with_reference = definition["loss"]["klCoefficient"] > 0
    made, start = [], 0
    for row, length in zip(rows, lengths):
        part = slice(start, start + length)
        extended = {
            **row,
            "advantages": rounded(advantages[part]),
            "oldLogProbabilities": rounded(old[part]),
            "lossWeights": rounded(weights[part]),
        }
        if with_reference:
            extended["referenceLogProbabilities"] = rounded(reference[part])
        made.append(extended)
        start += length
    return made


def policy_gradient_case(model, rows, definition):
    def column(name):
        return torch.tensor([value for row in rows for value in row[name]]) if name in rows[0] else None

    model.zero_grad()
    log_probabilities, entropies = statistics(model, rows, definition["temperature"])
    flat, old = torch.cat(log_probabilities), column("oldLogProbabilities")
    token_loss, facts = policy_gradient(
        flat, column("advantages"), old, column("referenceLogProbabilities"), definition["loss"]
    )
    loss = (column("lossWeights") * token_loss).sum()
    loss.backward()
    tensors = gradients(model)
    kl = facts["kl"]
    case = {
        "name": definition["name"],
        "rows": rows,
        "options": {"loss": definition["loss"], "temperature": definition["temperature"]},
        "loss": loss.item(),
        "logProbabilities": [values.tolist() for values in log_probabilities],
        "metrics": {
            **common_metrics(rows, entropies),
            "clipFraction": facts["clipped"].float().mean().item(),
            "ratioMean": facts["ratio"].mean().item(),
            "ratioMax": facts["ratio"].max().item(),
            "kl": kl.mean().item() if kl is not None else 0.0,
            "approximateKl": (old - flat).mean().item(),
        },
        "dualClippedTokens": int(facts["dualClipped"].sum()),
        "gradientNorm": global_norm(tensors.values()),
        "gradients": f"gradients-{definition['name']}.safetensors",
    }
    advantages = column("advantages")
    for sign in (1, -1):
        if not (facts["clipped"] & (advantages * sign > 0)).any():
            raise AssertionError(f"no clipped token with an advantage of sign {sign}")
    if "dualClip" in definition["loss"] and case["dualClippedTokens"] < 2:
        raise AssertionError("no token meets the dual clip")
    return case, tensors


def adamw_case(model, rows, options=ADAMW):
    """Changes the model's weights. Weight decay applies to every parameter, norms and embeddings included."""
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=options["learningRate"],
        betas=(options["beta1"], options["beta2"]),
        eps=options["epsilon"],
        weight_decay=options["weightDecay"],
        foreach=False,
    )
    steps = []
    for _ in range(ADAMW_STEPS):
        optimiser.zero_grad()
        loss, _, _ = cross_entropy_loss(model, rows)
        loss.backward()
        limit = options["gradientClipNorm"] or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit, foreach=False)
        optimiser.step()
        steps.append({"loss": loss.item(), "gradientNorm": norm.item()})
    weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    return {"rows": rows, "options": options, "steps": steps, "weights": "adamw.safetensors"}, weights


def greedy_cases(model, random):
    def case(prompt, tokens, gap, stop_ids, reason):
        names = ("promptIds", "maxTokens", "stopIds", "tokens", "stopReason", "smallestGap")
        return dict(zip(names, (prompt, GREEDY_TOKENS, stop_ids, tokens, reason, gap)))

    cases = []
    for length in GREEDY_PROMPT_LENGTHS:
        while True:
            prompt = random.integers(0, model.config.vocab_size, length).tolist()
            tokens, gap = greedy(model, prompt, GREEDY_TOKENS)
            # A path that repeats one token would be reproduced by nearly any model.
            if gap > 10 * GREEDY_GAP and len(set(tokens)) >= 8:
                break
        cases.append(case(prompt, tokens, gap, [], "length"))
    padded = greedy_padded(model, [entry["promptIds"] for entry in cases], GREEDY_TOKENS)
    if padded != [entry["tokens"] for entry in cases]:
        raise AssertionError("a left-padded batch gives other greedy tokens")
    path = cases[1]["tokens"]
    stop = next(token for place, token in enumerate(path) if place >= 4 and token not in path[:place])
    unused = next(token for token in range(model.config.vocab_size) if token not in path)
    tokens, gap = greedy(model, cases[1]["promptIds"], GREEDY_TOKENS, [unused, stop])
    if tokens != path[: path.index(stop) + 1]:
        raise AssertionError("the stop token does not end the sequence")
    cases.append(case(cases[1]["promptIds"], tokens, gap, [unused, stop], "stop"))
    return cases


def compute(family, attention):
    """All cases of one model, and the tensors of each file."""
    seed = SEEDS[family]
    model = build_model(family, seed, attention)
    random = np.random.default_rng(seed + 1000)
    rows = make_rows(random, model.config.vocab_size)
    cases = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "logits": logits_cases(model, random),
        "score": score_cases(model, rows),
    }
    files = {}
    cases["crossEntropy"], files["gradients-cross-entropy"] = cross_entropy_case(model, rows)
    cases["policyGradient"] = []
    # The rows come from one model for every attention implementation, or their ratios would hide differences.
    source = build_model(family, seed)
    for definition in POLICY_GRADIENT_CASES:
        case, tensors = policy_gradient_case(model, policy_gradient_rows(source, rows, definition, random), definition)
        cases["policyGradient"].append(case)
        files[f"gradients-{definition['name']}"] = tensors
    cases["greedy"] = greedy_cases(model, random)
    trained = build_model(family, seed, attention)
    cases["adamw"], files["adamw"] = adamw_case(trained, rows)
    return model, cases, files


def print_spread(family, first, second):
    """Largest differences between two attention implementations: rounding, so no test should ask for less."""
    print(f"{family}: largest difference between PyTorch's sdpa and eager attention")
    spread = {}
    for (path, a), (_, b) in zip(flatten(first[1]), flatten(second[1])):
        spread[path] = max(spread.get(path, 0), abs(a - b))
    for path, difference in spread.items():
        if difference > 0:
            print(f"  {path}: {difference:.1e}")
    for name, tensors in first[2].items():
        difference = max((tensors[key] - second[2][name][key]).abs().max().item() for key in tensors)
        largest = max(tensor.abs().max().item() for tensor in tensors.values())
        print(f"  {name}: {difference:.1e} (largest value {largest:.3g})")


def print_sensitivity(family, rows, weights):
    """How far the final weights move when one setting of AdamW is ignored: a test's tolerance must be below."""
    for change in ({"gradientClipNorm": 0}, {"weightDecay": 0}, {"beta2": 0.999}):
        _, other = adamw_case(build_model(family, SEEDS[family]), rows, {**ADAMW, **change})
        difference = max((weights[name] - other[name]).abs().max().item() for name in weights)
        print(f"  adamw with {change}: weights differ by {difference:.1e}")


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "packages" / "engine" / "fixtures" / "reference"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=default)
    parser.add_argument("--family", action="append", choices=SEEDS, help="only this one; may be repeated")
    arguments = parser.parse_args()
    output = arguments.output
    # One thread: sums in one order.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for family in arguments.family or SEEDS:
        model, cases, files = compute(family, "sdpa")
        write(output / family, model, cases, files)
        print_spread(family, (model, cases, files), compute(family, "eager"))
        print_sensitivity(family, cases["adamw"]["rows"], files["adamw"])


if __name__ == "__main__":
    main()
