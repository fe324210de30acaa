"""Writes packages/tamtrl/fixtures/metrics/published.json: scores that the published scripts themselves give.

Nothing of the scripts is in this repository; they are run from checkouts of theirs:

    python3 -m venv .venv && .venv/bin/pip install rouge==1.0.1 rouge-score==0.1.2 fuzzywuzzy==0.18.0 jieba==0.42.1
    .venv/bin/python make_published_metric_fixtures.py LONGBENCH/LongBench/metrics.py MEMAGENT/taskutils/memory_eval/utils/__init__.py

LONGBENCH: github.com/THUDM/LongBench at 2e00731. MEMAGENT: github.com/BytedTsinghua-SIA/MemAgent at 76b7a65,
whose f1_score is HotpotQA's.
"""

import ast
import importlib.util
import json
import random
import re
import string
import sys
from collections import Counter
from pathlib import Path

from rouge_score import rouge_scorer

OUT = Path(__file__).resolve().parents[2] / "packages" / "tamtrl" / "fixtures" / "metrics" / "published.json"


def module(path):
    spec = importlib.util.spec_from_file_location("published", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def functions(path, names):
    """Only these functions of a file whose other lines import servers and models."""
    tree = ast.parse(Path(path).read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    scope = {"re": re, "string": string, "Counter": Counter}
    exec(compile(tree, path, "exec"), scope)
    return [scope[name] for name in names]


longbench = module(sys.argv[1])
_, hotpotqa_f1, sub_em = functions(sys.argv[2], ["normalize_answer", "f1_score", "sub_exact_match_score"])
rouge = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)

PAIRS = [
    ("Paris", "Paris"), ("paris.", "Paris"), ("It is Paris, the capital of France.", "Paris"), ("", "Paris"), ("The", "Paris"),
    ("Par", "Paris"), ("Paris, France", "Paris"), ("the river flows to the sea. It is long.", "The river flows to the sea."),
    ("The council met on Monday. It approved the budget. Members left early.", "On Monday the council approved the budget. The mayor spoke."),
    ("a a a b b", "a b a b"), ("one two three. four five six.", "four five six. one two three."), ("one three two", "one two three"),
    ("x. y. z.", "z. y. x."), ("...", "a b"), ("a b", "..."), ("word word word", "word"), ("  spaced   out   text ", "spaced out text"),
    ("The report says that housing costs rose by 4.5 percent in 2019.", "Housing costs rose 4.5 percent, the report says."),
    ("line one\nline two", "line one line two"), (". . .", "x"), ("Yes", "yes"), ("no.", "No"), ("yes", "no"), ("no way", "no"),
    ("A", "A"), ("U.S. troops left", "US troops left"), ("b a b c d. a c", "a b c. d a b"), ("the cat sat on the mat", "on the mat sat the cat"),
    ("He said he would not go. She went alone. They met later at the station.", "She went alone. He would not go. They met at the station later."),
    ("a, b, c", "a b c"), ("Ünïcode café", "unicode cafe"), ("1,000 people", "1000 people"), ("There are 17 unique paragraphs.", "17"),
]
words = "the a cat dog sat ran. on mat, big red Paris 12 and of. house".split(" ")
seeded = random.Random(7)
for _ in range(60):
    prediction, gold = (" ".join(seeded.choice(words) for _ in range(seeded.randint(1, most))) for most in (14, 10))
    PAIRS.append((prediction, gold))

NUMBERS = [
    ("17", "17"), ("There are 17 of 30.", "17"), ("none", ""), ("none", "5"), ("5 5 6", "5"), ("05", "5"), ("5.5", "5"), ("٥ 5", "5"),
    ("", "3"), ("3rd, 4th", "3"), ("1,000", "1000"), ("x12y", "12"),
]
PARAGRAPHS = [
    ("Paragraph 12", "Paragraph 12"), ("12", "Paragraph 12"), ("Paragraph 1 or Paragraph 12", "Paragraph 12"), ("none", "Paragraph 3"),
    ("段落3", "段落3"), ("段落3和段落4", "段落3"), ("3", "段落3"), ("第三段", "段落3"), ("paragraph 120", "Paragraph 12"),
    ("Paragraph 3 (of 30)", "Paragraph 3"),
]
KINDS = ["Food", "Date", "Color", "Currency name", "Event", "Other entity", "City", "Other location", "State", "Country", "Code", "Animal"]
NESTED = ["Definition of something", "Description of something", "Manner of an action", "Reason", "something", "a thing", "thing"]
CLASSES = [
    ("City", "City", KINDS), ("City or State", "City", KINDS), ("State", "City", KINDS), ("", "City", KINDS), ("city", "City", KINDS),
    ("Other location", "Other location", KINDS), ("Type: Food", "Food", KINDS), ("Country Code", "Code", KINDS),
    ("Currency name, Date, Color", "Color", KINDS), ("Definition of something", "Definition of something", NESTED),
    ("Definition of something, a thing", "Definition of something", NESTED), ("something", "something", NESTED), ("a thing", "a thing", NESTED),
    ("Description of something or Definition of something", "Definition of something", NESTED), ("a thing", "thing", NESTED),
    ("a bc abc", "abc", ["a", "b", "c", "ab", "abc"]), ("abc", "abc", ["a", "b", "c", "ab", "bc", "abc"]),
    ("abcd", "abc", ["a", "abc", "abcd", "b"]), ("ab", "ab", ["a", "b", "ab"]),
]

cases = {
    "pairs": [
        {
            "prediction": p,
            "gold": g,
            "hotpotqa_f1": float(hotpotqa_f1(p, g)[0]),
            "memagent_sub_em": float(sub_em(p, g)),
            "rouge_l": float(rouge.score(g, p)["rougeL"].fmeasure),
            "longbench_qa_f1": float(longbench.qa_f1_score(p, g)),
            "longbench_rouge_l": float(longbench.rouge_score(p, g)),
        }
        for p, g in PAIRS
    ],
    "numbers": [{"prediction": p, "gold": g, "score": longbench.count_score(p, g)} for p, g in NUMBERS],
    "paragraphs": [
        {"prediction": p, "gold": g, "score": (longbench.retrieval_zh_score if "段落" in g else longbench.retrieval_score)(p, g)}
        for p, g in PARAGRAPHS
    ],
    "classes": [
        {"prediction": p, "gold": g, "labels": labels, "score": float(longbench.classification_score(p, g, all_classes=labels))}
        for p, g, labels in CLASSES
    ],
}
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")
print({name: len(rows) for name, rows in cases.items()})
