"""The course's experiments: which runs each one is made of, and what one run does."""
