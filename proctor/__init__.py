"""真学 (Zhenxue): the engine that turns evidence into credited milliseconds."""

__version__ = "0.1.0"
