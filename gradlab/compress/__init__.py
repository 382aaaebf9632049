"""How short a feature vector can be: unit length, projections to few numbers, and what they keep.

A vector of ``d`` features goes through a map to ``k`` numbers, and a classifier reads those. Where
a map is linear it is an ``Affine``, whatever it is for: to project, to classify, or to draw back.

- ``features``: what a network makes of pictures, up to one of its layers
- ``unit_length``, ``PCA``, ``random_projection``, ``bottleneck``: maps
- ``classifier``, ``decoder``, ``accuracy``, ``explained``: what can be read from the short vector
- ``shorten``: all of this at several lengths
- ``enough``, ``distortion``: what Johnson and Lindenstrauss promise, and what is measured
"""

from gradlab.compress.affine import Affine
from gradlab.compress.learned import MAPS, bottleneck, classifier
from gradlab.compress.pca import PCA
from gradlab.compress.random import distortion, enough, random_projection
from gradlab.compress.reading import accuracy, decoder, explained
from gradlab.compress.short import LINEAR, Short, Vectors, shorten
from gradlab.compress.vectors import features, unit_length

__all__ = [
    "LINEAR",
    "MAPS",
    "PCA",
    "Affine",
    "Short",
    "Vectors",
    "accuracy",
    "bottleneck",
    "classifier",
    "decoder",
    "distortion",
    "enough",
    "explained",
    "features",
    "random_projection",
    "shorten",
    "unit_length",
]
