"""What hypercare costs, as ratios from one run: `make bench`."""
