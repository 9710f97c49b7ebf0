"""The published networks that come with owlbit, and their cards."""
