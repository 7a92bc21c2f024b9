"""STAGE 2: facts -> findings. The medicine; imports the chart, never the cards or the shell."""
