"""Visually rich Korean and English pages are drawn; queries, questions and graded pairs over them are measured (in the way of Jina-VDR)."""
