"""Makes packages/tamtrl/fixtures/objective/: a tiny model, a batch of rollouts, and what whole objectives come to on it.

Each case is two updates on the same rows, with an AdamW step between: in the second, ratios and KL have moved. The
objective is objective.py's. README.md describes the files.
"""

import copy
import json
import pathlib

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

from fixture_files import round_floats, to_json
from objective import aggregate, contrast, importance, min_max, row_loss, turn_advantages
from tiny_models import completion_statistics

ROOT = pathlib.Path(__file__).resolve().parents[2] / "packages" / "tamtrl"
VOCABULARY = json.loads((ROOT / "models" / "mini" / "tokenizer.json").read_text())["model"]["vocab"]
LIMITS = {"memory": 6, "answer": 3}
OPTIMIZER = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-2, "weightDecay": 0.1, "gradientClipNorm": 0}
LEARNING_RATE = 0.05
NOTHING = "-"

# Question, chunks with their relevant part, and rollouts: memories, answer, outcome, scores of the memories.
QUESTIONS = [
    {
        "question": "anna",
        "answers": ["oslo"],
        "chunks": [("anna oslo bob rome", "anna oslo"), ("eva paris max riga", "")],
        "rollouts": [
            (["anna oslo <eos>", "anna oslo <eos>"], "oslo <eos>", 1, [0.9, 0.7]),
            (["anna rome bob oslo eva paris", "anna rome <eos>"], "rome <eos>", 0, [0.2, 0.4]),
            (["anna ? bob rome <eos>", "anna oslo eva <eos>"], "paris oslo <eos>", 0.5, [0.3, 0.6]),
        ],
    },
    {
        "question": "max eva",
        "answers": ["riga paris"],
        "chunks": [("max riga carl oslo", "max riga"), ("eva paris dora linz", "eva paris")],
        "rollouts": [
            (["max riga eva ? <eos>", "max riga eva paris <eos>"], "riga paris <eos>", 1, [0.8, 1.0]),
            (["carl oslo <eos>", "max oslo eva paris dora linz"], "oslo paris linz", 0, [0.1, 0.5]),
            (["max riga <eos>", "max riga dora linz <eos>"], "riga linz <eos>", 0, [0.75, 0.05]),
        ],
    },
]

BASE = {"advantage": "question-mean-std", "aggregation": "token-mean", "clipLow": 0.2, "clipHigh": 0.28}
BASE |= {"klCoefficient": 0.1, "oldLogProbabilities": "sampler"}


def case(name, scores, **config):
    return {"name": name, "scores": scores, "config": {**BASE, **config}}


CASES = [
    case("tamtrl, dual clip, entropy bonus", "tamtrl", dualClip=1.5, entropyCoefficient=0.05),
    case("gspo", "given", ratio="sequence", aggregation="sequence-mean", clipLow=0.03, clipHigh=0.04, advantage="mean-std"),
    case("cispo, entropy bonus", "given", ratio="cispo", clipLow=0.1, clipHigh=0.1, entropyCoefficient=0.02),
    case(
        "importance sampling of tokens, trajectory mean",
        "given",
        importanceSampling={"cap": 1.1, "level": "token"},
        oldLogProbabilities="recompute",
        aggregation="trajectory-mean",
        advantage="mean",
    ),
    case(
        "importance sampling of outputs, cispo",
        "given",
        importanceSampling={"cap": 1.2, "level": "sequence"},
        oldLogProbabilities="recompute",
        ratio="cispo",
        reward={"floor": 0.25},
    ),
    case("constant length, split credit", "given", aggregation="constant", turnCredit="split", reward={"combine": "gated", "alpha": 0.5}),
    case(
        "generalised advantages, turn weights",
        "given",
        advantage="mean-std",
        reward={"combine": "score"},
        returns={"gamma": 0.9, "lambda": 0.8},
        turnWeights={"memory": 0.5, "answer": 2},
    ),
    case("igpo's sums of advantages", "given", reward={"combine": "score"}, returns={"of": "advantages"}),
    case(
        "outcomes and scores apart, overlong rollouts filtered",
        "given",
        advantage="mean-std",
        reward={"combine": "advantages", "alpha": 0.2},
        overlong={"filter": "rollout"},
        optimizer={"decayNorms": False},
    ),
    case("opsdl", "opsdl", reward={"opsdl": {"clip": 2, "discount": 0.5}}),
    case("sdpo", "opsdl", reward={"opsdl": {"outcomeWeight": 0.5}}, aggregation="sequence-mean", turnCredit="split"),
]


