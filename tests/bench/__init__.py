"""How much work, how long, how many calls: figures for docs/performance.md, measured on a simulated bed."""
