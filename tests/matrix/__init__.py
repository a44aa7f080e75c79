"""Every command against every profile, judged by one law: the trees are right and the exit code is 0, or it is not 0
and nothing was lost."""
