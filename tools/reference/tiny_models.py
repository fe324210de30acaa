"""Tiny random models of every family, and the forward passes that the fixtures record.

The weights are drawn wider than any real initialisation (matrices 0.2 or 0.3, norms around 1), so that logits are far from
uniform, every gradient is well above rounding, and a norm weight or a bias that is ignored shows.
"""

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

MATRIX_STD = {"qwen3": 0.2, "llama": 0.2}  # of the others: 0.3, without which small models repeat one token
GEMMA_EMBEDDING_STD = 0.08  # the model multiplies its embedding
NORM_STD = 0.2
BIAS_STD = 0.3
CONTEXT_LENGTH = 64

NO_SPECIAL_TOKENS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


def build_config(family):
    return {
        "qwen2": qwen2,
        "qwen3": qwen3,
        "llama": llama,
        "llama-scaled": llama_scaled,
        "smollm3": smollm3,
        "gemma3": gemma3,
    }[family]()


def qwen3():
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


def llama():
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


def qwen2():
    return Qwen2Config(
        vocab_size=47,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=False,
        **NO_SPECIAL_TOKENS,
    )


def llama_scaled():
    """Llama 3.2: rotary frequencies of all three ranges (kept, interpolated, stretched), a tied embedding."""
    return LlamaConfig(
        vocab_size=43,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT_LENGTH,
        rms_norm_eps=1e-5,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 1e2,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
        tie_word_embeddings=True,
        **NO_SPECIAL_TOKENS,
    )


def smollm3():
    return SmolLM3Config(
        vocab_size=41,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
        no_rope_layer_interval=2,  # the second layer does not rotate
        tie_word_embeddings=True,
        **NO_SPECIAL_TOKENS,
    )


def gemma3():
    return Gemma3TextConfig(
        vocab_size=53,
        hidden_size=20,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=8,
        query_pre_attn_scalar=12,  # not the head size
        max_position_embeddings=CONTEXT_LENGTH,
        rms_norm_eps=1e-6,
        sliding_window=5,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1e4},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e2},
        },
        tie_word_embeddings=True,
        **NO_SPECIAL_TOKENS,
    )


def draw(random, family, name, parameter):
    """Random values of a parameter. Gemma's norms multiply by 1 + weight."""
    if name.endswith(".bias"):
        mean, deviation = 0.0, BIAS_STD
    elif parameter.ndim == 1:
        mean, deviation = (0.0 if family == "gemma3" else 1.0), NORM_STD
    elif family == "gemma3" and "embed" in name:
        mean, deviation = 0.0, GEMMA_EMBEDDING_STD
    else:
        mean, deviation = 0.0, MATRIX_STD.get(family, 0.3)
    return random.normal(mean, deviation, tuple(parameter.shape))


def build_model(family, seed, attention="sdpa"):
    """The same weights for the same seed, whatever the attention implementation."""
    config = build_config(family)
    config._attn_implementation = attention
    model = AutoModelForCausalLM.from_config(config).to(torch.float32)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = draw(random, family, name, parameter)
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
