"""How short a feature vector can be: normalisation and linear projections."""
