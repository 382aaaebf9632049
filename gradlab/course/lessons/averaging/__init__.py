"""Averages of the weights, and augmented pictures: do they help, with clipping and without?"""
