"""All runs of a server: who begins, drives, wakes and ends them, and which agents they run; knows no HTTP."""
