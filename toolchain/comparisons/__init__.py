"""Many trainings set side by side."""
