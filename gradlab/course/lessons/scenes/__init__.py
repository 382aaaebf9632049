"""Who needs clipping to read a scene: RNN, CRNN and Transformer on three tasks."""
