"""The parts that widgets are composed of."""
