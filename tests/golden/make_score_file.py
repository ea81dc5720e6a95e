"""Makes tests/testdata/scores/synthetic.pt: a score file of the layout that SnapViT's authors publish, with made-up numbers.

usage: make_score_file.py     (packages: tests/requirements-golden.txt)
"""
import enum
import pathlib
import sys
import types

import torch

# The classes that the authors' files refer to, under the names that they have there.
for name in ("src", "src.models", "src.models.enums"):
    sys.modules[name] = types.ModuleType(name)
enums = sys.modules["src.models.enums"]
for name, members in (("ModelType", {"DINO": "dino_vitb16"}), ("MLPArchitecture", {"STANDARD": "standard"})):
    setattr(enums, name, enum.Enum(name, members, module="src.models.enums", type=str))

BLOCKS, HIDDEN, HEADS = 3, 40, 5
out = pathlib.Path(__file__).parents[1] / "testdata" / "scores"
out.mkdir(exist_ok=True)
# Every score is different, and easy to write down again: (37·i mod 120) + 1 and (7·i mod 15) + 1, over 1000.
mlp = torch.tensor([(37 * i) % 120 + 1 for i in range(BLOCKS * HIDDEN)], dtype=torch.float32).view(BLOCKS, HIDDEN) / 1000
heads = torch.tensor([(7 * i) % 15 + 1 for i in range(BLOCKS * HEADS)], dtype=torch.float32).view(BLOCKS, HEADS) / 1000
torch.save({
    "mlp_scores": mlp, "head_scores": heads,
    "model_type": enums.ModelType.DINO, "mlp_architecture": enums.MLPArchitecture.STANDARD,
    "num_blocks": BLOCKS, "hidden_dim": HIDDEN, "embed_dim": 30, "num_heads": HEADS, "head_dim": 6,
    "min_hidden_dim_keep_ratio": 0.05, "min_head_keep_ratio": 0.2,
    "metadata": {"seed": 7, "pruning_dataset": "made-up", "ga_loss_types": ["cosine-similarity"],
                 "ga_xnes_num_individuals": None, "ga_mlp_pruning_ratios": [0.15, 0.35]},
}, out / "synthetic.pt", pickle_protocol=2)