def build_model():
    config = transformers.Qwen3Config(
        vocab_size=len(VOCABULARY),
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=4,
        max_position_embeddings=64,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
        tie_word_embeddings=True,
    )
    model = transformers.Qwen3ForCausalLM(config).to(torch.float32)
    random = np.random.default_rng(20261127)
    with torch.no_grad():
        for parameter in model.parameters():
            is_norm = parameter.ndim == 1
            values = random.normal(1.0 if is_norm else 0.0, 0.2 if is_norm else 0.4, tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    return model.eval()


def ids(text):
    return [VOCABULARY[word] for word in text.split()]


def update_prompt(question, memory, chunk):
    return ids(f"<question> {question} <memory> {memory} <section> {chunk} <update>")


def conversations(model):
    """One for each turn of each rollout, in order, with what the sampler and the teacher say."""
    random = np.random.default_rng(7)
    rows = []
    for g, entry in enumerate(QUESTIONS):
        for i, (memories, answer, _, _) in enumerate(entry["rollouts"]):
            before = " ".join(f"{key} ?" for key in entry["question"].split())
            turns = []
            for t, written in enumerate(memories):
                chunk, relevant = entry["chunks"][t]
                teacher = update_prompt(entry["question"], before, relevant or NOTHING)
                turns.append(("memory", update_prompt(entry["question"], before, chunk), written, teacher))
                before = written.removesuffix(" <eos>")
            turns.append(("answer", ids(f"<question> {entry['question']} <memory> {before} <answer>"), answer, None))
            for t, (kind, prompt, written, teacher) in enumerate(turns):
                row = {"promptIds": prompt, "completionIds": ids(written)}
                with torch.no_grad():
                    present, _ = completion_statistics(model, row, 1.0)
                    sampler = present.numpy() + random.normal(0, 0.25, len(row["completionIds"]))
                    sampler = [float(f"{value:.9g}") for value in sampler]
                    scored = teacher and completion_statistics(model, {**row, "promptIds": teacher}, 1.0)[0].tolist()
                cut = not written.endswith("<eos>")
                rows.append(
                    {**row, "kind": kind, "rollout": (g, i), "turn": t, "turns": len(turns), "cut": cut}
                    | {"limit": LIMITS[kind], "sampler": sampler, "teacher": scored, "reference": present}
                )
    return rows


def scores_of(rows, kind):
    """[groups][rollouts][memory turns], or None if the method gives tokens advantages and turns their outcomes."""
    if kind == "given":
        return [[scores for _, _, _, scores in entry["rollouts"]] for entry in QUESTIONS]
    scores = [[[] for _ in entry["rollouts"]] for entry in QUESTIONS]
    for row in rows:
        if row["kind"] == "memory":
            g, i = row["rollout"]
            # Without the stop token: the memory's own tokens count (eq. 4).
            tokens = len(row["completionIds"]) - (0 if row["cut"] else 1)
            scores[g][i].append(float(np.exp(row["teacher"][:tokens]).mean()))
    return min_max(scores)


def with_advantages(rows, definition):
    config, token_wise = definition["config"], definition["scores"] == "opsdl"
    scores = None if token_wise else scores_of(rows, definition["scores"])
    advantages = []
    for g, entry in enumerate(QUESTIONS):
        outcomes = [outcome for _, _, outcome, _ in entry["rollouts"]]
        # Without scores, every turn earns the outcome.
        own = scores[g] if scores else [[1.0] * len(memories) for memories, _, _, _ in entry["rollouts"]]
        advantages.append(turn_advantages(outcomes, own, config))
    made = []
    for row in rows:
        g, i = row["rollout"]
        own = torch.full((len(row["completionIds"]),), advantages[g][i][row["turn"]], dtype=torch.float64)
        if token_wise:
            options = config["reward"]["opsdl"]
            own = options.get("outcomeWeight", 0) * own
            if row["kind"] == "memory":
                own = own + torch.tensor(contrast(row["teacher"], row["sampler"], options), dtype=torch.float64)
        sampler = torch.tensor(row["sampler"])
        old = row["reference"] if config["oldLogProbabilities"] == "recompute" else sampler
        extended = {**row, "advantages": own.float(), "old": old}
        if "importanceSampling" in config:
            extended["importance"] = importance(old, sampler, config["importanceSampling"])
        made.append(extended)
    if config.get("overlong", {}).get("filter") == "rollout":
        cut = {row["rollout"] for row in made if row["cut"]}
        made = [row for row in made if row["rollout"] not in cut]
    return made


def optimizer_of(model, config):
    decay = OPTIMIZER["weightDecay"]
    norms = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    spared = config.get("optimizer", {}).get("decayNorms") is False
    groups = [{"params": matrices, "weight_decay": decay}, {"params": norms, "weight_decay": 0 if spared else decay}]
    betas = (OPTIMIZER["beta1"], OPTIMIZER["beta2"])
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=betas, eps=OPTIMIZER["epsilon"])


