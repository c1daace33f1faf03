"""Running the data space: operations, workers, command lines, and requests to schedulers."""
