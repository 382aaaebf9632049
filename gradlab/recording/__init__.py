"""The gradients of a training run, recorded by two lines, and what they answer."""
