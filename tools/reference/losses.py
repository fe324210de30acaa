"""The two training losses in PyTorch, written from the papers, token by token.

PPO's clipped objective: arXiv 1707.06347, eq. 7. Separate lower and upper bounds: DAPO, arXiv 2503.14476, eq. 8. Dual
clip, the floor c A under the objective where A < 0: arXiv 1912.09729, eq. 5. The KL penalty is the k3 estimator
exp(d) - d - 1 with d = ref - logp (Schulman, "Approximating KL Divergence"; GRPO, arXiv 2402.03300, eq. 4).
"""

import torch


def cross_entropy(log_probabilities):
    return -log_probabilities


def policy_gradient(log_probabilities, advantages, old, reference, options):
    """Loss of each token, and which tokens met which bound."""
    ratio = (log_probabilities - old).exp()
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - options["clipLow"], 1 + options["clipHigh"])
    loss = torch.maximum(plain, clipped)
    is_clipped = clipped > plain
    is_dual_clipped = torch.zeros_like(is_clipped)
    if "dualClip" in options:
        ceiling = -options["dualClip"] * advantages
        is_dual_clipped = (advantages < 0) & (loss > ceiling)
        loss = torch.where(advantages < 0, torch.minimum(loss, ceiling), loss)
    penalty = k3(log_probabilities, reference) if reference is not None else None
    if options.get("klCoefficient", 0) > 0:
        loss = loss + options["klCoefficient"] * penalty
    return loss, {"ratio": ratio, "clipped": is_clipped, "dualClipped": is_dual_clipped, "kl": penalty}


def k3(log_probabilities, reference):
    difference = reference - log_probabilities
    return difference.exp() - difference - 1