def run_case(model, rows, definition):
    model = copy.deepcopy(model)
    config = definition["config"]
    rows = with_advantages(rows, definition)
    optimizer = optimizer_of(model, config)
    updates, tensors = [], []
    for _ in range(2):
        optimizer.zero_grad()
        losses, clipped = [], 0
        for row in rows:
            log_probabilities, entropies = completion_statistics(model, row, 1.0)
            losses.append(row_loss(row, log_probabilities, entropies, config))
            ratio = (log_probabilities - row["old"]).exp()
            ratio = ratio.log().mean().exp() if config.get("ratio") == "sequence" else ratio
            outside = (ratio < 1 - config["clipLow"]) | (ratio > 1 + config["clipHigh"])
            clipped += int(outside.sum())
        loss = aggregate(rows, losses, config)
        loss.backward()
        updates.append({"loss": loss.item(), "outside": clipped})
        tensors.append({name: parameter.grad.detach().clone() for name, parameter in model.named_parameters()})
        optimizer.step()
    if updates[1]["outside"] == 0:
        raise AssertionError(f"{definition['name']}: no ratio of the second update is outside its bounds")
    return {**definition, "updates": updates}, tensors


def main():
    torch.set_num_threads(1)
    folder = ROOT / "fixtures" / "objective"
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model()
    rows = conversations(model)
    made = [run_case(model, rows, definition) for definition in CASES]
    turns = iter(rows)
    groups = [
        {
            **{key: entry[key] for key in ("question", "answers")},
            "chunks": [chunk for chunk, _ in entry["chunks"]],
            "filteredChunks": [relevant for _, relevant in entry["chunks"]],
            "rollouts": [
                {
                    "outcome": outcome,
                    "scores": scores,
                    "turns": [
                        {"text": text, "logProbabilities": next(turns)["sampler"]} for text in [*memories, answer]
                    ],
                }
                for memories, answer, outcome, scores in entry["rollouts"]
            ],
        }
        for entry in QUESTIONS
    ]
    settings = {"limits": LIMITS, "optimizer": OPTIMIZER, "learningRate": LEARNING_RATE}
    cases = {**settings, "groups": groups, "cases": [definition for definition, _ in made]}
    (folder / "cases.json").write_text(to_json(round_floats(cases)) + "\n")
    model.save_pretrained(folder / "model")
    (folder / "model" / "generation_config.json").unlink()
    flat = {
        f"{number}/{update}/{name}": value.contiguous()
        for number, (_, tensors) in enumerate(made)
        for update, gradients in enumerate(tensors)
        for name, value in gradients.items()
    }
    save_file(flat, folder / "gradients.safetensors", metadata={"format": "pt"})
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    for definition, tensors in made:
        norms = [sum(float((value.double() ** 2).sum()) for value in update.values()) ** 0.5 for update in tensors]
        print(definition["name"], [update["loss"] for update in definition["updates"]], norms)


if __name__ == "__main__":
    main()
