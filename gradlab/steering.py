"""A training run with a throttle: one step, rewind, fork."""
