"""`vi.dist`: the distributions, under a short name that can be imported from."""

from srcdiff.vi.distributions import *  # noqa: F403
from srcdiff.vi.distributions import __all__ as __all__
