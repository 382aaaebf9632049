"""Which threshold, and for how many steps? S3's experiment, with the axis that it forgot."""
