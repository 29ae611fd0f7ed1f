"""Baum-Welch whose E-step is generated: letters of English fall into vowels and consonants.

There is no forward-backward algorithm here: the expected counts are the gradient of `log_Z`.
"""

import numpy as np

from srcdiff import expfam

TEXT = """
It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.
However little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so
well fixed in the minds of the surrounding families, that he is considered the rightful property of some one or other of
their daughters. "My dear Mr. Bennet," said his lady to him one day, "have you heard that Netherfield Park is let at
last?" Mr. Bennet replied that he had not. "But it is," returned she; "for Mrs. Long has just been here, and she told me
all about it." Mr. Bennet made no answer. "Do you not want to know who has taken it?" cried his wife impatiently. "You
want to tell me, and I have no objection to hearing it." This was invitation enough.
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz "


def m_step(counts):
    with np.errstate(divide="ignore"):  # what never occurs is forbidden: -inf
        return tuple(np.log(c / c.sum(axis=-1, keepdims=True)) for c in counts)


def main():
    words = "".join(c if c in LETTERS else " " for c in TEXT.lower()).split()
    data = np.array([LETTERS.index(c) for c in " ".join(words)])
    rng = np.random.default_rng(0)
    log_A = np.log(rng.dirichlet(np.ones(2), size=2))
    eta = np.log([0.5, 0.5]), log_A, np.log(rng.dirichlet(10.0 * np.ones(27), size=2))
    print(expfam.hmm.e_step.source_for(eta, data))
    before = -np.inf
    for _ in range(300):
        log_likelihood, counts = expfam.hmm.e_step(eta, data)
        assert log_likelihood > before - 1e-8
        if log_likelihood - before < 1e-4:
            break
        before, eta = log_likelihood, m_step(counts)
    print(f"log-likelihood {log_likelihood:.2f} after EM")
    path = expfam.hmm.mode(eta, data)
    for state in range(2):
        p = np.exp(eta[2][state])
        often = [LETTERS[k].replace(" ", "_") for k in np.argsort(-p)[:7]]
        print(f"state {state}: {' '.join(often)}")
    print("".join(LETTERS[y] for y in data[:60]))
    print("".join("-+"[s] for s in path[:60]))
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    plt.bar(list(LETTERS), np.exp(eta[2][0]) - np.exp(eta[2][1]))
    plt.savefig("hmm_em.png")


if __name__ == "__main__":
    main()
