"""The demo company: a drop folder full of plausible, reproducible rows with a known share of dirt.

What is made up belongs here. Nothing in the project but the CLI and tests may import it.
"""

from orchestration.demo.company import DemoSummary, PlantedFault, write_demo

__all__ = ["DemoSummary", "PlantedFault", "write_demo"]
