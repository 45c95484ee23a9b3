"""`python -m toolyard_runtime.cli`: the same program where no script is on the path."""

from toolyard_runtime.cli import main

main()
