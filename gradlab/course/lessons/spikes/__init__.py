"""A loss spike: clip, skip or rewind?"""
