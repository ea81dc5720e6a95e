"""Points lost against dense, ours ÷ published, from `snapvit evaluate --json` of one file a seed.

usage: points_lost.py EVALUATION.json…    each of --as-is --ordering OURS,PUBLISHED --budgets 1,0.75,0.5

Sums the points of top-1 and of k-NN lost at the budgets below 1; paired bootstrap over seeds of the ratio of the sums.
"""
import json
import random
import sys


def lost(path, measure):
    rows = json.load(open(path))["rows"]
    names = list(dict.fromkeys(row["ordering"] for row in rows))
    result = []
    for name in names:
        own = [row for row in rows if row["ordering"] == name]
        dense = next(row[measure] for row in own if row["budget"] == "1")
        result.append(100 * sum(dense - row[measure] for row in own if row["budget"] != "1"))
    return result


def ratio(pairs):
    return sum(ours for ours, _ in pairs) / sum(published for _, published in pairs)


def main():
    draw = random.Random(0)
    for measure in ("top1", "knn"):
        pairs = [lost(path, measure) for path in sys.argv[1:]]
        samples = sorted(ratio([draw.choice(pairs) for _ in pairs]) for _ in range(10_000))
        print(f"{measure}: lost by ours {sum(p[0] for p in pairs) / len(pairs):.2f}, "
              f"published {sum(p[1] for p in pairs) / len(pairs):.2f}; ratio {ratio(pairs):.3f}, "
              f"95 % {samples[250]:.3f} to {samples[9749]:.3f} over {len(pairs)} seeds")


if __name__ == "__main__":
    main()
