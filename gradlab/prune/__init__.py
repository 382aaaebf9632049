"""Which weights can go: scores, masks, schedules, and channels that really leave."""
