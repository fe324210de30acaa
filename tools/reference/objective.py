"""A whole reinforcement-learning objective in PyTorch, from outcomes and scores to one number, written from the papers.

Nothing is shared with the package: advantages, credit over turns, token advantages, importance weights, ratios, KL and
means are computed here from their published formulas, row by row and with autograd, and never as factors of another
loss. Names of settings are those of a run's configuration.

- advantages: GRPO (arXiv 2402.03300); over a question, TAMTRL (arXiv 2603.21663, eq. 7); GAE (arXiv 1506.02438)
- ratios: PPO (losses.py); GSPO (arXiv 2507.18071, eq. 5 to 7); CISPO (arXiv 2506.13585, eq. 4 and 5)
- truncated importance sampling: min(pi_trainer / pi_sampler, cap), Yao et al. 2025
- means: DAPO (token), GRPO (sequence), Dr. GRPO (constant, arXiv 2503.20783)
"""

import torch

from losses import k3, policy_gradient


def compared(values, divided):
    """(x - mean) / (std + 1e-6); the standard deviation divides by n - 1, and equal values have no advantage."""
    values = torch.as_tensor(values, dtype=torch.float64)
    if (values == values[0]).all():
        return torch.zeros_like(values)
    centred = values - values.mean()
    return centred / (values.std(unbiased=True) + 1e-6) if divided else centred


def compare_group(rewards, mode):
    """rewards: one list for each rollout, the answer last."""
    divided = mode.endswith("mean-std")
    kinds = [["answer" if t == len(turns) - 1 else t for t in range(len(turns))] for turns in rewards]
    if mode.startswith("question"):
        kinds = [[0 for _ in turns] for turns in kinds]
    elif mode.startswith("kind"):
        kinds = [["answer" if kind == "answer" else "memory" for kind in turns] for turns in kinds]
    result = [[0.0] * len(turns) for turns in rewards]
    for kind in {kind for turns in kinds for kind in turns}:
        places = [(i, t) for i, turns in enumerate(kinds) for t, own in enumerate(turns) if own == kind]
        for (i, t), value in zip(places, compared([rewards[i][t] for i, t in places], divided)):
            result[i][t] = value.item()
    return result


def discounted(rewards, gamma):
    return [sum(gamma ** (k - t) * rewards[k] for k in range(t, len(rewards))) for t in range(len(rewards))]


def generalised(rewards, mode, gamma, lam):
    """GAE with the mean return of the question's rollouts at a turn as the value; all have the same number of turns."""
    returns = [discounted(turns, gamma) for turns in rewards]
    values = [sum(own[t] for own in returns) / len(returns) for t in range(len(returns[0]))] + [0.0]
    deltas = [[r + gamma * values[t + 1] - values[t] for t, r in enumerate(turns)] for turns in rewards]
    advantages = [discounted(turns, gamma * lam) for turns in deltas]
    return compare_group(advantages, "mean-std") if mode.endswith("mean-std") else advantages


def turn_advantages(outcomes, scores, config):
    reward, mode, returns = config.get("reward", {}), config["advantage"], config.get("returns")
    combine, alpha, floor = reward.get("combine", "product"), reward.get("alpha", 1), reward.get("floor", 0)
    if combine == "advantages":
        own = [value.item() for value in compared(outcomes, mode.endswith("mean-std"))]
        # An answer has no score; what is put in its place is not used.
        of_scores = compare_group([[*turns, 0.0] for turns in scores], mode.replace("question", "kind"))
        return [
            [(1 - alpha) * own[i] + alpha * value for value in of_scores[i][:-1]] + [(1 - alpha) * own[i]]
            for i in range(len(outcomes))
        ]
    formulas = {
        "product": lambda r, p: r * (floor + (1 - floor) * p),
        "gated": lambda r, p: r * (1 + alpha * p),
        "additive": lambda r, p: r + alpha * p,
        "score": lambda r, p: p,
    }
    rewards = [[formulas[combine](r, p) for p in turns] + [r] for r, turns in zip(outcomes, scores)]
    if returns is None:
        return compare_group(rewards, mode)
    gamma, lam = returns.get("gamma", 1), returns.get("lambda", 1)
    if returns.get("of", "rewards") == "advantages":
        return [discounted(turns, gamma) for turns in compare_group(rewards, mode)]
    if lam < 1:
        return generalised(rewards, mode, gamma, lam)
    return compare_group([discounted(turns, gamma) for turns in rewards], mode)


def min_max(scores):
    """Over the whole batch (TAMTRL, eq. 5). scores: [groups][rollouts][turns]"""
    flat = [value for group in scores for turns in group for value in turns]
    low, high = min(flat), max(flat)
    return [[[(value - low) / (high - low) for value in turns] for turns in group] for group in scores]


def contrast(teacher, student, options):
    """OPSDL's advantage of each token, with SDPO's weight 1 - lambda."""
    clip, discount, weight = options.get("clip"), options.get("discount", 0), 1 - options.get("outcomeWeight", 0)
    differences = [t - s for t, s in zip(teacher, student)]
    if clip is not None:
        differences = [max(-clip, min(clip, value)) for value in differences]
    return [weight * value for value in discounted(differences, discount)]


def importance(trainer, sampler, options):
    """Weights of an output's tokens, which are constants of the loss."""
    differences = (trainer - sampler).detach()
    if options["level"] == "sequence":
        differences = differences.sum().expand(differences.shape)
    return differences.exp().clamp(max=options["cap"])


def row_loss(row, log_probabilities, entropies, config):
    """Loss of each token of a conversation; GSPO's is the same for all of them."""
    old, advantages = row["old"], row["advantages"]
    weight = row.get("importance", torch.ones_like(old))
    ratio = (log_probabilities - old).exp()
    low, high = 1 - config["clipLow"], 1 + config["clipHigh"]
    kind = config.get("ratio", "token")
    if kind == "token":
        options = {key: config[key] for key in ("clipLow", "clipHigh", "dualClip") if key in config}
        policy = weight * policy_gradient(log_probabilities, advantages, old, None, options)[0]
    elif kind == "sequence":
        whole = (log_probabilities - old).mean().exp()
        policy = -weight * torch.minimum(whole * advantages, whole.clamp(low, high) * advantages)
    else:
        policy = -weight * ratio.clamp(low, high).detach() * advantages * log_probabilities
    penalty = config["klCoefficient"] * k3(log_probabilities, row["reference"])
    return policy + penalty - config.get("entropyCoefficient", 0) * entropies


def aggregate(rows, losses, config):
    """The mean that `aggregation` names; credit weighs conversations within it."""
    weights = config.get("turnWeights", {"memory": 1, "answer": 1})
    split = config.get("turnCredit") == "split"
    credits = [weights[row["kind"]] / (row["turns"] if split else 1) for row in rows]
    kind = config["aggregation"]
    if kind == "token-mean":
        total = sum(c * len(loss) for c, loss in zip(credits, losses))
        return sum(c * loss.sum() for c, loss in zip(credits, losses)) / total
    if kind == "sequence-mean":
        return sum(c * loss.mean() for c, loss in zip(credits, losses)) / sum(credits)
    if kind == "constant":
        return sum(c * loss.sum() / row["limit"] for c, loss, row in zip(credits, losses, rows)) / sum(credits)
    of_rollout = {}
    for c, loss, row in zip(credits, losses, rows):
        total, tokens = of_rollout.get(row["rollout"], (0, 0))
        of_rollout[row["rollout"]] = (total + c * loss.sum(), tokens + c * len(loss))
    return sum(total / tokens for total, tokens in of_rollout.values()) / len(of_rollout)
