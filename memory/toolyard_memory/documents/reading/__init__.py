"""Turns a file's bytes into text, its headings and its pages: one file for each kind; knows no store."""
