"""The ground floor: what every level of the ladder stands on."""

from shared.switches import switch

__version__ = "0.1.0"

switch()  # before any library is imported
