"""The ground floor: what every level of the ladder stands on."""

__version__ = "0.1.0"
