"""The papers' notebooks: source/ holds their text, the .ipynb beside it what a run of it gave."""
