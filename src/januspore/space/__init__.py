"""The data space: studies, plans, jobs, and how far each job is, judged by its files."""
