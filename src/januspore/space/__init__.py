"""The data space: studies, plans, jobs, and what is done of them, judged by files."""
