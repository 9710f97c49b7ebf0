"""Whole networks, the interface that training needs of them, their Brevitas twin, and random weights."""
