"""Everything that is printed or asked.

``screen`` writes to standard error and output what ``sanitize`` made harmless. ``streams`` makes sure that they are
there, and ``pipes`` wait for whoever is at their other end. ``render`` words events and summaries, ``listing``
directory entries, ``units`` sizes and times. ``progress`` draws bars, ``json_lines`` writes --json and --report,
``logs`` -v and --log-file, and ``terminal`` asks questions.
"""
