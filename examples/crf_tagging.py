"""A linear-chain conditional random field that marks names in sentences, trained by gradients of its `log_Z`.

The gradient of log p(tags | words) is the observed features minus the expected ones, which are the gradient of `log_Z`.
"""

import numpy as np

from srcdiff import expfam

SENTENCES = """
Mr_B Bennet_I replied_O that_O he_O had_O not_O | Jane_B Austen_I wrote_O to_O Cassandra_B
the_O letter_O went_O to_O London_B yesterday_O | Sir_B William_I Lucas_I came_O to_O dinner_O
She_O told_O Charlotte_B Lucas_I about_O it_O | In_O Hertfordshire_B nobody_O had_O heard_O of_O Mr_B Darcy_I
My_O sister_O and_O Elizabeth_B walked_O home_O | Colonel_B Forster_I and_O his_O wife_O left_O Brighton_B
"""
TEST = "Sir_B Jane_I Forster_I went_O to_O Meryton_B with_O Kitty_B"
TAGS = "OBI"
FEATURES = ("bias", "capital", "first word", "title", "previous is capital", "previous is title")


def parsed(text):
    words, tags = zip(*(w.rsplit("_", 1) for w in text.split()), strict=True)
    capital = [w[0].isupper() for w in words]
    title = [w in ("Mr", "Sir", "Colonel", "Mrs") for w in words]
    before = [False, *capital[:-1]], [False, *title[:-1]]
    columns = [[True] * len(words), capital, [True, *[False] * len(title[1:])], title, *before]
    return words, np.array(columns, float).T, np.array([TAGS.index(t) for t in tags])


def observed(x, tags):
    one_hot = np.eye(3)[tags]
    return x.T @ one_hot, one_hot[:-1].T @ one_hot[1:]


def main():
    data = [parsed(s) for line in SENTENCES.strip().splitlines() for s in line.split("|")]
    weights, log_A = np.zeros((len(FEATURES), 3)), np.zeros((3, 3))
    for _ in range(400):
        step_w, step_A = -0.02 * weights, -0.02 * log_A  # a Gaussian prior
        for _, x, tags in data:
            expected, seen = expfam.crf.mean((weights, log_A), x), observed(x, tags)
            step_w, step_A = step_w + seen[0] - expected[0], step_A + seen[1] - expected[1]
        weights, log_A = weights + 0.1 * step_w, log_A + 0.1 * step_A
    words, x, tags = parsed(TEST)
    print(expfam.crf.viterbi.source_for((weights, log_A), x))
    path = expfam.crf.mode((weights, log_A), x)
    for word, tag, right in zip(words, path, tags, strict=True):
        print(f"{word:10} {TAGS[tag]} {'' if tag == right else 'wrong'}")
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    labels = {"xticklabels": [*TAGS], "yticklabels": FEATURES}
    plt.imshow(weights).axes.set(xticks=range(3), yticks=range(len(FEATURES)), **labels)
    plt.savefig("crf_tagging.png")


if __name__ == "__main__":
    main()
