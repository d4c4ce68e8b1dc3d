"""What people and the chart run: commands that edit what the API offers, and nothing else."""
