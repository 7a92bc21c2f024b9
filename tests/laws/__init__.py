"""Laws that hold for every chart, over generated charts with the shapes that hospitals send."""
