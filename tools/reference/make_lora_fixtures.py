"""Makes the fixtures that adapters are compared with: packages/engine/fixtures/reference-lora, a folder a family.

PEFT puts adapters on the models of make_engine_fixtures.py, computes with them in float32 on PyTorch and saves them.
The models themselves are not written again: adapter_config.json names packages/engine/fixtures/reference.

    python make_lora_fixtures.py                    # rewrites the fixtures
    python make_lora_fixtures.py --check FOLDER BASE  # loads an adapter that the engine saved, prints log-probabilities
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

import peft
from fixture_files import round_floats, to_json
from losses import cross_entropy
from make_engine_fixtures import ADAMW, GREEDY_GAP, GREEDY_TOKENS, SEEDS, global_norm, make_rows, statistics
from tiny_models import build_model, greedy

# Every projection with the default scale, and a few with a scale that is not a whole number.
ADAPTERS = {
    "qwen3": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"},
    "llama": {"r": 3, "lora_alpha": 5, "target_modules": ["q_proj", "v_proj", "down_proj"]},
    # Projections with a bias and without.
    "qwen2": {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj", "o_proj"]},
    "llama-scaled": {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "k_proj"]},
    "smollm3": {"r": 2, "lora_alpha": 4, "target_modules": ["k_proj", "gate_proj"]},
    "gemma3": {"r": 2, "lora_alpha": 4, "target_modules": "all-linear"},
}
ADAMW_STEPS = 5
GREEDY_PROMPT_LENGTHS = [1, 6, 13]


def adapted(family):
    """The model with an adapter whose A and B are both random: with B zero, A would have no gradient."""
    settings = LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **ADAPTERS[family])
    model = get_peft_model(build_model(family, SEEDS[family]), settings).eval()
    random = np.random.default_rng(SEEDS[family] + 2000)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                values = random.normal(0.0, 0.3, tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    return model


def trained(model, of):
    """By the names under which PEFT saves them."""
    named = [(name.replace(".default.", "."), value) for name, value in model.named_parameters() if value.requires_grad]
    return {name: of(value).detach().clone().contiguous() for name, value in named}


def loss_of(model, rows):
    log_probabilities, _ = statistics(model, rows, 1.0)
    return cross_entropy(torch.cat(log_probabilities)).mean(), log_probabilities


def gradient_case(model, rows):
    model.zero_grad()
    loss, log_probabilities = loss_of(model, rows)
    loss.backward()
    gradients = trained(model, lambda parameter: parameter.grad)
    case = {
        "loss": loss.item(),
        "logProbabilities": [values.tolist() for values in log_probabilities],
        "gradientNorm": global_norm(gradients.values()),
    }
    return case, gradients


def adamw_case(model, rows):
    """Changes the adapter."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters,
        lr=ADAMW["learningRate"],
        betas=(ADAMW["beta1"], ADAMW["beta2"]),
        eps=ADAMW["epsilon"],
        weight_decay=ADAMW["weightDecay"],
        foreach=False,
    )
    steps = []
    for _ in range(ADAMW_STEPS):
        optimiser.zero_grad()
        loss, _ = loss_of(model, rows)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, ADAMW["gradientClipNorm"], foreach=False)
        optimiser.step()
        steps.append({"loss": loss.item(), "gradientNorm": norm.item()})
    return {"options": ADAMW, "steps": steps}, trained(model, lambda parameter: parameter)


def greedy_cases(model, random):
    cases = []
    for length in GREEDY_PROMPT_LENGTHS:
        while True:
            prompt = random.integers(0, model.config.vocab_size, length).tolist()
            tokens, gap = greedy(model, prompt, GREEDY_TOKENS)
            if gap > 10 * GREEDY_GAP and len(set(tokens)) >= 6:
                break
        cases.append({"promptIds": prompt, "maxTokens": GREEDY_TOKENS, "tokens": tokens, "smallestGap": gap})
    return cases


def write(folder, family):
    model = adapted(family)
    random = np.random.default_rng(SEEDS[family] + 3000)
    rows = make_rows(random, model.config.vocab_size)
    settings = model.peft_config["default"]
    # A path from the adapter's folder to its base.
    settings.base_model_name_or_path = f"../../reference/{family}/model"
    settings.target_modules = sorted(settings.target_modules)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    cases = {"versions": versions, "rows": rows}
    with torch.no_grad(), model.disable_adapter():
        cases["baseLogProbabilities"] = [values.tolist() for values in statistics(model, rows, 1.0)[0]]
    cases["crossEntropy"], gradients = gradient_case(model, rows)
    cases["greedy"] = greedy_cases(model, random)
    cases["adamw"], weights = adamw_case(model, rows)
    for name, tensors in (("gradients", gradients), ("adamw", weights)):
        save_file(tensors, folder / f"{name}.safetensors", metadata={"format": "pt"})
    (folder / "cases.json").write_text(to_json(round_floats(cases)) + "\n")
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes files that only their owner may read


def check(folder, base, rows):
    """Log-probabilities of an adapter's completions, loaded by PEFT and beside it merged by PEFT."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, folder).eval()
    with torch.no_grad():
        separate, _ = statistics(model, rows, 1.0)
        merged, _ = statistics(model.merge_and_unload(), rows, 1.0)
    print(json.dumps({"separate": [v.tolist() for v in separate], "merged": [v.tolist() for v in merged]}))


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "packages" / "engine" / "fixtures" / "reference-lora"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=default)
    parser.add_argument("--family", action="append", choices=SEEDS, help="only this one; may be repeated")
    parser.add_argument("--check", nargs=2, metavar=("FOLDER", "BASE"))
    parser.add_argument("--rows", default="[]", help="JSON, with --check")
    arguments = parser.parse_args()
    # One thread: sums in one order.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if arguments.check:
        check(*arguments.check, json.loads(arguments.rows))
        return
    for family in arguments.family or SEEDS:
        folder = arguments.output / family
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, family)


if __name__ == "__main__":
    main()
