"""One step of TAMTRL in PyTorch and transformers, as an engineer would write it without an engine of their own.

Rollouts turn by turn with a batched, cached `generate`; teacher scores in batches of one length; the update in
micro-batches that are sorted by length, on the tokens that count only; fused AdamW. The work (prompts as ids with their
slots, questions, limits) comes from bench/step-cases.mjs. For each line "run" on stdin one step is made.
"""

import argparse
import json
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM

from bench_engine import emit, keep_memory

QUESTION, MEMORY, CHUNK = -1, -2, -3
MICRO_BATCH_TOKENS = 8192


def filled(frame, question, memory, chunk=()):
    """A prompt: the frame's tokens, with the parts in its slots."""
    parts = {QUESTION: question, MEMORY: memory, CHUNK: chunk}
    return [token for item in frame for token in (parts[item] if item < 0 else [item])]


class Step:
    def __init__(self, work):
        self.work = work
        self.model = AutoModelForCausalLM.from_pretrained(work["model"], attn_implementation="sdpa", dtype=torch.float32)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=work["learning_rate"], betas=(0.9, 0.95), weight_decay=0, fused=True
        )
        self.stops = set(work["stop_ids"])
        self.seconds = {}
        self.rows = 0

    def timed(self, phase, run):
        start = time.perf_counter()
        result = run()
        self.seconds[phase] = self.seconds.get(phase, 0) + time.perf_counter() - start
        return result

    def __call__(self):
        self.seconds = {}
        turns = self.timed("rollouts", self.rollouts)
        self.timed("score", lambda: self.teach(turns))
        self.advantages(turns)
        self.timed("train", lambda: self.update(turns))
        self.rows = len(turns)

    @torch.inference_mode()
    def sample(self, prompts, new):
        """Sampled tokens of each prompt, up to and with the stop token, and their log-probabilities."""
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        output = self.model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=new,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=sorted(self.stops),
            pad_token_id=0,
            output_scores=True,
            return_dict_in_generate=True,
        )
        tokens = output.sequences[:, longest:]
        scores = torch.stack(output.scores, dim=1).log_softmax(-1)
        chosen = scores.gather(2, tokens[:, :, None]).squeeze(2).tolist()
        results = []
        for row, logs in zip(tokens.tolist(), chosen):
            end = next((at + 1 for at, token in enumerate(row) if token in self.stops), len(row))
            results.append((row[:end], logs[:end]))
        return results

    def rollouts(self):
        self.model.eval()
        work, group = self.work, self.work["group_size"]
        rollouts = [(q, number) for q in range(len(work["questions"])) for number in range(group)]
        memories = [work["questions"][q]["initial_memory"] for q, _ in rollouts]
        turns = []
        for turn in range(len(work["questions"][0]["chunks"]) + 1):
            prompts = []
            for (q, _), memory in zip(rollouts, memories):
                question = work["questions"][q]
                last = turn == len(question["chunks"])
                frame = work["answer"] if last else work["update"]
                prompts.append(filled(frame, question["question"], memory, () if last else question["chunks"][turn]))
            samples = self.sample(prompts, work["answer_tokens"] if last else work["memory_tokens"])
            for at, ((q, number), (tokens, logs)) in enumerate(zip(rollouts, samples)):
                written = [token for token in tokens if token not in self.stops]
                turns.append(
                    {
                        "question": q,
                        "rollout": number,
                        "prompt": prompts[at],
                        "tokens": tokens,
                        "logs": logs,
                        "before": memories[at],
                        "turn": None if last else turn,
                        "reward": float(written == work["questions"][q]["answer"]) if last else None,
                    }
                )
                if not last and written:
                    memories[at] = written
        return turns

    def log_probabilities(self, rows, use_cache=False):
        """Micro-batches of (prompt, completion) rows, longest first, with the logits of completions only."""
        order = sorted(range(len(rows)), key=lambda at: -sum(map(len, rows[at])))
        start = 0
        while start < len(order):
            longest = sum(map(len, rows[order[start]]))
            end = start + max(1, MICRO_BATCH_TOKENS // longest)
            chosen = order[start:end]
            start = end
            ids = torch.zeros((len(chosen), longest), dtype=torch.long)
            mask = torch.zeros((len(chosen), longest), dtype=torch.long)
            places, targets = [], []
            for row, at in enumerate(chosen):
                prompt, completion = rows[at]
                length = len(prompt) + len(completion)
                ids[row, :length] = torch.tensor(prompt + completion)
                mask[row, :length] = 1
                places += [row * longest + place for place in range(len(prompt) - 1, length - 1)]
                targets += completion
            hidden = self.model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            logits = self.model.lm_head(hidden.flatten(0, 1)[places])
            logs = logits.log_softmax(-1).gather(1, torch.tensor(targets)[:, None]).squeeze(1)
            yield chosen, logs

    @torch.inference_mode()
    def teach(self, turns):
        """Mean probability of every memory for the model that reads the relevant part of the chunk only."""
        updates = [turn for turn in turns if turn["turn"] is not None]
        rows = []
        for turn in updates:
            question = self.work["questions"][turn["question"]]
            written = [token for token in turn["tokens"] if token not in self.stops] or turn["tokens"]
            prompt = filled(
                self.work["update"], question["question"], turn["before"], question["filtered"][turn["turn"]]
            )
            rows.append((prompt, written))
        for chosen, logs in self.log_probabilities(rows):
            parts = logs.exp().split([len(rows[at][1]) for at in chosen])
            for at, part in zip(chosen, parts):
                updates[at]["score"] = part.mean().item()
        scores = [turn["score"] for turn in updates]
        low, high = min(scores), max(scores)
        for turn in updates:
            turn["score"] = (turn["score"] - low) / max(high - low, 1e-6)

    def advantages(self, turns):
        outcomes = {(turn["question"], turn["rollout"]): turn["reward"] for turn in turns if turn["turn"] is None}
        by_question = {}
        for turn in turns:
            reward = outcomes[turn["question"], turn["rollout"]]
            turn["value"] = reward + turn.get("score", 0)
            by_question.setdefault(turn["question"], []).append(turn["value"])
        for turn in turns:
            values = torch.tensor(by_question[turn["question"]])
            turn["advantage"] = ((turn["value"] - values.mean()) / (values.std() + 1e-6)).item()

    def update(self, turns):
        self.model.train()
        rows = [(turn["prompt"], turn["tokens"]) for turn in turns]
        total = sum(len(tokens) for _, tokens in rows)
        for chosen, logs in self.log_probabilities(rows):
            old = torch.tensor([log for at in chosen for log in turns[at]["logs"]])
            advantage = torch.tensor([turns[at]["advantage"] for at in chosen for _ in turns[at]["tokens"]])
            ratio = (logs - old).exp()
            loss = torch.maximum(-ratio * advantage, -ratio.clamp(0.8, 1.28) * advantage).sum() / total
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, help="JSON that bench/step.mjs writes")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    keep_memory()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    with open(arguments.work) as file:
        step = Step(json.load(file))
    emit("ready", torch=torch.__version__, transformers=transformers.__version__, threads=torch.get_num_threads())
    for line in sys.stdin:
        if line.strip() != "run":
            raise SystemExit(f'unknown command {line.strip()!r} on stdin: send "run", or end the input')
        start = time.perf_counter()
        step()
        emit("run", seconds=time.perf_counter() - start, phases=step.seconds, rows=step.rows)


if __name__ == "__main__":
    main()
