"""Writes an untrained model, for the initial and the deploy Model."""

import sys

from interface import Estimator
from sedna.backend import set_backend

if __name__ == "__main__":
    set_backend(Estimator).estimator.save(sys.argv[1])
