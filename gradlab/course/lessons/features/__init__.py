"""How short can a feature vector be?

A vector of ``d`` features goes through a map to ``k`` numbers, and a classifier reads those. The
maps are principal components and random projections, from scikit-learn, and learned ones.

- ``extract``: what a network makes of pictures, up to one of its layers
- ``distortion``: what a map made of the distances between vectors
- ``lengths_panel``: slide the length; what is left in the vectors?
- ``maps_panel``: which map keeps accuracy, and does it keep variance?
"""

from gradlab.course.lessons.features.comparison import maps_panel
from gradlab.course.lessons.features.controls import lengths_panel
from gradlab.course.lessons.features.vectors import distortion, extract

__all__ = ["distortion", "extract", "lengths_panel", "maps_panel"]
