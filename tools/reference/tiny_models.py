"""Tiny random Qwen3 and Llama models, and the forward passes that the fixtures record.

The weights are drawn wider than any real initialisation (matrices 0.2, norms around 1), so that logits are far from
uniform, every gradient is well above rounding, and a norm weight that is ignored shows.
"""

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

MATRIX_STD = 0.2
NORM_STD = 0.2
CONTEXT_LENGTH = 64


def build_config(family):
    if family == "qwen3":
        return Qwen3Config(
            vocab_size=67,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=12,  # not hidden / heads
            max_position_embeddings=CONTEXT_LENGTH,
            rms_norm_eps=1e-6,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
            tie_word_embeddings=True,
        )
    return LlamaConfig(
        vocab_size=61,
        hidden_size=36,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )


def build_model(family, seed, attention="sdpa"):
    """The same weights for the same seed, whatever the attention implementation."""
    config = build_config(family)
    config._attn_implementation = attention
    model = (Qwen3ForCausalLM if family == "qwen3" else LlamaForCausalLM)(config).to(torch.float32)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = parameter.ndim == 1
            values = random.normal(1.0 if is_norm else 0.0, NORM_STD if is_norm else MATRIX_STD, tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    model.generation_config.bos_token_id = None
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model.eval()


def sequence_logits(model, ids):
    """Logits of one sequence, alone and unpadded. [length, vocabulary]"""
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


def padded_logits(model, sequences):
    """Logits of each sequence when all are run as one left-padded batch, padding cut off again."""
    longest = max(len(ids) for ids in sequences)
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, longest - len(sequence) :] = torch.tensor(sequence)
        mask[row, longest - len(sequence) :] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False).logits
    return [logits[row, longest - len(sequence) :] for row, sequence in enumerate(sequences)]


def completion_statistics(model, row, temperature):
    """Log-probability and entropy (nats) of each completion token under softmax(logits / temperature)."""
    ids = row["promptIds"] + row["completionIds"]
    first = len(row["promptIds"]) - 1
    logits = sequence_logits(model, ids)[first:-1] / temperature
    log_probabilities = torch.log_softmax(logits, dim=-1)
    chosen = log_probabilities.gather(1, torch.tensor(row["completionIds"])[:, None])[:, 0]
    entropies = -(log_probabilities.exp() * log_probabilities).sum(-1)
    return chosen, entropies


def greedy(model, prompt, limit, stop_ids=()):
    """Tokens of transformers' generate at temperature 0, and the smallest gap between the best two logits on the way."""
    output = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        use_cache=True,
        max_new_tokens=limit,
        eos_token_id=list(stop_ids) or None,
        pad_token_id=0,
    )
    tokens = output[0, len(prompt) :].tolist()
    with torch.no_grad():
        logits = sequence_logits(model, prompt + tokens)[len(prompt) - 1 : -1]
    best = logits.topk(2, dim=-1).values
    if logits.argmax(-1).tolist() != tokens:
        raise AssertionError("generate and a full forward pass disagree on the greedy tokens")
    return tokens, (best[:, 0] - best[:, 1]).min().item()


def greedy_padded(model, prompts, limit):
    """The same for a left-padded batch."""
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=limit, pad_token_id=0)
    return [row[longest:].tolist() for row in output]
