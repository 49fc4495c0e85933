"""Pixels as files store them, turned into grey or RGB(A) pixels with missing ones marked."""
