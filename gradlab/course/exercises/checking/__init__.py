"""What checks an answer: inputs, laws, limits of time, and the message to the student."""
