"""The experiments of the GIFNet paper, on data sets that the user brings."""
